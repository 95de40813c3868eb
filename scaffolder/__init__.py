"""The `fewshot` command: makes and keeps projects that learn from few labelled pictures."""

__version__ = "0.1.0"
