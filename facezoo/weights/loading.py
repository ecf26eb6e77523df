"""`load_model`: shipped weights by name, or a run folder, as a calibrated Keras model."""

import h5py
import keras

from facezoo.calibration import set_temperature
from facezoo.errors import FacezooError, RunError, WeightsError
from facezoo.files import parse_json
from facezoo.labels import LabelSet
from facezoo.models import build_model, get_builder
from facezoo.models.blocks import H5_ERRORS, check_finite, load_weight_file
from facezoo.models.pixels import PixelModel
from facezoo.weights.manifest import FOLDER, Card, find_source, weight_file

BEGINNING = {"weights", "trainable_layers"}  # of a builder's arguments
ATTRIBUTE = "facezoo"  # of a released .weights.h5: what it holds, JSON


def load_model(source, *, folder=FOLDER):
    """Return trained weights as a Keras model.

    Args:
        source: name of shipped weights, such as "facezoo_base.fer2013-v1"; a builder's name
            alone for its default; or a `RunFolder` or the path of one.
        folder: of the weights' manifest; the shipped ones by default.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255 -> float32
        (batch, classes), rows sum to 1 and are calibrated; with `.label_set` and `.card`.

    Raises:
        UnknownName: no such weights, and no folder of that name.
        WeightsError: a file that is damaged, or of other weights than the manifest says.
        RunError: a run that has not finished, or whose model is damaged.

    Example:
        model = facezoo.load_model("runs/cmu-lenet5-pose/20261121-101500")
        dict(zip(model.label_set.classes, model.predict(pictures)[0]))
    """
    found = find_source(source, folder)
    if isinstance(found, Card):
        card, model = found, _load_weights(found, weight_file(found, "keras", folder))
    else:
        card, model = run_card(found), load_run(found)
    set_temperature(model, card.temperature)
    model.card = card
    return model


def run_card(run):
    """Return the `Card` of a run.

    Raises:
        RunError: it holds several seeds, or no trained model yet.
    """
    state = run.state
    if state is None or not (run.path / "model.keras").is_file():
        if run.seeds:
            raise RunError(
                f"Got {str(run.path)!r}, a run of {len(run.seeds)} seeds; expected one of them. "
                f"Use {run.seeds[0].path}; metrics.json has the figures of all."
            )
        raise RunError(
            f"Got {str(run.path)!r}, which holds no model.keras; expected a finished run. Go on "
            f"with: facezoo train --resume {run.path}"
        )
    metrics = run.metrics if (run.path / "metrics.json").exists() else {}
    return Card(
        name=run.recipe.name,
        trained_by=run.recipe.to_dict(),
        label_set=LabelSet.from_dict(state["label_set"]),
        input_shape=tuple(state["input_shape"]),
        protocol=state["protocol"],
        fingerprint=state["fingerprint"],
        temperature=metrics.get("calibration", {}).get("temperature", 1.0),
        metrics={role: metrics[role] for role in ("validation", "test") if role in metrics},
    )


def load_run(run):
    """Return a run's Keras model as it was trained, with its `label_set`; not calibrated.

    Raises:
        RunError: the run has not finished, holds several seeds, or its model is damaged.
    """
    card = run_card(run)  # refused there
    path = run.path / "model.keras"
    get_builder(run.recipe.builder)  # Keras finds a network's own layers once imported
    try:
        model = keras.models.load_model(path, safe_mode=True)
        _check_own(model, card)
        return model
    except Exception as error:  # Keras raises anything on a damaged file
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise RunError(
            f"Got {str(path)!r}, which cannot be loaded ({reason}); expected a whole Keras file. "
            f"Delete it and run: facezoo train --resume {run.path}"
        ) from None


def _check_own(model, card):
    """Refuse a model that is not the one of its run's papers, or not of numbers."""
    if not isinstance(model, PixelModel):
        raise FacezooError(f"a {type(model).__name__}, no PixelModel")
    said = (model.label_set, tuple(model.input_shape[1:]))
    if said != (card.label_set, card.input_shape):
        raise FacezooError("another label set or input shape than in state.json")
    check_finite(model)


def _load_weights(card, path):
    """Fill a card's network from its file, or refuse a file of another."""
    facts = read_facts(path)
    expected = weight_facts(card)
    if facts != expected:
        got = facts and f"{facts.get('name')} of {facts.get('builder')}"
        raise WeightsError(
            f"Got {path} with the weights of {got or 'an unknown network'}; expected those of "
            f"{card.name} with its label set. Install facezoo again."
        )
    return fill_network(card, path)


def fill_network(card, path):
    """Return a card's network, built anew and filled from a .weights.h5; not calibrated."""
    recipe = card.recipe
    # what a training begins with is overwritten by the file: nothing is fetched for it
    arguments = {k: v for k, v in recipe.builder_args.items() if k not in BEGINNING}
    arguments["num_classes"] = len(card.label_set)
    try:
        model = build_model(recipe.builder, **{**arguments, "input_shape": card.input_shape})
    except FacezooError:
        raise
    except (TypeError, ValueError, KeyError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"Got builder_args={recipe.builder_args!r} for {card.name}, which {recipe.builder!r} "
            f"cannot be built with ({reason}); expected its arguments. Install facezoo again."
        ) from None
    load_weight_file(model, path)
    model.label_set = card.label_set
    return model


def weight_facts(card):
    """What a released .weights.h5 says of itself: a dict for JSON."""
    return {
        "name": card.name,
        "builder": card.recipe.builder,
        "builder_args": card.recipe.builder_args,
        "input_shape": list(card.input_shape),
        "label_set": card.label_set.to_dict(),
    }


def read_facts(path):
    """Return `weight_facts` as a file holds them; None for a file that says nothing."""
    try:
        with h5py.File(path) as file:
            return parse_json(file.attrs[ATTRIBUTE])
    except H5_ERRORS:
        return None
