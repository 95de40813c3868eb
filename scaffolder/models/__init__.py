"""The base-model library: weights in one cache that all projects share, each with its origin."""
