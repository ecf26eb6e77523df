"""The command line: `facezoo COMMAND`; figures on stdout, progress on stderr.

Exit codes: 0 done, 1 some inputs were skipped, 2 refused or interrupted; an error is one
line that says what was got, what was expected and what to do.
"""

from facezoo.cli import data, lists, photos, studies, training, tuning, weights
from facezoo.cli.app import main

__all__ = ["data", "lists", "main", "photos", "studies", "training", "tuning", "weights"]
