"""The command line: `facezoo COMMAND`; figures on stdout, progress on stderr.

Exit codes: 0 done, 1 some inputs were skipped, 2 refused or interrupted; an error is one
line that says what was got, what was expected and what to do.
"""

import functools
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from facezoo.errors import FacezooError, RecipeError
from facezoo.terminal import epoch_bar, err, headline, out, print_rows, progress, starting_keras
from facezoo.version import __version__

app = typer.Typer(
    name="facezoo",
    help="A Keras model zoo for faces: expression, pose and a textbook identity task.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON lines instead of tables.")]
DEMO = "synthetic-lenet5-expression"
# Typer gives no public name to the click that it carries inside since 0.2x
UsageError = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")


def _print_version(wanted: bool):
    if wanted:
        print(f"facezoo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
):
    """Hold the options of `facezoo` itself."""


def _command(function):
    """Register a command; Typer would swallow Ctrl-C and what is said about going on."""

    @functools.wraps(function)
    def run(*arguments, **options):
        try:
            return function(*arguments, **options)
        except KeyboardInterrupt as error:
            raise _interrupted(error) from None

    return app.command()(run)


def _interrupted(error):
    notes = getattr(error, "__notes__", ())
    return FacezooError(" ".join(["Interrupted; nothing is left half-written.", *notes]))


@_command
def datasets(as_json: Json = False):
    """List the data sets: what they tell, how they are divided, which are prepared."""
    from facezoo.datasets import get_spec, list_datasets
    from facezoo.datasets.store import PreparedSet

    rows = []
    for name in list_datasets():
        spec = get_spec(name)
        try:
            info = PreparedSet(name).info
            height, width, channels = info["picture_shape"]
            prepared = f"{info['pictures']:,} of {width}x{height}x{channels}"
        except FacezooError:
            prepared = "no" if spec.needs_archive else "not needed"
        rows.append(
            {
                "name": name,
                "prepared": prepared,
                "targets": list(spec.targets),
                "protocols": list(spec.protocols),
                "license": spec.license,
                "page": spec.page,
            }
        )
    print_rows(rows, as_json, hide=("page",))


@_command
def models(as_json: Json = False):
    """List the networks that `build_<name>` makes."""
    from facezoo.models import get_builder, list_models

    with starting_keras():
        get_builder("lenet5")
    rows = [
        {"name": name, "what it is": (get_builder(name).__doc__ or "").splitlines()[0]}
        for name in list_models()
    ]
    print_rows(rows, as_json)


@_command
def recipes(as_json: Json = False):
    """List the recipes; --json prints them whole."""
    from facezoo.recipes import get_recipe, list_recipes

    found = [get_recipe(name) for name in list_recipes()]
    if as_json:
        print_rows([r.to_dict() for r in found], as_json)
        return
    rows = [
        {
            "name": r.name,
            "data": f"{r.dataset}, {r.target or 'default target'}",
            "network": r.builder,
            "epochs": r.epochs,
            "reported": r.reported,
            "summary": r.summary,
        }
        for r in found
    ]
    print_rows(rows, as_json)


@_command
def prepare(
    name: Annotated[
        str,
        typer.Argument(help="Data set, see `facezoo datasets`; folder:mine keeps one of yours."),
    ],
    path: Annotated[Path | None, typer.Argument(help="Archive or folder as downloaded.")] = None,
    scale: Annotated[int | None, typer.Option(help="cmu_faces: 1, 2 or 4.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side.")] = None,
    channels: Annotated[int | None, typer.Option(help="1 gray, 3 RGB.")] = None,
    people: Annotated[int | None, typer.Option(help="synthetic: people to draw.")] = None,
    margin: Annotated[
        float | None, typer.Option(help="expw: added on every side, as a fraction of the box.")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(help="expw: leave out faces found with less, 0 to 100.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="affectnet: whose label counts, csv or folder.")
    ] = None,
    fer2013: Annotated[
        Path | None, typer.Option(help="ferplus: where the pictures are, in any of their forms.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(help="fer2013, ferplus: CSV of row, usage and file.")
    ] = None,
    as_json: Json = False,
):
    """Read an official archive once and keep it in a form that is read at memory speed."""
    from facezoo.datasets.prepare import prepare as prepare_dataset
    from facezoo.datasets.store import set_folder

    given = {"scale": scale, "size": size, "channels": channels, "people": people}
    given |= {"margin": margin, "min_confidence": min_confidence, "label": label}
    given |= {"fer2013": fer2013, "rows": rows}
    options = {key: value for key, value in given.items() if value is not None}
    with progress() as bar:
        task = bar.add_task(f"reading {path or name}", total=None)

        def advance(done, total):
            bar.update(task, completed=done, total=total)

        info = prepare_dataset(name, path, progress=advance, **options)
    if as_json:
        print_rows([info], as_json)
        return
    folder = set_folder(name)
    height, width, channels = info["picture_shape"]
    shape = f"{width}x{height}x{channels}"
    out.print(f"{info['pictures']:,} pictures of {shape} lie in {folder}", soft_wrap=True)
    for line in info["notes"]:
        out.print(f"Note: {line}.")
    for line in info["differences"]:
        out.print(f"differs from the published count: {line}")
    rejected = info["rejected"]
    if rejected["count"]:
        first = rejected["files"][0]
        out.print(
            f"{rejected['count']} files rejected, such as {first['file']}: {first['reason']} "
            f"(all in {folder / 'dataset.json'})",
            soft_wrap=True,
        )


@_command
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
    runs: Annotated[Path, typer.Option(help="Folder of the run folders.")] = Path("runs"),
    evaluate: Annotated[bool, typer.Option(help="Evaluate on the test pictures.")] = True,
    deterministic: Annotated[bool, typer.Option(help="Bit-identical, slower.")] = False,
    as_json: Json = False,
):
    """Train a recipe, then evaluate the chosen checkpoint once on the test pictures."""
    from facezoo.recipes import get_recipe, load_data

    if (recipe is None) == (resume is None):
        raise RecipeError(
            "Got both a recipe and --resume, or neither; expected one of them. "
            "Name a recipe, or pass --resume RUN."
        )
    if resume is not None and (dataset or settings or seeds):
        raise RecipeError(
            "Got --resume with --dataset, --set or --seeds; expected --resume alone, since a run "
            "goes on as it was started. Start a new run for another setting."
        )
    chosen = None
    if recipe is not None:
        chosen = get_recipe(recipe)
        if dataset is not None:
            chosen = chosen.on_dataset(dataset)
        chosen = chosen.override(_assignments(settings or ()))
        load_data(chosen)  # what is missing is told before Keras takes its seconds to start
    _train_and_tell(
        chosen,
        as_json,
        seeds=seeds,
        resume=resume,
        runs=runs,
        evaluate=evaluate,
        deterministic=deterministic,
    )


@_command
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    dataset: Annotated[str | None, typer.Option(help="Another data set to test on.")] = None,
    target: Annotated[str | None, typer.Option(help="Another target of it.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Another protocol of it.")] = None,
    as_json: Json = False,
):
    """Evaluate a run's model on test pictures and print the whole report."""
    with starting_keras():
        from facezoo.evaluation import evaluate as evaluate_run

    report = evaluate_run(run, dataset=dataset, target=target, protocol=protocol)
    if as_json:
        print_rows([report.to_dict()], as_json)
    else:
        print(report.to_markdown(title=str(run)))


@_command
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


def _train_and_tell(recipe, as_json, **options):
    """Train with progress on stderr; print what came out on stdout."""
    with starting_keras():
        from facezoo.training import train as train_recipe
    with progress("{task.fields[figures]}") as bar:
        run = train_recipe(recipe, callbacks=[epoch_bar(bar)], **options)
    if as_json:
        print_rows([{"run": str(run.path), **run.metrics}], as_json)
        return run
    metrics = run.metrics
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


def _assignments(settings):
    """["batch_size=16", "schedule.kind=cosine"] -> {field: value}; JSON, else text."""
    values = {}
    for setting in settings:
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


def main():
    """Run the command line; the entry point `facezoo` and `python -m facezoo`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's greetings
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `facezoo` alone
            print(error.format_message())
            sys.exit(2)
        command = error.ctx.command_path if error.ctx else "facezoo"
        _refuse(f"{error.format_message()} See: {command} --help")
    except FacezooError as error:
        _refuse(str(error))
    except KeyboardInterrupt as error:
        _refuse(str(_interrupted(error)))
    except ModuleNotFoundError as error:
        _refuse(_missing(error))
    except BrokenPipeError:  # `facezoo recipes | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(message):
    print("facezoo: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)


def _missing(error):
    if error.name in ("tensorflow", "jax", "torch"):
        return (
            f"Got no {error.name}, the Keras backend asked for; expected it to be installed. "
            "Install it, or set KERAS_BACKEND to one that is: tensorflow, jax or torch."
        )
    return f"Got no module {error.name!r}; expected it to be installed. Run: pip install facezoo"
