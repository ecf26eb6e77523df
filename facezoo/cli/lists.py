"""Commands that say what there is: `datasets`, `models`, `recipes`."""

from typing import Annotated

import typer

from facezoo.cli.app import Json, command
from facezoo.errors import DatasetNotFound, StoreError, unknown
from facezoo.terminal import model_row, print_rows, progress, starting_keras


@command
def datasets(as_json: Json = False):
    """List the data sets: what they tell, how they are divided, which are prepared."""
    from facezoo.datasets import get_spec, list_datasets, open_prepared

    rows = []
    for name in list_datasets():
        spec = get_spec(name)
        try:
            spec, found = open_prepared(name)
            height, width, channels = found.info["picture_shape"]
            prepared = f"{len(found.images):,} of {width}x{height}x{channels}"
        except DatasetNotFound:
            prepared = "no" if spec.needs_archive else "not needed"
        except StoreError:
            prepared = "damaged, prepare it again"
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
    print_rows(rows, as_json, hide=("page", "license"))


@command
def models(
    names: Annotated[list[str] | None, typer.Argument(help="These alone.")] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure milliseconds and file size here, a minute.")
    ] = False,
    as_json: Json = False,
):
    """List the networks that `build_<name>` makes, and what an answer of each costs."""
    from facezoo.models import BUILDERS, describe_models

    for name in names or ():
        if name not in BUILDERS:
            raise unknown("builder", name, BUILDERS)
    found = [row for row in describe_models() if not names or row["name"] in names]
    if measure:
        with starting_keras():
            from facezoo.models import build_model
            from facezoo.models.cost import measure_file, measure_milliseconds
        with progress() as bar:
            for row in bar.track(found, description="measuring"):
                model = build_model(row["name"])
                row["file_bytes"] = measure_file(model)
                row["milliseconds"] = {
                    batch: taken["median"] for batch, taken in measure_milliseconds(model).items()
                }
    print_rows(found if as_json else [model_row(one) for one in found], as_json)


@command
def recipes(as_json: Json = False):
    """List the recipes; --json prints them whole, with what a study reported."""
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
            "summary": r.summary,
        }
        for r in found
    ]
    print_rows(rows, as_json)
