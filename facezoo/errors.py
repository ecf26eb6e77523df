"""The error family: every message says what was got, what was expected and what to do.

All are `ValueError`s, so that `except ValueError` around a facezoo call keeps working.
"""

LOST_HOST = (
    "Got no sign of another host; expected all to stay until the end. Finished epochs are kept: "
    "start every host again, with --resume RUN."
)


class FacezooError(ValueError):
    """Base of every error that facezoo raises on purpose.

    Its text is one line, whatever a library's message or a file's name in it holds.
    """

    def __str__(self):
        return " ".join(super().__str__().splitlines())


class UnknownName(FacezooError):
    """A recipe, data set, builder, target, protocol or field that does not exist."""


class DatasetNotFound(FacezooError):
    """A data set that was not prepared, or an archive that is not where it was said to be."""


class ArchiveError(FacezooError):
    """An archive that cannot be read, is unsafe, or belongs to another data set."""


class StoreError(FacezooError):
    """A prepared set that is damaged, of another version, or cannot be written."""


class ProtocolError(FacezooError):
    """An evaluation that would answer another question than the one asked, or leak."""


class LabelSetMismatch(FacezooError):
    """Labels of one set met a model or a data set of another."""


class PixelError(FacezooError):
    """A picture that is not uint8, 0-255, channels last."""


class PictureError(FacezooError):
    """A file that cannot be decoded as one still picture; the message is the reason."""


class RecipeError(FacezooError):
    """A recipe whose fields contradict each other or hold impossible values."""


class RunError(FacezooError):
    """A run folder that is damaged, in use, or does not hold what was asked of it."""


class ParallelError(FacezooError):
    """Devices or hosts that are not there, or that a backend cannot train on together."""


class ResultsError(FacezooError):
    """Stored results of the studies that are damaged or of another version."""


class TuningError(FacezooError):
    """A search that cannot begin or go on: its storage, its study, or all of its trials failed."""


class TrainingDiverged(FacezooError):
    """A loss that became NaN or infinite; names the epoch and the last good checkpoint."""


class CollapseWarning(UserWarning):
    """A model in training that answers one class for nearly every picture; no error."""


def unknown(kind, got, known):
    """Return an `UnknownName` that lists the names that exist, nearest first.

    Args:
        kind: what was looked up, such as "recipe" or "target of 'cmu_faces'".
        got: the name that was asked for.
        known: the names that exist.
    """
    import difflib

    known = sorted(map(str, known))
    near = difflib.get_close_matches(str(got), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    what, of, owner = kind.partition(" of ")
    return UnknownName(
        f"No {what} {got!r}{of}{owner}.{hint} There are: {', '.join(known) or 'none'}."
    )


def not_installed(module, what, extra):
    """Return a `FacezooError` for a package that an extra brings.

    Args:
        module: the missing one.
        what: what wants it, such as "the page".
        extra: of facezoo, such as "app".
    """
    return FacezooError(
        f"Got no module {module!r}, which {what} wants; expected it to be installed. Run: "
        f"pip install -e '.[{extra}]' in facezoo's folder"
    )


def missing_module(module):
    """Return a `FacezooError` for a package that facezoo's own requirements bring."""
    return FacezooError(
        f"Got no module {module!r}; expected it to be installed. Run: pip install -e . "
        "in facezoo's folder"
    )


class WeightsError(FacezooError):
    """Weights that are missing, belong to another network, or cannot be fetched."""
