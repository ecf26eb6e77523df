"""Commands on runs: `train`, `evaluate`, `explain`, `demo`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from facezoo.cli.app import Json, command
from facezoo.cli.watching import is_watched, watch
from facezoo.errors import ParallelError, RecipeError
from facezoo.terminal import epoch_bar, err, headline, out, print_rows, progress, starting_keras

DEMO = "synthetic-lenet5-expression"


@command
def train(
    recipe: Annotated[
        str | None, typer.Argument(help="Recipe by name, or a .json file of one.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Another data set for it.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=JSON", help="Change a field.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Train this many seeds.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with a run folder.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Train so many; with --resume, continue to so many.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the run folders.")] = Path("runs"),
    evaluate: Annotated[bool, typer.Option(help="Evaluate on the test pictures.")] = True,
    deterministic: Annotated[bool, typer.Option(help="Bit-identical, slower.")] = False,
    devices: Annotated[
        str | None, typer.Option(help='"all", or how many of this host train together.')
    ] = None,
    coordinator: Annotated[
        str | None, typer.Option(help="Address and port of host 0, for several hosts.")
    ] = None,
    hosts: Annotated[int | None, typer.Option(min=1, help="How many hosts there are.")] = None,
    host_id: Annotated[int | None, typer.Option(min=0, help="Which one this is, from 0.")] = None,
    as_json: Json = False,
):
    """Train a recipe, then evaluate the chosen checkpoint once on the test pictures."""
    if (recipe is None) == (resume is None):
        raise RecipeError(
            "Got both a recipe and --resume, or neither; expected one of them. "
            "Name a recipe, or pass --resume RUN."
        )
    if resume is not None and (dataset or settings or seeds or deterministic):
        raise RecipeError(
            "Got --resume with --dataset, --set, --seeds or --deterministic; expected --resume "
            "alone, or with --epochs, since a run goes on as it was started. Start a new run for "
            "another setting."
        )
    changes = assignments(settings)
    if epochs is not None and "epochs" in changes:
        raise RecipeError(
            f"Got --epochs {epochs} and --set epochs={changes['epochs']}; expected one of them. "
            "Leave one out."
        )
    chosen = None if recipe is None else chosen_recipe(recipe, dataset, changes)
    many = (coordinator, hosts, host_id)
    if None in many and any(value is not None for value in many):
        raise ParallelError(
            "Got some of --coordinator, --hosts and --host-id; expected all three, or none for "
            "one host. Write such as --coordinator 10.0.0.1:7700 --hosts 2 --host-id 0."
        )
    if coordinator is not None and not is_watched():
        return watch()
    _train_and_tell(
        chosen,
        as_json,
        devices=devices if devices in (None, "all") else _number(devices),
        many=None if coordinator is None else many,
        seeds=seeds,
        resume=resume,
        epochs=epochs,
        runs=runs,
        evaluate=evaluate,
        deterministic=deterministic,
    )


@command
def evaluate(
    run: Annotated[str, typer.Argument(metavar="WEIGHTS", help="Name of weights, or run folder.")],
    dataset: Annotated[str | None, typer.Option(help="Another data set to test on.")] = None,
    target: Annotated[str | None, typer.Option(help="Another target of it.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Another protocol of it.")] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="Test on all pictures of another data set.")
    ] = False,
    merge: Annotated[
        list[str] | None,
        typer.Option(help="Count a class as another, such as contempt=disgust; again for more."),
    ] = None,
    as_json: Json = False,
):
    """Evaluate shipped weights or a run on test pictures and print the whole report."""
    from facezoo.weights.manifest import find_source

    find_source(run)  # a misspelt name is told before Keras takes its seconds to start
    with starting_keras():
        from facezoo.evaluation import evaluate as evaluate_run

    pairs = {pair: pair.partition("=") for pair in merge or ()}
    for pair, (one, equals, other) in pairs.items():
        if not (one and equals and other):
            raise RecipeError(
                f"Got --merge {pair!r}; expected CLASS=CLASS, the data's and the model's. Write "
                "such as --merge contempt=disgust."
            )
    merged = {one: other for one, _, other in pairs.values()}
    chosen = {"dataset": dataset, "target": target, "protocol": protocol, "whole": whole}
    report = evaluate_run(run, **chosen, merge=merged)
    if as_json:
        print_rows([report.to_dict()], as_json)
    else:
        print(report.to_markdown(title=str(run)))


@command
def explain(
    run: Annotated[str, typer.Argument(metavar="WEIGHTS", help="Name of weights, or run folder.")],
    photos: Annotated[list[Path], typer.Argument(help="Pictures, each wholly of one face.")],
    method: Annotated[str, typer.Option(help="grad-cam or occlusion.")] = "grad-cam",
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Explain this class; again for more.")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder of the figures.")] = Path("."),
):
    """Draw where in a photo the answer of weights or of a run comes from."""
    from facezoo.weights.manifest import find_source

    find_source(run)  # a misspelt name is told before Keras takes its seconds to start
    with starting_keras():
        from facezoo.views import explain_photos

    skipped = False
    for photo, answers, said in explain_photos(run, photos, folder, method=method, classes=classes):
        if answers is None:
            skipped = True
            err.print(f"Skipped {photo}: {said}", soft_wrap=True)
        else:
            shares = ", ".join(f"{name} {share:.1%}" for name, share in answers.items())
            out.print(f"{photo}: {shares}\n  {said}", soft_wrap=True)
    return int(skipped)


@command
def demo(
    runs: Annotated[Path, typer.Option(help="Folder of the run folders.")] = Path("runs"),
):
    """Do the main job on drawn faces: draw, train LeNet-5, evaluate, confusion matrix."""
    from facezoo.recipes import get_recipe

    err.print("Drawing faces, training LeNet-5 on them and testing it on people it never met.")
    run = _train_and_tell(get_recipe(DEMO), False, runs=runs)
    from facezoo import plots
    from facezoo.recipes import load_data

    test = load_data(run.recipe).test
    titles = [test.label_set.classes[c] for c in test.classes[:32]]
    run.write_figure("faces.png", plots.sample_grid(test.images[:32], titles))
    out.print("The faces it met there:")
    out.print(f"  {run.path / 'faces.png'}", soft_wrap=True)
    out.print("The same on real photographs (624 at each size, CC BY 4.0; data/README.md):")
    out.print("  facezoo prepare cmu_faces faces.tar.gz && facezoo train cmu-lenet5-pose")


def _number(devices):
    if not devices.isdigit():
        raise ParallelError(
            f'Got --devices {devices!r}; expected "all" or a number. Write such as --devices 2.'
        )
    return int(devices)


def _train_and_tell(recipe, as_json, many=None, **options):
    """Train with progress on stderr; print what came out on stdout."""
    with starting_keras():
        from facezoo.parallel import Hosts
        from facezoo.training import train as train_recipe
    if many is not None:
        options["hosts"] = Hosts(*many)
    with progress("{task.fields[figures]}") as bar:
        run = train_recipe(recipe, callbacks=[epoch_bar(bar)], **options)
    if run is None:
        out.print("Done; host 0 has the run folder.")
        return None
    if as_json:
        print_rows([{"run": str(run.path), **run.metrics}], as_json)
        return run
    metrics = run.metrics
    if "best_epoch" in metrics and metrics["best_epoch"] != metrics["epochs"]:
        out.print(
            f"Kept epoch {metrics['best_epoch']} of {metrics['epochs']}, by {run.recipe.monitor}."
        )
    for role in ("validation", "test"):
        if role in metrics:
            out.print(headline(role, metrics[role]))
    if metrics["note"]:
        out.print(f"Note: {metrics['note']}.")
    out.print("Report, confusion matrix and curves:")
    for name in ("report.md", "confusion_matrix.png", "curves.png"):
        if (run.path / name).exists():
            out.print(f"  {run.path / name}", soft_wrap=True)
    return run


def chosen_recipe(name, dataset, changes):
    """Return a recipe on a data set, with fields changed.

    Data that are missing are told here, before Keras takes its seconds to start.
    """
    from facezoo.recipes import get_recipe, load_data

    recipe = get_recipe(name)
    if dataset is not None:
        recipe = recipe.on_dataset(dataset, changes.get("target"))
    recipe = recipe.override(changes)
    load_data(recipe)
    return recipe


def assignments(settings):
    """["batch_size=16", "schedule.kind=cosine"] -> {field: value}; JSON, else text."""
    values = {}
    for setting in settings or ():
        field, equals, text = setting.partition("=")
        if not (field and equals):
            raise RecipeError(
                f"Got --set {setting!r}; expected FIELD=JSON. Write such as "
                "--set learning_rate=0.01."
            )
        try:
            values[field] = json.loads(text)
        except json.JSONDecodeError:
            values[field] = text
    return values
