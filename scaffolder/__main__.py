"""`python -m scaffolder` is `fewshot`."""

from scaffolder.cli import main

main()
