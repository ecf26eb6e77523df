"""Recipes by name: `list_recipes`, `get_recipe`, and their data; a file a study."""

from facezoo.datasets import load_dataset
from facezoo.errors import RecipeError, unknown
from facezoo.recipes import cmu, expw, facex, ippm, pooling, synthetic, zoo
from facezoo.recipes.base import Recipe, Schedule
from facezoo.recipes.reading import read_json
from facezoo.recipes.space import Range, Space

FILES = (cmu, ippm, expw, pooling, facex, zoo, synthetic)
RECIPES = {name: recipe for file in FILES for name, recipe in file.RECIPES.items()}
SPACES = {name: space for file in FILES for name, space in getattr(file, "SPACES", {}).items()}


def list_recipes():
    """Return the names of all recipes."""
    return sorted(RECIPES)


def get_recipe(name):
    """Return a `Recipe` by name, or from a .json file that holds one.

    Raises:
        UnknownName: no recipe and no file of that name.
        RecipeError: the file holds no recipe.
    """
    if isinstance(name, Recipe):
        return name
    if name in RECIPES:
        return RECIPES[name]
    if not str(name).endswith(".json"):
        raise unknown("recipe", name, RECIPES)
    return Recipe.from_dict(read_json(name, "recipe", "as in a run folder's recipe.json"))


def get_space(recipe):
    """Return the `Space` that a study searched for a recipe of its own.

    Raises:
        RecipeError: no study searched one for it.
    """
    if recipe.name not in SPACES:
        raise RecipeError(
            f"Got no space for {recipe.name!r}, for which none is built in; expected what to "
            'search. Pass one, such as {"learning_rate": [0.001, 0.01]}; --space reads a JSON file.'
        )
    return SPACES[recipe.name]


def load_data(recipe, root=None):
    """Return the `FaceDataset` of a recipe, limited as it says."""
    data = load_dataset(
        recipe.dataset,
        target=recipe.target,
        protocol=recipe.protocol,
        seed=recipe.drawn_with,
        root=root,
    )
    return data if recipe.limit is None else data.limited(recipe.limit, recipe.drawn_with)


__all__ = [
    "Range",
    "Recipe",
    "Schedule",
    "Space",
    "get_recipe",
    "get_space",
    "list_recipes",
    "load_data",
]
