"""Commands on trained networks: `weights`, `export`."""

from pathlib import Path
from typing import Annotated

import typer

from facezoo.cli.app import Json, command
from facezoo.errors import WeightsError
from facezoo.terminal import out, print_rows, starting_keras


@command
def weights(as_json: Json = False):
    """List the trained networks that facezoo ships; --json prints their cards whole."""
    from facezoo.weights import get_card, list_weights

    cards = [get_card(name) for name in list_weights()]
    if as_json:
        print_rows([card.to_dict() for card in cards], as_json)
        return
    if not cards:
        raise WeightsError(
            "Got no weights in this version of facezoo; expected some. Train with `facezoo train` "
            "and give the run folder wherever the name of weights goes."
        )
    print_rows([_weights_row(card) for card in cards], as_json)


def _weights_row(card):
    low, high = card.metrics["test"]["accuracy_interval"]
    return {
        "name": card.name,
        "classes": f"{len(card.label_set)}, {card.recipe.target}",
        "tested on": card.protocol,
        "accuracy": f"{card.metrics['test']['accuracy']:.3f} ({low:.3f} to {high:.3f})",
        "calibration error": f"{card.metrics['test']['ece']:.3f}",
        "MB": f"{card.files['onnx']['bytes'] / 1e6:.2f}",
    }


@command
def export(
    weights: Annotated[str, typer.Argument(help="Name of weights, or run folder.")],
    format: Annotated[str, typer.Option(help="onnx, litert or saved_model.")] = "onnx",
    path: Annotated[
        Path | None, typer.Option("--out", help="The file; by default the weights' name here.")
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Store .onnx weights in 16 bits: half the size.")
    ] = False,
):
    """Write trained weights as a file that answers without Keras."""
    from facezoo.weights.manifest import find_source

    find_source(weights)  # a misspelt name is told before Keras takes its seconds to start
    with starting_keras():
        from facezoo.exporting import export as write

        written = write(weights, path, format=format, half=half)
    out.print(str(written), soft_wrap=True)
    out.print(f"{written}.json", soft_wrap=True)
