"""`Space`: the fields of a recipe that a search varies, and over what.

Plain data beside the recipe: a misspelt field or an empty range is refused when the space is
checked against its recipe, before the first trial.
"""

import dataclasses
import itertools
import json
import math

from facezoo.errors import FacezooError, RecipeError
from facezoo.files import is_number
from facezoo.recipes.reading import read_json

RANGE = {"low", "high", "log", "step"}
CORNERS = 256  # combinations of other fields that a value is tried with


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
        good = all(map(is_number, numbers)) and isinstance(self.log, bool)
        if not good or not self.low < self.high or not is_number(self.high - self.low):
            raise RecipeError(
                f"Got a range from {self.low!r} to {self.high!r}; expected numbers, the lower "
                'first. Write such as {"low": 0.0001, "high": 0.01, "log": true}.'
            )
        if self.log and (self.low <= 0 or self.step is not None):
            raise RecipeError(
                f"Got log for a range from {self.low} with step={self.step}; expected a range "
                "above 0 without a step. Leave log or step out."
            )
        if self.step is not None:
            steps = (self.high - self.low) / self.step if self.step > 0 else 0
            if not 1 <= steps < math.inf or abs(steps - round(steps)) > 1e-9:
                raise RecipeError(
                    f"Got step={self.step} for a range from {self.low} to {self.high}; expected "
                    "one above 0 that leads to the upper bound. Change it."
                )

    @property
    def whole(self):
        """Whether only whole numbers are meant."""
        return all(isinstance(n, int) for n in (self.low, self.high, self.step or 1))

    def count(self):
        """Return how many numbers a grid has, or None where they are not countable."""
        if self._step is None:
            return None
        return round((self.high - self.low) / self._step) + 1

    def number(self, place):
        """Return the number of a grid at a place, 0 for the lowest."""
        return round(self.low + self._step * place, 12)

    def numbers(self):
        """Return the numbers of a grid, or None where they are not countable."""
        count = self.count()
        return None if count is None else [self.number(place) for place in range(count)]

    @property
    def _step(self):
        return self.step or (1 if self.whole and not self.log else None)

    def to_json(self):
        """Return the range as JSON holds it."""
        return {
            k: v for k, v in dataclasses.asdict(self).items() if v is not None and v is not False
        }


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
        read = {}
        for name, values in self.fields.items():
            if isinstance(values, Range):
                read[name] = values
                continue
            texts = [json.dumps(value) for value in values]
            if not texts or len(set(texts)) < len(texts):
                raise RecipeError(
                    f"Got {name}={list(values)!r} in a space; expected one choice or more, each "
                    "once. Change it."
                )
            read[name] = tuple(map(json.loads, texts))  # as a file or a study gives it back
        object.__setattr__(self, "fields", read)

    def check(self, recipe):
        """Refuse a value that the recipe cannot take, whatever the other fields' are.

        Values that only fail together are left to the trial that tries them.

        Raises:
            UnknownName: no such field.
            RecipeError: a value that cannot work there.
        """
        ends = {
            name: (values.low, values.high) if isinstance(values, Range) else values
            for name, values in self.fields.items()
        }
        for name, values in ends.items():
            others = [[(other, v) for v in ends[other]] for other in ends if other != name]
            for value in values:
                corners = itertools.islice(itertools.product(*others), CORNERS)
                _fits_somewhere(recipe, {name: value}, map(dict, corners))

    def count(self):
        """Return the number of combinations; None where they cannot be counted."""
        axes = [_count(values) for values in self.fields.values()]
        return None if None in axes else math.prod(axes)

    def cell(self, number):
        """Return the combination of that number, a dict, in the order of the fields.

        Raises:
            RecipeError: a range without steps, which has no grid.
        """
        found = {}
        for name, values in reversed(self.fields.items()):
            count = _count(values)
            if count is None:
                raise RecipeError(
                    f"Got a grid over {name} from {values.low} to {values.high}; expected choices, "
                    "or a range with a step. Write the numbers, or search with bayes or random."
                )
            number, place = divmod(number, count)
            found[name] = values.number(place) if isinstance(values, Range) else values[place]
        return dict(reversed(found.items()))

    def cells(self):
        """Return every combination, a dict each, the last field changing first."""
        self.cell(0)  # refuses what has no grid
        return [self.cell(number) for number in range(self.count())]

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
            RecipeError: the file cannot be read, or holds no space.
        """
        return cls.from_dict(read_json(path, "space", 'such as {"learning_rate": [0.001, 0.01]}'))


def _count(values):
    return values.count() if isinstance(values, Range) else len(values)


def _fits_somewhere(recipe, fixed, corners):
    """Refuse a setting that the recipe takes with none of the others' values."""
    try:
        recipe.override(fixed)
        return
    except FacezooError as error:
        first = error
    for corner in corners:
        try:
            recipe.override({**corner, **fixed})
            return
        except FacezooError:
            continue
    raise first
