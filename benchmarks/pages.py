"""What several rendered pages say: who made them, and what a recipe changes."""

from pathlib import Path

from facezoo.recipes import get_recipe

ROOT = Path(__file__).parent.parent


def made_by(results, script):
    """Return the sentence on who made a page's figures, when and on what."""
    made = results["environment"]
    return (
        f"Made by `python benchmarks/{script}.py`, {made['date'][:10]}, {made['processor']}, "
        f"Keras {made['keras']} on {made['backend']}."
    )


def changes(recipe, usual=None):
    """Return what a recipe changes of another: {field, as `--set` takes it: value}.

    Args:
        recipe: `Recipe`.
        usual: the other; None for that of its name.
    """
    usual, own = (each.trained.to_dict() for each in (usual or get_recipe(recipe.name), recipe))
    changed = {}
    for name, value in own.items():
        before = usual[name]
        if isinstance(value, dict) and isinstance(before, dict) and value.keys() == before.keys():
            changed |= {f"{name}.{k}": each for k, each in value.items() if each != before[k]}
        elif value != before:
            changed[name] = value
    return changed
