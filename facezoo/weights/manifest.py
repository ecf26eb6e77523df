"""The manifest: which weights are shipped, their files and hashes, and what is known of each.

Reading it needs neither Keras nor pandas: what answers for photographs starts fast, and runs
where they are not installed. `manifest.json` is written by `facezoo.releasing` alone. Names are
`<builder>.<data set>-v<n>`, the target between them where the data set has several; `defaults`
says what a builder's name alone stands for.
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

from facezoo.errors import FacezooError, UnknownName, WeightsError, unknown
from facezoo.files import is_number, read_json, sha256
from facezoo.labels import LabelSet

FOLDER = Path(__file__).parent
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Card:
    """What is known of trained weights.

    Args:
        name: such as "facezoo_base.fer2013-v1"; for a run, its recipe's.
        trained_by: the fields of the recipe that trained them: builder, data, seed and all.
        label_set: `LabelSet` of the outputs.
        input_shape: (height, width, channels).
        protocol: of the pictures, such as "fer2013/public".
        fingerprint: of the prepared data.
        temperature: fitted on validation pictures; `load_model` folds it in.
        metrics: `{"validation": {...}, "test": {...}}` as `Report.to_dict` gives them, of the
            calibrated network, and what else was measured; {} for a run without figures.
        files: `{kind: {"file", "sha256", "bytes"}}`, kinds "keras", "onnx", "onnx-int8"; {} for a
            run.
        facts: commit, date, environment, epochs and the data's licence.
    """

    name: str
    trained_by: dict[str, Any]
    label_set: LabelSet
    input_shape: tuple[int, int, int]
    protocol: str
    fingerprint: str
    temperature: float = 1.0
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, dict] = dataclasses.field(default_factory=dict)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def recipe(self):
        """The `Recipe` of `trained_by`."""
        from facezoo.recipes import Recipe  # brings what reads data sets with it

        return Recipe.from_dict(self.trained_by)

    def to_dict(self):
        """Return the fields as JSON holds them."""
        return {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "label_set": self.label_set.to_dict(),
            "input_shape": list(self.input_shape),
        }

    @classmethod
    def from_dict(cls, fields):
        """Inverse of `to_dict`.

        Raises:
            WeightsError: a field that is of another kind.
            FacezooError: no label set.
            KeyError, TypeError: a field too few or too many, or no object at all.
        """
        card = cls(
            **{
                **fields,
                "label_set": LabelSet.from_dict(fields["label_set"]),
                "input_shape": tuple(fields["input_shape"]),
            }
        )
        texts, objects = ("name", "protocol", "fingerprint"), ("trained_by", "metrics", "files")
        kinds = dict.fromkeys(texts, str) | dict.fromkeys((*objects, "facts"), dict)
        wrong = [f for f, kind in kinds.items() if not isinstance(getattr(card, f), kind)]
        shape = card.input_shape
        if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
            wrong.append("input_shape")
        if not is_number(card.temperature) or not card.temperature > 0:
            wrong.append("temperature")
        if wrong:
            raise WeightsError(
                f"Got {wrong[0]}={str(getattr(card, wrong[0]))[:60]!r} of weights; expected what "
                "Card.to_dict() returns. Write it anew."
            )
        return card


def list_weights(folder=FOLDER):
    """Return the names of the weights that are shipped, or lie in a folder of a release."""
    return sorted(_read(folder)["weights"])


def get_card(name, folder=FOLDER):
    """Return the `Card` of weights by name.

    Args:
        name: such as "facezoo_base.fer2013-v1", or a builder's name for its default.
        folder: of manifest.json and the files; the shipped ones by default.

    Raises:
        UnknownName: no such weights.
        WeightsError: a manifest that is damaged.
    """
    manifest = _read(folder)
    full = manifest["defaults"].get(name, name)
    if not isinstance(full, str) or full not in manifest["weights"]:
        raise unknown("weights", name, {*manifest["weights"], *manifest["defaults"]})
    try:
        card = Card.from_dict(manifest["weights"][full])
        if not all(_whole_entry(entry) for entry in card.files.values()):
            raise KeyError("files")
        return card
    except (FacezooError, AttributeError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from None


def find_source(source, folder=FOLDER):
    """Return the `Card` of weights by name, or the `RunFolder` of a path.

    Raises:
        UnknownName: no such weights, and nothing of that name here.
        WeightsError: a file; or a manifest that is damaged.
        RunError: no run folder at that path.
    """
    if not isinstance(source, (str, os.PathLike)):
        return source
    manifest = _read(folder)
    known = str(source) in {*manifest["weights"], *manifest["defaults"]}
    elsewhere = os.path.exists(source) or os.path.basename(source) != str(source)
    if not elsewhere and not known:
        raise UnknownName(
            f"{unknown('weights', source, {*manifest['weights'], *manifest['defaults']})} A run "
            f"folder may stand here too, but nothing lies at {str(source)!r}."
        )
    if known:
        return get_card(str(source), folder)
    if os.path.isfile(source):
        raise WeightsError(
            f"Got the file {str(source)!r}; expected the name of weights or a run folder. An .onnx "
            "file is for `facezoo predict` and `OnnxNetwork`; a model.keras lies in its run folder."
        )
    from facezoo.runs import RunFolder

    return RunFolder(source)


def weight_file(card, kind, folder=FOLDER):
    """Return the path of a file of weights, its bytes compared with the manifest.

    Args:
        card: `Card`.
        kind: "keras", "onnx" or "onnx-int8".
        folder: as for `get_card`.

    Raises:
        UnknownName: these weights have no file of that kind.
        WeightsError: it is missing, truncated or not the one that was released.
    """
    if kind not in card.files:
        raise unknown(f"file of {card.name!r}", kind, card.files)
    entry = card.files[kind]
    if Path(entry["file"]).name != entry["file"] or "\0" in entry["file"]:
        raise _damaged(folder, f"{entry['file']!r} lies elsewhere")
    path = Path(folder) / entry["file"]
    try:
        size, digest = path.stat().st_size, sha256(path)
    except OSError as error:
        raise WeightsError(
            f"Got {error.strerror!r} for {path}; expected a file of {card.name}. Install facezoo "
            "again."
        ) from None
    if digest != entry["sha256"]:
        found = f"{size:,} bytes" if size != entry["bytes"] else f"sha256 {digest[:12]}"
        wanted = f"{entry['bytes']:,} bytes of sha256 {entry['sha256'][:12]}"
        raise WeightsError(
            f"Got {path} of {found}; expected {wanted}, as {card.name} was released. Install "
            "facezoo again."
        )
    return path


def _read(folder):
    path = Path(folder) / "manifest.json"
    try:
        manifest = read_json(path)
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _damaged(folder, f"not of format {FORMAT}")
    if not all(isinstance(manifest.get(key), dict) for key in ("defaults", "weights")):
        raise _damaged(folder, "fields are missing")
    return manifest


def _whole_entry(entry):
    texts = (entry["file"], entry["sha256"])
    return all(isinstance(text, str) for text in texts) and isinstance(entry["bytes"], int)


def _damaged(folder, reason):
    return WeightsError(
        f"Got {Path(folder) / 'manifest.json'}, which cannot be used ({reason}); expected a "
        "manifest of this version of facezoo. Install facezoo again."
    )
