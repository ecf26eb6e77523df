"""`Recipe`: everything that decides a training, in one frozen place.

Two runs of equal recipes on equal data differ by rounding at most. Hyperparameters live
nowhere else: a misspelt field is a TypeError, and a value that cannot work is refused
when the recipe is written, not after an hour.
"""

import dataclasses
import json
import math
import re
from typing import Any

from facezoo.augment import Augmentation
from facezoo.datasets import check_name, get_spec
from facezoo.errors import FacezooError, RecipeError, unknown
from facezoo.files import is_number
from facezoo.models import BUILDERS

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "nadam", "adagrad", "lion")
SCHEDULES = ("constant", "cosine", "plateau")
MONITORS = ("val_loss", "val_accuracy")
LONGEST_REACH = 0.1  # of a training's steps, of the moving average of the weights
NONE = type(None)
FIELD_TYPES = {
    "name": (str,),
    "summary": (str,),
    "reported": (str,),
    "target": (str, NONE),
    "protocol": (str, NONE),
    "teacher": (str, list, NONE),
    "builder_args": (dict,),
    "optimizer_args": (dict,),
    "deterministic": (bool,),
}
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def _one_of(field, value, allowed):
    if value not in allowed:
        names = ", ".join(str(a) for a in allowed)
        raise RecipeError(f"Got {field}={value!r}; expected one of: {names}. Choose one of them.")


def _number(field, value, low, high=math.inf, *, whole=False, above=False, optional=False):
    """Refuse what is not a number in [low, high), or (low, high) with `above`."""
    if optional and value is None:
        return
    good = is_number(value) and (isinstance(value, int) or not whole)
    if not (good and (value > low if above else value >= low) and value < high):
        kind = "a whole number" if whole else "a number"
        bound = f"{'above' if above else 'of at least'} {low}"
        bound += f" and under {high}" if high < math.inf else ""
        raise RecipeError(f"Got {field}={value!r}; expected {kind} {bound}. Change it.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """How the learning rate moves.

    Args:
        kind: "constant", "cosine" (to `floor` at the last epoch) or "plateau" (times
            `factor` when the monitored figure has not got better for `patience` epochs,
            down to `floor`).
        warmup_epochs: epochs of linear rise from zero, before "cosine".
        factor: of "plateau", between 0 and 1.
        patience: of "plateau", epochs.
        floor: lowest learning rate.
    """

    kind: str = "constant"
    warmup_epochs: int = 0
    factor: float = 0.5
    patience: int = 5
    floor: float = 0.0

    def __post_init__(self):
        _one_of("schedule.kind", self.kind, SCHEDULES)
        _number("schedule.warmup_epochs", self.warmup_epochs, 0, whole=True)
        _number("schedule.factor", self.factor, 0, 1)
        _number("schedule.patience", self.patience, 1, whole=True)
        _number("schedule.floor", self.floor, 0)
        if self.warmup_epochs and self.kind != "cosine":
            raise RecipeError(
                f"Got schedule.warmup_epochs={self.warmup_epochs} with schedule.kind="
                f"{self.kind!r}; expected warm-up with cosine only. Set schedule.kind=cosine."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training, from the data set to the stopping rule.

    Args:
        name: as typed by users; also the folder of its runs.
        summary: one line for tables.
        builder, builder_args: name in `facezoo.models.BUILDERS`, and its arguments;
            `input_shape` and `num_classes` come from the data.
        dataset, target, protocol: as `load_dataset` takes them.
        limit: use at most this many pictures of each split; a run so limited says so.
        augmentation: `Augmentation` of the training pictures, or None.
        mixup: 0 or more, the parameter of `batches.mixed`; 0 mixes no pictures.
        label_smoothing: 0 to under 1, of the cross-entropy.
        teacher: name of trained weights, or a run folder, whose probabilities for the training
            pictures soften their labels (`facezoo.distillation`); a list of such for the mean of
            theirs; None for none.
        teacher_share: 0 to under 1, their share in the labels.
        class_weight: None, or "balanced" for weights inverse to the classes' counts.
        optimizer, optimizer_args: a Keras optimizer by name, and its arguments other
            than the learning rate.
        learning_rate, schedule: the highest rate, and how it moves.
        ema: momentum, 0 to under 1, of a moving average of the weights, step by step, that
            validation and the kept model use in place of the last ones; 0 for none. See
            `ema_of` for trainings of few steps.
        batch_size, epochs: pictures a step, passes over the training pictures.
        patience: epochs without a better `monitor` before training stops; None never.
        monitor: "val_loss" or "val_accuracy": what chooses the kept checkpoint.
        precision: Keras' dtype policy: "float32", "mixed_bfloat16" or "mixed_float16".
        seed: of the protocol's draws, the first weights, order and augmentation.
        split_seed: of the protocol's draws alone; None for `seed`.
        deterministic: ask the backend for the same bits at every run on the same hardware;
            slower.
        reported: what the study reported, in its own words; "" where there is none.

    Raises:
        RecipeError: a value that cannot work.
        UnknownName: no such builder or data set.

    Example:
        >>> recipe = Recipe(name="mine", builder="lenet5", dataset="synthetic")
        >>> recipe.override({"batch_size": 16, "schedule.kind": "cosine"}).schedule.kind
        'cosine'
    """

    name: str
    builder: str
    dataset: str
    summary: str = ""
    builder_args: dict[str, Any] = dataclasses.field(default_factory=dict)
    target: str | None = None
    protocol: str | None = None
    limit: int | None = None
    augmentation: Augmentation | None = None
    mixup: float = 0.0
    label_smoothing: float = 0.0
    teacher: str | list[str] | None = None
    teacher_share: float = 0.5
    class_weight: str | None = None
    optimizer: str = "adam"
    optimizer_args: dict[str, Any] = dataclasses.field(default_factory=dict)
    learning_rate: float = 0.001
    schedule: Schedule = Schedule()
    ema: float = 0.0
    batch_size: int = 32
    epochs: int = 50
    patience: int | None = None
    monitor: str = "val_loss"
    precision: str = "float32"
    seed: int = 0
    split_seed: int | None = None
    deterministic: bool = False
    reported: str = ""

    def __post_init__(self):
        if self.builder not in BUILDERS:
            raise unknown("builder", self.builder, BUILDERS)
        check_name(self.dataset)
        for field, kind in FIELD_TYPES.items():
            if not isinstance(getattr(self, field), kind):
                names = " or ".join(k.__name__ for k in kind)
                raise RecipeError(
                    f"Got {field}={getattr(self, field)!r}; expected {names}. Write it as one."
                )
        if self.teacher == [] or not all(isinstance(each, str) for each in self.teachers):
            raise RecipeError(
                f"Got teacher={self.teacher!r}; expected names or folders, one at least. Change "
                "it, or set teacher=null."
            )
        if not re.fullmatch(r"\w[\w.-]*", self.name):
            raise RecipeError(
                f"Got name={self.name!r}, which names the folder of runs; expected letters, "
                "digits, '.', '_' and '-'. Change it."
            )
        if not isinstance(self.augmentation, Augmentation | None):
            raise RecipeError(
                f"Got augmentation={self.augmentation!r}; expected an Augmentation or None. "
                "Set its fields, such as augmentation.rotate=10."
            )
        if not isinstance(self.schedule, Schedule):
            raise RecipeError(
                f"Got schedule={self.schedule!r}; expected a Schedule. Set its fields, such as "
                "schedule.kind=cosine."
            )
        _number("limit", self.limit, 1, whole=True, optional=True)
        _number("mixup", self.mixup, 0)
        _number("label_smoothing", self.label_smoothing, 0, 1)
        _number("teacher_share", self.teacher_share, 0, 1)
        _one_of("class_weight", self.class_weight, (None, "balanced"))
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _number("learning_rate", self.learning_rate, 0, above=True)
        _number("ema", self.ema, 0, 1)
        _number("batch_size", self.batch_size, 1, whole=True)
        _number("epochs", self.epochs, 1, whole=True)
        _number("patience", self.patience, 1, whole=True, optional=True)
        _one_of("monitor", self.monitor, MONITORS)
        _one_of("precision", self.precision, PRECISIONS)
        _number("seed", self.seed, 0, 2**31, whole=True)  # what every library takes
        _number("split_seed", self.split_seed, 0, 2**31, whole=True, optional=True)
        self._check_schedule()

    def _check_schedule(self):
        """Refuse a schedule that the rate and the epochs leave no room for."""
        floor, warm = self.schedule.floor, self.schedule.warmup_epochs
        if self.schedule.kind != "constant" and floor > self.learning_rate:
            raise RecipeError(
                f"Got schedule.floor={floor} above learning_rate={self.learning_rate}; expected "
                "the lowest rate to be lower. Change one of them."
            )
        if warm and warm >= self.epochs:
            raise RecipeError(
                f"Got schedule.warmup_epochs={warm} of epochs={self.epochs}; expected epochs left "
                "for the fall. Change one of them."
            )

    @property
    def trained(self):
        """This recipe without the words that change no training, to compare two by."""
        return dataclasses.replace(self, summary="", reported="")

    @property
    def can_go_on(self):
        """Whether a run of fewer epochs can be continued: no rate or average counts them."""
        return self.schedule.kind != "cosine" and not self.ema

    def with_epochs(self, epochs):
        """Return this recipe for another number of epochs, a long warm-up shortened with them."""
        warm = self.schedule.warmup_epochs
        if isinstance(epochs, int) and 0 < epochs <= warm:
            return self.override({"epochs": epochs, "schedule.warmup_epochs": epochs - 1})
        return self.override({"epochs": epochs})

    def lengthened(self, epochs):
        """Return this recipe with more epochs, for a training that goes on after its last.

        Raises:
            RecipeError: fewer epochs, or a rate or average that is laid out for their number.
        """
        if epochs == self.epochs:
            return self
        longer = self.override({"epochs": epochs})
        if epochs < self.epochs:
            raise RecipeError(
                f"Got epochs={epochs} for a run of {self.epochs}; expected as many or more. "
                "Start a new run for fewer."
            )
        if not self.can_go_on:
            raise RecipeError(
                f"Got epochs={epochs} for a run of {self.name!r}, whose "
                f"{'moving average' if self.ema else 'cosine'} is laid out for {self.epochs}; "
                "expected a recipe without cosine and ema. Start a new run for more."
            )
        return longer

    def begins(self, other):
        """Whether a training of this recipe is the beginning of one of `other`."""
        return (
            self.can_go_on
            and self.epochs < other.epochs
            and self.override({"epochs": other.epochs}).trained == other.trained
        )

    @property
    def teachers(self):
        """The teachers, as a list."""
        return [self.teacher] if isinstance(self.teacher, str) else list(self.teacher or ())

    @property
    def drawn_with(self):
        """Seed of the protocol's draws."""
        return self.seed if self.split_seed is None else self.split_seed

    def ema_of(self, pictures):
        """Momentum of the moving average in a training on so many pictures.

        That of `ema`, or less: the mean reach back, 1 / (1 - momentum) steps, is at most a tenth
        of all the steps that `epochs` allows, else an average remembers how a short training
        began.
        """
        steps = self.epochs * -(-pictures // self.batch_size)
        return min(self.ema, max(0.0, 1 - 1 / (LONGEST_REACH * steps)))

    def override(self, settings):
        """Return this recipe with some fields changed.

        Args:
            settings: `{field: value}`; "schedule.kind", "augmentation.rotate" and
                "builder_args.dropout" reach into the field before the dot.

        Raises:
            UnknownName: no such field.
            RecipeError: the value cannot work there.
        """
        fields = self.to_dict()
        for path, value in settings.items():
            field, _, inner = path.partition(".")
            if field not in fields:
                raise unknown("recipe field", field, fields)
            if not inner:
                fields[field] = value
                continue
            nested = fields[field]
            if field == "augmentation" and nested is None:
                nested = Augmentation().to_dict()
            if not isinstance(nested, dict):
                raise unknown("recipe field", path, fields)
            if field in ("augmentation", "schedule") and inner not in nested:
                raise unknown(f"field of {field}", inner, nested)
            fields[field] = {**nested, inner: value}
        return Recipe.from_dict(fields)

    def on_dataset(self, name, target=None):
        """Return this recipe for another data set, under that set's first protocol.

        Args:
            name: of the data set.
            target: of that set; None for the one of the recipe's name, or the only one.

        Raises:
            UnknownName: the other set has several targets, and none of the recipe's name.
        """
        if name == self.dataset:
            return self if target is None else dataclasses.replace(self, target=target)
        targets = get_spec(name).targets  # none for a folder: it has one, its classes
        if target is None and self.target in targets:
            target = self.target
        if target is None and len(targets) > 1:
            raise unknown(f"target of {name!r}", self.target, targets)
        return dataclasses.replace(self, dataset=name, target=target, protocol=None, reported="")

    def smoke(self):
        """Return this recipe shrunk to seconds: 32 pictures a split, one epoch."""
        schedule = dataclasses.replace(self.schedule, warmup_epochs=0)
        batch_size = min(8, self.batch_size)
        return dataclasses.replace(
            self, limit=32, batch_size=batch_size, epochs=1, schedule=schedule
        )

    def to_dict(self):
        """Return the fields as a JSON-safe dict."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        if self.augmentation is not None:
            fields["augmentation"] = self.augmentation.to_dict()
        fields["schedule"] = dataclasses.asdict(self.schedule)
        return json.loads(json.dumps(fields))

    @classmethod
    def from_dict(cls, fields):
        """Inverse of `to_dict`.

        Raises:
            UnknownName: a field that recipes do not have.
            RecipeError: a value that cannot work, or not a recipe at all.
        """
        known = [f.name for f in dataclasses.fields(cls)]
        if not isinstance(fields, dict) or not {"name", "builder", "dataset"} <= set(fields):
            raise RecipeError(
                f"Got {str(fields)[:60]!r} as a recipe; expected an object with name, builder and "
                "dataset at least. Use a recipe.json that facezoo wrote."
            )
        for field in fields:
            if field not in known:
                raise unknown("recipe field", field, known)
        fields = dict(fields)
        try:
            if isinstance(fields.get("augmentation"), dict):
                fields["augmentation"] = Augmentation.from_dict(fields["augmentation"])
            if isinstance(fields.get("schedule"), dict):
                fields["schedule"] = Schedule(**fields["schedule"])
            return cls(**fields)
        except FacezooError:
            raise
        except (TypeError, AttributeError) as error:
            raise RecipeError(
                f"Got a recipe that does not fit ({error}); expected the fields of Recipe. "
                "See `facezoo recipes --json` for whole ones."
            ) from None
