"""`python -m facezoo` and the command `facezoo`: both begin here, also where much is missing."""

import sys

from facezoo.errors import missing_module


def main():
    """Run the command line, or say in a line which package it lacks."""
    try:
        from facezoo.cli import main as run
    except ModuleNotFoundError as error:
        print(f"facezoo: {missing_module(error.name)}", file=sys.stderr)
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
