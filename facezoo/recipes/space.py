"""`Space`: the fields of a recipe that a search varies, and over what.

Plain data beside the recipe: a misspelt field or an empty range is refused when the space is
checked against its recipe, before the first trial.
"""

import dataclasses
import itertools
import json
import math
from pathlib import Path

from facezoo.errors import FacezooError, RecipeError

RANGE = {"low", "high", "log", "step"}


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included.

    Args:
        low, high: bounds; whole numbers where both are.
        log: search evenly in the logarithm.
        step: distance of the numbers to search; None for all between.

    Raises:
        RecipeError: bounds that hold no two numbers.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self):
        numbers = [self.low, self.high] + ([] if self.step is None else [self.step])
        good = all(
            isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n)
            for n in numbers
        )
        if not good or not self.low < self.high:
            raise RecipeError(
                f"Got a range from {self.low!r} to {self.high!r}; expected numbers, the lower "
                'first. Write such as {"low": 0.0001, "high": 0.01, "log": true}.'
            )
        if self.log and (self.low <= 0 or self.step is not None):
            raise RecipeError(
                f"Got log for a range from {self.low} with step={self.step}; expected a range "
                "above 0 without a step. Leave log or step out."
            )
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise RecipeError(
                f"Got step={self.step} for a range from {self.low} to {self.high}; expected one "
                "above 0 that fits. Change it."
            )

    @property
    def whole(self):
        """Whether only whole numbers are meant."""
        return all(isinstance(n, int) for n in (self.low, self.high, self.step or 1))

    def numbers(self):
        """Return the numbers of a grid, or None where they are not countable."""
        step = self.step or (1 if self.whole and not self.log else None)
        if step is None:
            return None
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return [self.low + step * n for n in range(count)]

    def to_json(self):
        """Return the range as JSON holds it."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v not in (None, False)}


@dataclasses.dataclass(frozen=True)
class Space:
    """What a search varies.

    Args:
        fields: `{recipe field: Range, or a tuple of choices}`; "builder_args.dropout" reaches
            into the field before the dot, as in `Recipe.override`.

    Raises:
        RecipeError: no fields, or a field with nothing to choose from.

    Example:
        >>> space = Space.from_dict({"batch_size": [16, 32], "optimizer": ["adam", "sgd"]})
        >>> len(space.cells())
        4
    """

    fields: dict

    def __post_init__(self):
        if not self.fields:
            raise RecipeError(
                "Got a space without fields; expected at least one that is searched. Write such "
                'as {"learning_rate": [0.001, 0.01]}.'
            )
        for name, values in self.fields.items():
            if isinstance(values, Range):
                continue
            texts = [json.dumps(value) for value in values]
            if not texts or len(set(texts)) < len(texts):
                raise RecipeError(
                    f"Got {name}={list(values)!r} in a space; expected one choice or more, each "
                    "once. Change it."
                )

    def check(self, recipe):
        """Refuse a space whose values the recipe cannot take.

        Raises:
            UnknownName: no such field.
            RecipeError: a value that cannot work there.
        """
        for name, values in self.fields.items():
            ends = (values.low, values.high) if isinstance(values, Range) else values
            for value in ends:
                recipe.override({name: value})

    def cells(self):
        """Return every combination, a dict each, in the order of the fields.

        Raises:
            RecipeError: a range without steps, which has no grid.
        """
        axes = {}
        for name, values in self.fields.items():
            axes[name] = values.numbers() if isinstance(values, Range) else list(values)
            if axes[name] is None:
                raise RecipeError(
                    f"Got a grid over {name} from {values.low} to {values.high}; expected choices, "
                    "or a range with a step. Add a step, or search with bayes or random."
                )
        return [dict(zip(axes, cell, strict=True)) for cell in itertools.product(*axes.values())]

    def without(self, names):
        """Return the space without some fields, such as those that a caller has fixed."""
        return Space({k: v for k, v in self.fields.items() if k not in names})

    def to_dict(self):
        """Return the space as JSON holds it: lists of choices, and objects for ranges."""
        told = {
            name: values.to_json() if isinstance(values, Range) else list(values)
            for name, values in self.fields.items()
        }
        return json.loads(json.dumps(told))

    @classmethod
    def from_dict(cls, fields):
        """Inverse of `to_dict`.

        Raises:
            RecipeError: what is neither choices nor a range.
        """
        if not isinstance(fields, dict):
            raise RecipeError(
                f"Got {str(fields)[:60]!r} as a space; expected an object of fields. Write such as "
                '{"learning_rate": [0.001, 0.01]}.'
            )
        read = {}
        for name, values in fields.items():
            if isinstance(values, list):
                read[name] = tuple(values)
            elif isinstance(values, dict) and {"low", "high"} <= set(values) <= RANGE:
                read[name] = Range(**values)
            else:
                raise RecipeError(
                    f"Got {name}={values!r} in a space; expected a list of choices, or an object "
                    f"with low, high and perhaps log or step. Change it."
                )
        return cls(read)

    @classmethod
    def from_file(cls, path):
        """Read a space from a JSON file.

        Raises:
            FacezooError: the file cannot be read, or holds no space.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text("utf-8")))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise FacezooError(
                f"Got {str(path)!r}, which cannot be read as a space ({error}); expected a JSON "
                'file such as {"learning_rate": [0.001, 0.01]}. Check the path.'
            ) from None
