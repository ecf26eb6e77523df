"""The command on the five studies: `reproduce`."""

from pathlib import Path
from typing import Annotated

import typer

from facezoo.cli.app import Json, command
from facezoo.terminal import epoch_bar, err, print_rows, progress, starting_keras


@command
def reproduce(
    study: Annotated[
        str | None,
        typer.Argument(help="cmu, ippm, expw, pooling, facex, or one recipe; all without it."),
    ] = None,
    profile: Annotated[str, typer.Option(help="full, or quick: drawn faces, seconds.")] = "full",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="At most so many; the table says so.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take up what was begun.")] = False,
    runs: Annotated[Path | None, typer.Option(help="Folder of the run folders.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of results/ and docs/results.md.")
    ] = None,
    as_json: Json = False,
):
    """Run the studies' recipes one after the other and tell them beside what was reported."""
    from facezoo.reproduction.studies import plans

    if study is not None:
        plans(study, profile)  # a misspelt name is told before Keras takes its seconds to start
    with starting_keras():
        from facezoo.reproduction.running import places_of
        from facezoo.reproduction.running import reproduce as run_all
    with progress("{task.fields[figures]}") as bar:
        outcomes = run_all(
            study,
            profile=profile,
            epochs=epochs,
            resume=resume,
            runs=runs,
            out=folder,
            callbacks=[epoch_bar(bar)],
            begun=lambda plan: err.print(f"{plan.name}:", soft_wrap=True),
        )
    done = [outcome for outcome in outcomes if outcome.row is not None]
    if done:
        print_rows([_row(outcome, as_json) for outcome in done], as_json)
        page = places_of(profile, out=folder)[1] / "docs" / "results.md"
        err.print(f"The whole table: {page}", soft_wrap=True)
    refused = [outcome for outcome in outcomes if outcome.row is None]
    for reason in dict.fromkeys(outcome.refused for outcome in refused):
        names = ", ".join(outcome.plan.name for outcome in refused if outcome.refused == reason)
        err.print(f"Passed over {names}: {reason}", soft_wrap=True)
    return int(bool(refused))


def _row(outcome, as_json):
    from facezoo.reproduction.rows import collapse, epochs_run

    row = outcome.row
    if as_json:
        return {**row, "run": str(outcome.run.path)}
    return {
        "recipe": row["recipe"]["name"],
        "protocol": row["protocol"] + (f", {row['changed']}" if row["changed"] else ""),
        "accuracy": "; ".join(filter(None, (f"{row['accuracy']['mean']:.4f}", collapse(row)))),
        "epochs": epochs_run(row),
    }
