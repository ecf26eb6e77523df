"""`release`: a finished run becomes weights with papers, in a folder with a manifest.

The only code that writes `facezoo/weights/`; a folder of one's own works the same way.
"""

import contextlib
import dataclasses
import json
import re
import shutil
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from facezoo.calibration import fit_temperature, set_temperature
from facezoo.datasets import get_spec, load_dataset
from facezoo.errors import DatasetNotFound, FacezooError, WeightsError
from facezoo.evaluation import (
    all_tested,
    in_classes_of,
    own_data,
    predict,
    report_on,
    test_report,
)
from facezoo.exporting import export, quantize
from facezoo.files import locked, replacing, sha256
from facezoo.report import evaluate_predictions
from facezoo.robustness import robustness
from facezoo.runtime import OnnxNetwork
from facezoo.weights.loading import (
    ATTRIBUTE,
    fill_network,
    load_model,
    load_run,
    run_card,
    weight_facts,
)
from facezoo.weights.manifest import FOLDER, FORMAT, list_weights

INT8_COST = 0.005  # of validation accuracy; the int8 network is kept if it costs less
INT8_PICTURES = 512  # training pictures that its ranges are taken from
ELSEWHERE = ("ckplus", "expw")  # whole sets that no shipped network was trained on
LARGEST = 65504.0  # float16
MIRRORED = ("expression", "votes", "majority", "eyes")  # targets that a mirror leaves as they are


def release(
    run, name, *, seeds=(), folder=FOLDER, default=False, int8=False, root=None, facts=None
):
    """Write a run's network, calibrated and measured, into a folder of weights.

    The temperature is fitted on the validation pictures, which also decide whether the int8
    network is kept; the test pictures are opened by the network that is written.

    Args:
        run: `RunFolder` of a finished training.
        name: "<builder>.<data>-v<n>", of the run's builder.
        seeds: `RunFolder`s of the same recipe with other seeds and the same draws, for the
            card's mean. None may do better than `run` on the validation pictures, which choose
            what is released.
        folder: with or without a manifest.json; the shipped weights' by default.
        default: whether the builder's name alone is to mean these weights.
        int8: write an int8 network too, if it costs under half a point on validation.
        root: folder of prepared data sets; None for the default.
        facts: dict of what else the card shall tell, such as the commit.

    Returns:
        Card.

    Raises:
        WeightsError: another builder's name, weights of that name exist, or `seeds` are not
            what they should be.
        RunError: the run has not finished, or other pictures are prepared.
    """
    folder = Path(folder)
    card = dataclasses.replace(run_card(run), name=name, temperature=1.0)
    _check_name(card, folder)
    of_seeds = _of_seeds(run, seeds)
    data = own_data(card, root)
    environment = run.read_json("environment.json")
    facts = {
        "epochs": len(run.history),
        "seed": card.recipe.seed,
        "trained": environment,
        "license": get_spec(card.recipe.dataset).license,
        **(facts or {}),
    }
    with tempfile.TemporaryDirectory() as made:
        made = Path(made)
        files = {"keras": made / f"{name}.weights.h5"}
        model = _in_16_bits(load_run(run), card, files["keras"])
        raw = {part: predict(model, getattr(data, part).images) for part in ("validation", "test")}
        temperature = fit_temperature(raw["validation"], data.validation.labels)
        set_temperature(model, temperature)
        card = dataclasses.replace(card, temperature=temperature, facts=facts)
        card.metrics.update(_measured(model, data, raw, root))
        if of_seeds:
            card.metrics["seeds"] = of_seeds
        model.card = card
        files["onnx"] = _exported(model, made / f"{name}.onnx")
        card.metrics["onnx"] = _onnx_figures(files["onnx"], data)
        if int8:
            files |= _int8(model, made / f"{name}.int8.onnx", data, card.metrics)
        card = dataclasses.replace(card, files={kind: _entry(p) for kind, p in files.items()})
        folder.mkdir(parents=True, exist_ok=True)
        for path in (each for p in files.values() for each in (p, Path(f"{p}.json"))):
            if path.exists():
                with replacing(folder / path.name) as beside:
                    shutil.copyfile(path, beside)
    _enter(card, folder, default)
    return card


def measure_elsewhere(name, *, folder=FOLDER, root=None):
    """Measure released weights on the data sets that were not prepared when they were released.

    Args:
        name: of weights in `folder`.
        folder, root: as for `release`.

    Returns:
        list of the data sets that the card tells of now and did not before.
    """
    model = load_model(name, folder=folder)
    card, found = model.card, {}
    for other, figures in card.metrics.get("elsewhere", {}).items():
        if "refused" in figures:
            found[other] = _elsewhere(model, other, root)
    measured = [other for other, figures in found.items() if "refused" not in figures]
    if measured:
        elsewhere = {**card.metrics["elsewhere"], **found}
        _enter(dataclasses.replace(card, metrics={**card.metrics, "elsewhere": elsewhere}), folder)
    return measured


def _check_name(card, folder):
    recipe, name = card.recipe, card.name
    data = re.escape(recipe.dataset.replace(":", "_"))
    if not re.fullmatch(rf"{re.escape(recipe.builder)}\.{data}(-\w+)?-v[1-9]\d*", name):
        raise WeightsError(
            f"Got name {name!r} for a run of {recipe.builder!r} on {recipe.dataset!r}; expected "
            f"{recipe.builder}.{recipe.dataset.replace(':', '_')}-v<number>, with -<target> before "
            "-v where there are several. Change it."
        )
    if (folder / "manifest.json").exists() and name in list_weights(folder):
        raise WeightsError(
            f"Got name {name!r}, which {folder} holds; expected a new one. Raise the number at "
            "its end: what people have installed is never another network."
        )


def _of_seeds(run, others):
    """What each of several trainings that differ by their seed alone came to."""
    if not others:
        return []
    runs = sorted((run, *others), key=lambda each: each.recipe.seed)
    seeds = {each.recipe.seed for each in runs}
    fixed = [_but_for_the_seed(each) for each in runs]
    if len(seeds) < len(runs) or any(each != fixed[0] for each in fixed):
        raise WeightsError(
            f"Got {', '.join(str(each.path) for each in others)} as other seeds of {run.path}; "
            "expected runs of its recipe on its pictures, each with another seed and all with one "
            "split_seed. Leave the others out."
        )
    best = max(runs, key=lambda each: each.metrics["validation"]["accuracy"])
    if best.metrics["validation"]["accuracy"] > run.metrics["validation"]["accuracy"]:
        raise WeightsError(
            f"Got {run.path}; expected {best.path}, the seed that does best on the validation "
            "pictures. Release that."
        )
    return [{"seed": each.recipe.seed, **_stored_brief(each)} for each in runs]


def _but_for_the_seed(run):
    """What trainings that differ by their seed alone have in common."""
    card = run_card(run)  # refuses what has not finished
    recipe = card.recipe.trained
    recipe = dataclasses.replace(recipe, seed=0, split_seed=recipe.drawn_with)
    return recipe, card.protocol, card.fingerprint, run.state.get("teacher")


def _stored_brief(run):
    """What a run found when it ended, validation and test."""
    parts, keys = ("validation", "test"), ("n", "accuracy", "macro_f1", "log_loss")
    if "test" not in run.metrics:
        raise WeightsError(
            f"Got {run.path}, which was not tested; expected the test figures of every seed. "
            f"Run: facezoo train --resume {run.path}"
        )
    return {part: {key: run.metrics[part][key] for key in keys} for part in parts}


def _exported(model, path):
    """Export with 16-bit weights, or with whole ones where an answer would move too far."""
    try:
        return export(model, path, half=True)
    except WeightsError:
        return export(model, path)


def _in_16_bits(model, card, path):
    """Write a model's weights, matrices as float16; return the model that they make."""
    whole = path.with_name("whole.weights.h5")
    model.save_weights(whole)
    with h5py.File(whole) as source, h5py.File(path, "w") as file:

        def write(name, item):
            if isinstance(item, h5py.Dataset):
                file[name] = _halved(item[()])
            else:
                file.require_group(name)
            file[name].attrs.update(item.attrs)

        source.visititems(write)
        file.attrs[ATTRIBUTE] = json.dumps(weight_facts(card))
    return fill_network(card, path)


def _halved(values):
    """Float32 matrices as float16, where they fit; all else as it is."""
    fits = values.ndim > 1 and values.dtype == np.float32 and np.abs(values).max() < LARGEST
    return values.astype(np.float16) if fits else values


def _measured(model, data, raw, root):
    """Everything that a card tells of a calibrated network."""
    label_set = data.label_set
    metrics = {
        "validation": report_on(model, data.validation).to_dict(),
        "test": test_report(model, data, data).to_dict(),
        "uncalibrated": {
            part: brief(evaluate_predictions(raw[part], getattr(data, part).labels, label_set))
            for part in raw
        },
        "spoilt": {how: brief(one) for how, one in robustness(model, data.test).items()},
    }
    if data.target in MIRRORED:
        both = predict(model, data.test.images) + predict(model, data.test.images[:][:, :, ::-1])
        flipped = evaluate_predictions(both / 2, data.test.labels, label_set)
        metrics["with_flip"] = brief(flipped)
    if data.target == "votes":  # what others report: a majority's label
        options = dict(protocol=data.protocol, seed=data.seed, root=root)
        majority = load_dataset(data.name, target="majority", **options)
        metrics["majority"] = brief(test_report(model, majority, data))
    if data.name in ("fer2013", "ferplus"):
        metrics["elsewhere"] = {name: _elsewhere(model, name, root) for name in ELSEWHERE}
    return metrics


def brief(report):
    """Return the figures of a `Report` that a card tells of."""
    return {
        "n": report.n,
        "accuracy": report.accuracy,
        "accuracy_interval": report.accuracy_interval,
        "macro_f1": report.macro_f1,
        "ece": report.ece,
        "log_loss": report.log_loss,
    }


def _onnx_figures(path, data):
    """Accuracy of an exported network on validation and test pictures."""
    network = OnnxNetwork(path)
    return {
        part: float(np.mean(predict(network, split.images).argmax(axis=1) == split.classes))
        for part, split in (("validation", data.validation), ("test", data.test))
    }


def _int8(model, path, data, metrics):
    """Write an int8 network, if it costs little; return {kind: path}."""
    rows = np.random.default_rng(0).permutation(len(data.train))[:INT8_PICTURES]
    with tempfile.TemporaryDirectory() as folder:
        whole = export(model, Path(folder) / "whole.onnx")
        quantize(whole, path, data.train.images[np.sort(rows)])
        shutil.copyfile(f"{whole}.json", f"{path}.json")
    figures = _onnx_figures(path, data)
    metrics["onnx-int8"] = figures
    if metrics["onnx"]["validation"] - figures["validation"] >= INT8_COST:
        return {}
    return {"onnx-int8": path}


def _elsewhere(model, name, root):
    """Figures on a whole data set of other pictures; by subject where it tells them."""
    try:
        other = all_tested(load_dataset(name, root=root))
        split, _, note = in_classes_of(model.label_set, other.test, None)
        probabilities = predict(model, split.images)
    except DatasetNotFound:
        return {"refused": "not prepared where these weights were measured"}
    except FacezooError as error:  # at another size
        return {"refused": str(error).partition(";")[0]}
    report = evaluate_predictions(probabilities, split.labels, model.label_set)
    figures = {**brief(report), "data": other.protocol, "note": note}
    if "subject" in split.table:
        right = pd.Series(probabilities.argmax(axis=1) == split.classes)
        of_each = right.groupby(split.table["subject"].to_numpy()).mean()
        figures["subjects"] = {
            "n": len(of_each),
            "mean": float(of_each.mean()),
            "std": float(of_each.std()),
        }
    return figures


def _entry(path):
    return {"file": path.name, "sha256": sha256(path), "bytes": path.stat().st_size}


def _enter(card, folder, default=False):
    """Add a card to the manifest of a folder."""
    path, manifest = folder / "manifest.json", {"format": FORMAT, "defaults": {}, "weights": {}}
    with locked(folder / ".manifest.lock", wait=True), replacing(path) as beside:
        with contextlib.suppress(FileNotFoundError):
            manifest = json.loads(path.read_text("utf-8"))
        manifest["weights"][card.name] = card.to_dict()
        manifest["weights"] = dict(sorted(manifest["weights"].items()))
        if default:
            manifest["defaults"][card.recipe.builder] = card.name
        beside.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
