"""`python -m facezoo` is the command `facezoo`."""

from facezoo.cli import main

main()
