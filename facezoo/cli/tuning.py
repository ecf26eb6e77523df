"""The command on hyperparameters: `tune`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from facezoo.cli.app import Json, command
from facezoo.cli.training import assignments, chosen_recipe
from facezoo.errors import RecipeError
from facezoo.terminal import err, headline, out, print_rows, progress, starting_keras


@command
def tune(
    recipe: Annotated[
        str | None, typer.Argument(help="Recipe by name, or a .json file; none to join --study.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Another data set for it.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=JSON", help="Fix a field.")
    ] = None,
    space: Annotated[
        Path | None, typer.Option(help="JSON file of what to search; else the study's own.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="bayes (the default), grid, random or gp.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Settings to try: 20, or all of a grid.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds until no trial is begun any more.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Its name: RECIPE-METHOD.")] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="SQLite file, or a URL; better in the variable FACEZOO_STORAGE."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes here.")] = 1,
    prune: Annotated[bool, typer.Option("--prune", help="End trials that lag behind.")] = False,
    pruner: Annotated[
        str | None, typer.Option(help="Prune by hyperband, or by median as --prune does.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="accuracy (the default) or log_loss, of validation.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=0, help="Train and test the best with so many; 0 not.")
    ] = 5,
    runs: Annotated[Path, typer.Option(help="Folder of the studies.")] = Path("runs/tune"),
    as_json: Json = False,
):
    """Search a recipe's hyperparameters by validation pictures; test the best setting once."""
    from facezoo.recipes import Space, get_recipe, get_space

    searched = None
    if recipe is not None:
        changes = assignments(settings)
        searched = get_space(get_recipe(recipe)) if space is None else Space.from_file(space)
        searched = searched.without(changes)
        recipe = chosen_recipe(recipe, dataset, changes)
        searched.check(recipe)
    elif dataset or settings or space:
        raise RecipeError(
            "Got --dataset, --set or --space without a recipe; expected them with one, since a "
            "study that is joined has its own. Name the recipe, or leave them out."
        )
    with starting_keras():
        from facezoo.tuning import tune as search
    with progress("{task.fields[figures]}") as bar:
        result = search(
            recipe,
            searched,
            method=method,
            trials=trials,
            timeout=timeout,
            study=study,
            storage=storage,
            metric=metric,
            pruner=pruner or ("median" if prune else None),
            jobs=jobs,
            seeds=seeds,
            runs=runs,
            told=_teller(bar),
        )
    _tell_result(result, as_json)


def _tell_result(result, as_json):
    """Print what a search found."""
    if as_json:
        winner = None if result.winner is None else result.winner.metrics
        best = {"best": result.best, result.metric: result.value, "winner": winner}
        print_rows([{"study": result.study, "folder": str(result.folder), **best}], as_json)
        return
    states = result.trials["state"].value_counts()
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    out.print(f"{result.study}: {len(result.trials)} trials ({counts})")
    out.print(f"best validation {result.metric} {result.value:.4f}:")
    for name, value in result.best.items():
        out.print(f"  {name} = {value}")
    if result.winner is not None:
        out.print(headline("the best setting's test", result.winner.metrics["test"]))
    out.print("Trials, figures, and the best recipe:")
    for name in ("trials.csv", "history.png", "importance.png", "best_recipe.json"):
        if (result.folder / name).exists():
            out.print(f"  {result.folder / name}", soft_wrap=True)
    out.print(f"Train it: facezoo train {result.folder / 'best_recipe.json'}", soft_wrap=True)


def _teller(bar):
    """Return what shows how far a search is: a bar, or a line a trial where there is none."""
    task, shown = bar.add_task("trials", total=None, figures=""), set()

    def tell(done, asked, best):
        figures = "" if best is None else f"best {best:.4f}"
        what = "trials" if done < asked else "the best setting, seed by seed"
        bar.update(task, completed=done, total=asked, figures=figures, description=what)
        if not err.is_terminal and done and done not in shown:
            print(f"trial {done}/{asked}  {figures}", file=sys.stderr)
        shown.add(done)

    return tell
