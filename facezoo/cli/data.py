"""Commands on data sets: `prepare`, `audit`."""

from pathlib import Path
from typing import Annotated

import typer

from facezoo.cli.app import Json, command
from facezoo.terminal import out, print_rows, progress


@command
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
        float | None,
        typer.Option(help="expw: leave out faces found with less; most lie in 0 to 100."),
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
    from facezoo.datasets import get_spec
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
        out.print(f"Note: {line}.", soft_wrap=True)
    if info["differences"]:
        out.print("Counts that are not the published ones:")
    elif get_spec(name).expected:
        out.print("Every count is the published one.")
    for line in info["differences"]:
        out.print(f"  {line}", soft_wrap=True)
    rejected = info["rejected"]
    if rejected["count"]:
        first = rejected["files"][0]
        out.print(
            f"{rejected['count']} files rejected, such as {first['file']}: {first['reason']} "
            f"(all in {folder / 'dataset.json'})",
            soft_wrap=True,
        )


@command
def audit(
    name: Annotated[str, typer.Argument(help="Data set, as it was prepared.")],
    target: Annotated[str | None, typer.Option(help="Another target of it.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Another protocol of it.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the protocol's draws.")] = 0,
    threshold: Annotated[
        float | None, typer.Option(help="Least correlation of near copies; 0.96 finds more.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write report and figures to this folder.")
    ] = None,
    as_json: Json = False,
):
    """Look for what spoils figures on a data set: copies, torn labels, shared people."""
    from facezoo import auditing

    if folder is not None:
        auditing.check_folder(folder)  # told before minutes of comparing
    with progress() as bar:
        task = bar.add_task(f"comparing {name}", total=None)
        found = auditing.audit(
            name,
            target=target,
            protocol=protocol,
            seed=seed,
            threshold=auditing.NEAR if threshold is None else threshold,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    written = [] if folder is None else auditing.write_audit(found, folder)
    if as_json:
        print_rows([found.to_dict()], as_json)
        return
    out.print("\n".join(found.summary()))
    for heading, rows in found.tables():
        out.print(f"\n{heading}:")
        print_rows(rows, as_json)
    out.print("\n".join(["", *map(str, written)]), soft_wrap=True, end="\n" if written else "")
