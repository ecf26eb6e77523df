"""Label sets: the only place where the order of classes is written.

An index means nothing without its `LabelSet`: prepared sets, run folders, weights and
confusion matrices carry one, and models of two sets meet only through `remap`.
"""

import dataclasses

import numpy as np

from facezoo.errors import FacezooError, LabelSetMismatch, unknown


@dataclasses.dataclass(frozen=True)
class LabelSet:
    """A name and its classes in the order of a model's outputs.

    Args:
        name: such as "expression-7".
        classes: names in the order of the outputs; at least two, no two alike.

    Example:
        >>> pose = LabelSet("pose", ("left", "right", "straight", "up"))
        >>> pose.index("straight"), len(pose)
        (2, 4)
    """

    name: str
    classes: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        if len(self.classes) < 2 or len(set(self.classes)) != len(self.classes):
            raise FacezooError(
                f"Label set {self.name!r} got classes {self.classes}; expected at least two, "
                "no two alike. Name each class once."
            )

    def __len__(self):
        return len(self.classes)

    def index(self, name):
        """Return the index of class `name`; `UnknownName` lists the classes otherwise."""
        try:
            return self.classes.index(name)
        except ValueError:
            raise unknown(f"class of {self.name!r}", name, self.classes) from None

    def encode(self, names):
        """Class names, any sequence of length N -> int64 (N,) indices."""
        lookup = {name: i for i, name in enumerate(self.classes)}
        try:
            return np.array([lookup[name] for name in names], dtype=np.int64)
        except KeyError as error:
            raise unknown(f"class of {self.name!r}", error.args[0], self.classes) from None

    def to_dict(self):
        """Return `{"name": ..., "classes": [...]}`, ready for JSON."""
        return {"name": self.name, "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, fields):
        """Inverse of `to_dict`; `FacezooError` for anything else."""
        if isinstance(fields, dict) and isinstance(fields.get("name"), str):
            classes = fields.get("classes")
            if isinstance(classes, list | tuple) and all(isinstance(c, str) for c in classes):
                return cls(fields["name"], tuple(classes))
        raise FacezooError(
            f"Got {str(fields)[:60]!r} as a label set; expected an object with a name and a list "
            "of classes. Use what LabelSet.to_dict() returns."
        )


EXPRESSION_7 = LabelSet(
    "expression-7", ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
)  # the order of fer2013.csv and of ExpW's label.lst
EXPRESSION_8 = LabelSet(
    "expression-8",
    ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"),
)  # the order of fer2013new.csv (FER+)
EXPRESSION_6 = LabelSet("expression-6", EXPRESSION_7.classes[:6])  # what CK+ and FER2013 share
CKPLUS_EXPRESSION = LabelSet(
    "ckplus-expression",
    ("angry", "contempt", "disgust", "fear", "happy", "sad", "surprise"),
)  # the order of CK+48's folders; it has no neutral one
AFFECTNET_EXPRESSION = LabelSet(
    "affectnet-expression",
    ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"),
)  # the codes of AffectNet's annotation files
CMU_EXPRESSION = LabelSet("cmu-expression", ("neutral", "happy", "sad", "angry"))
POSE = LabelSet("pose", ("left", "right", "straight", "up"))  # CMU Face Images' four
EYES = LabelSet("eyes", ("open", "sunglasses"))
CMU_PEOPLE = LabelSet(  # CMU Face Images' user ids
    "identity",
    [
        "an2i",
        "at33",
        "boland",
        "bpm",
        "ch4f",
        "cheyer",
        "choon",
        "danieln",
        "glickman",
        "karyadi",
        "kawamura",
        "kk49",
        "megak",
        "mitchell",
        "night",
        "phoebe",
        "saavik",
        "steffi",
        "sz24",
        "tammo",
    ],
)

SYNONYMS = {
    "anger": "angry",
    "afraid": "fear",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "contemptuous": "contempt",
}  # the data sets' spellings -> ours


def canonical(name):
    """Return our spelling of a class name: "Happiness" and "happy" are one class.

    >>> canonical("Happiness")
    'happy'
    """
    name = str(name).strip().lower()
    return SYNONYMS.get(name, name)


def remap(source, target, *, merge=None):
    """Return how to turn indices of `source` into indices of `target`.

    Classes meet by their canonical names. A class of `source` that `target` lacks is
    dropped (-1), or counted as another where `merge` says so; nothing is guessed.

    Args:
        source: `LabelSet` of the labels at hand.
        target: `LabelSet` that is wanted.
        merge: optional `{source class: target class}`, such as {"contempt": "disgust"}.

    Returns:
        int64 (len(source),): target's index of every source class, -1 for dropped ones.

    Raises:
        LabelSetMismatch: fewer than two classes would be left.

    Example:
        >>> remap(EXPRESSION_8, EXPRESSION_7)
        array([ 6,  3,  5,  4,  0,  1,  2, -1])
        >>> remap(EXPRESSION_8, EXPRESSION_7, merge={"contempt": "disgust"})[-1].item()
        1
    """
    merge = {canonical(k): canonical(v) for k, v in (merge or {}).items()}
    wanted = {canonical(name): i for i, name in enumerate(target.classes)}
    for name in merge:
        if name not in map(canonical, source.classes):
            raise unknown(f"class of {source.name!r}", name, source.classes)
    for name in merge.values():
        if name not in wanted:
            raise unknown(f"class of {target.name!r}", name, target.classes)
    names = [merge.get(canonical(name), canonical(name)) for name in source.classes]
    mapping = np.array([wanted.get(name, -1) for name in names], dtype=np.int64)
    if len(set(mapping[mapping >= 0])) < 2:
        raise LabelSetMismatch(
            f"Got labels of {source.name!r} {source.classes} for {target.name!r} "
            f"{target.classes}; they share fewer than two classes. "
            "Choose a data set or target with the same classes."
        )
    return mapping
