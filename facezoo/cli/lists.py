"""Commands that say what there is: `datasets`, `models`, `recipes`."""

from facezoo.cli.app import Json, command
from facezoo.errors import DatasetNotFound, StoreError
from facezoo.terminal import model_row, print_rows


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
def models(as_json: Json = False):
    """List the networks that `build_<name>` makes, and what an answer of each costs."""
    from facezoo.models import describe_models

    found = describe_models()
    print_rows(found if as_json else [model_row(one) for one in found], as_json)


@command
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
