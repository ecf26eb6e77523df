"""JSON files that people write: recipes and spaces."""

from facezoo import files
from facezoo.errors import RecipeError


def read_json(path, kind, example):
    """Return what a JSON file holds.

    Args:
        path: of the file.
        kind: what it should hold, such as "recipe".
        example: what such a file looks like, for the message.

    Raises:
        RecipeError: it cannot be read.
    """
    try:
        return files.read_json(path)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"Got {str(path)!r}, which cannot be read as a {kind} ({error}); expected a JSON file "
            f"{example}. Check the path."
        ) from None
