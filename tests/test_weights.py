"""Weights with papers: calibration, release, the manifest, and what is refused."""

import json
import shutil

import h5py
import numpy as np
import pytest

import facezoo
from facezoo.calibration import fit_temperature, set_temperature
from facezoo.errors import DatasetNotFound, RunError, UnknownName, WeightsError
from facezoo.evaluation import evaluate
from facezoo.labels import EXPRESSION_7
from facezoo.recipes import get_recipe
from facezoo.releasing import measure_elsewhere, release
from facezoo.runs import RunFolder
from facezoo.training import train
from facezoo.weights import get_card, list_weights, load_model
from facezoo.weights.loading import load_run
from facezoo.weights.manifest import FOLDER, weight_file

pytestmark = pytest.mark.usefixtures("few_faces")
NAME = "lenet5.synthetic-v1"
TINY = get_recipe("synthetic-lenet5-expression").smoke()


@pytest.fixture
def run(tmp_path):
    return train(TINY, runs=tmp_path / "runs")


@pytest.fixture
def released(run, tmp_path):
    """A folder of weights, as `release` writes it but for the exported networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facezoo.releasing.export", lambda model, path, half: _empty(path))
        patch.setattr("facezoo.releasing._onnx_figures", lambda path, data: {})
        release(run, NAME, folder=tmp_path / "weights", default=True)
    return tmp_path / "weights"


def _empty(path):
    path.write_bytes(b"onnx")
    return path


def softmax(scores):
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("votes", [False, True])
def test_the_temperature_that_spoilt_the_probabilities_is_found(temperature, votes):
    rng = np.random.default_rng(0)
    true = softmax(rng.normal(0, 1.5, (40_000, 7)))
    labels = true if votes else (rng.random((len(true), 1)) > true.cumsum(axis=1)).sum(axis=1)
    told = softmax(np.log(true) * temperature)
    assert fit_temperature(told, labels) == pytest.approx(temperature, rel=0.03)


def test_pictures_that_are_all_right_make_no_network_surer():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]] * 30)
    assert fit_temperature(probabilities, np.array([0, 1] * 30)) == pytest.approx(1, abs=1e-3)
    wrong = np.array([0, 1] * 29 + [1, 0])
    assert 0.5 < fit_temperature(probabilities, wrong) < 1  # few pictures, and no large claim


@pytest.mark.parametrize("name", ["lenet5", "mini_xception", "facezoo_small"])
def test_a_temperature_is_folded_into_the_last_weights(name):
    model = facezoo.build_model(name)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1), dtype=np.uint8)
    before = np.asarray(model.predict_on_batch(pictures))
    set_temperature(model, 2.5)
    after = np.asarray(model.predict_on_batch(pictures))
    assert after == pytest.approx(softmax(np.log(before) / 2.5), abs=1e-6)
    pooled = next(layer for layer in model.layers if "MaxPooling" in type(layer).__name__)
    inner = facezoo.models.pixels.PixelModel(model.inputs, pooled.output)
    with pytest.raises(WeightsError, match="dense layer"):
        set_temperature(inner, 2.0)


def test_a_run_answers_calibrated_and_its_figures_are_of_that(run):
    temperature = run.metrics["calibration"]["temperature"]
    model, raw = load_model(run.path), load_run(run)
    pictures = facezoo.load_dataset("synthetic").test.images[:8]
    expected = softmax(np.log(np.asarray(raw.predict_on_batch(pictures))) / temperature)
    assert np.asarray(model.predict_on_batch(pictures)) == pytest.approx(expected, abs=1e-6)
    assert model.card.temperature == temperature != 1
    assert model.label_set == EXPRESSION_7 == model.card.label_set
    assert evaluate(run).ece == pytest.approx(run.metrics["test"]["ece"])


def test_released_weights_load_by_name_and_answer_as_the_card_says(run, released):
    assert list_weights(released) == [NAME]
    card = get_card("lenet5", released)
    assert card.name == NAME and card.recipe == run.recipe and card.protocol == "synthetic/people"
    model = load_model("lenet5", folder=released)
    assert model.label_set == EXPRESSION_7 and model.card == card
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "facezoo.evaluation.load_model", lambda name: load_model(name, folder=released)
        )
        report = evaluate(NAME, dataset="synthetic", protocol="synthetic/people")
    stored = card.metrics["test"]
    assert stored["n"] == 32 and report.n > 32  # the run was limited; the protocol is not
    assert set(card.metrics["spoilt"]) >= {"as they are", "blur", "occlusion"}
    assert card.metrics["uncalibrated"]["validation"]["accuracy"] == pytest.approx(
        card.metrics["validation"]["accuracy"]
    )


def test_matrices_take_16_bits_and_nothing_else_changes(run, released):
    with h5py.File(weight_file(get_card(NAME, released), "keras", released)) as file:
        kinds = {}
        file.visititems(lambda name, item: kinds.setdefault(name, getattr(item, "dtype", None)))
        ranks = {name: file[name].ndim for name, kind in kinds.items() if kind is not None}
    for name, rank in ranks.items():
        assert kinds[name] == (np.float16 if rank > 1 else np.float32) or "seed" in name
    raw, kept = load_run(run), load_model(NAME, folder=released)
    set_temperature(raw, kept.card.temperature)
    for one, other in zip(raw.get_weights(), kept.get_weights(), strict=True):
        assert other == pytest.approx(one, rel=2**-10, abs=1e-6)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder, path: path.write_bytes(path.read_bytes()[:-9]), "bytes"),
        (lambda folder, path: path.write_bytes(path.read_bytes()[:-1] + b"?"), "sha256"),
        (lambda folder, path: path.unlink(), "No such file"),
        (lambda folder, path: (folder / "manifest.json").write_text("{}"), "manifest"),
        (lambda folder, path: (folder / "manifest.json").unlink(), "manifest"),
    ],
)
def test_damaged_weights_are_an_error(released, damage, said):
    damage(released, released / f"{NAME}.weights.h5")
    with pytest.raises(WeightsError, match=said):
        load_model(NAME, folder=released)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry["trained_by"].update(builder="mini_xception"),
        lambda entry: entry["label_set"]["classes"].reverse(),
        lambda entry: entry["trained_by"]["builder_args"].update(dropout=0.1),
        lambda entry: entry["files"]["keras"].update(file="../lenet5.weights.h5"),
        lambda entry: entry.pop("label_set"),
        lambda entry: entry["files"]["keras"].pop("sha256"),
        lambda entry: entry.update(temperature=0),
    ],
)
def test_a_manifest_that_says_otherwise_than_the_file_is_an_error(released, change):
    path = released / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest["weights"][NAME])
    path.write_text(json.dumps(manifest))
    with pytest.raises(WeightsError):
        load_model(NAME, folder=released)


def test_another_networks_file_is_an_error(run, released):
    other = release_of_another(run, released)
    manifest = json.loads((released / "manifest.json").read_text())
    manifest["weights"][NAME]["files"] = manifest["weights"][other]["files"]
    (released / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match=f"weights of {other}"):
        load_model(NAME, folder=released)


def release_of_another(run, folder):
    """The same run under another name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facezoo.releasing.export", lambda model, path, half: _empty(path))
        patch.setattr("facezoo.releasing._onnx_figures", lambda path, data: {})
        return release(run, "lenet5.synthetic-v2", folder=folder).name


def test_the_seed_that_validates_best_is_released_and_the_card_tells_of_all(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr("facezoo.releasing.export", lambda model, path, half: _empty(path))
    monkeypatch.setattr("facezoo.releasing._onnx_figures", lambda path, data: {})
    folder, same = tmp_path / "weights", {"seed": 7, "split_seed": run.recipe.seed}
    best = copied(run, tmp_path / "best", same, validation=1.0, test=0.25)
    with pytest.raises(WeightsError, match=f"expected {best.path}"):
        release(run, NAME, seeds=[best], folder=folder)
    longer = copied(run, tmp_path / "longer", {**same, "epochs": 9}, validation=0, test=0)
    drawn_otherwise = copied(run, tmp_path / "drawn", {"seed": 7}, validation=0, test=0)
    for wrong in (run, longer, drawn_otherwise):
        with pytest.raises(WeightsError, match="with another seed"):
            release(run, NAME, seeds=[wrong], folder=folder)
    untested = copied(run, tmp_path / "untested", same, validation=0.0)
    metrics = untested.metrics
    untested.write_json("metrics.json", {k: v for k, v in metrics.items() if k != "test"})
    with pytest.raises(WeightsError, match="was not tested"):
        release(run, NAME, seeds=[untested], folder=folder)
    assert not folder.exists()
    worse = copied(run, tmp_path / "worse", same, validation=0.0, test=0.25)
    release(run, NAME, seeds=[worse], folder=folder)
    found = get_card(NAME, folder).metrics["seeds"]
    assert [each["seed"] for each in found] == [0, 7]
    assert found[1]["test"]["accuracy"] == 0.25 and found[1]["validation"]["accuracy"] == 0
    for key, value in found[0]["test"].items():
        assert value == run.metrics["test"][key]


def copied(run, path, changes, **accuracies):
    """The run as if its recipe had been another, and other accuracies had come of it."""
    shutil.copytree(run.path, path)
    fields, metrics = run.recipe.to_dict(), run.metrics
    for part, accuracy in accuracies.items():
        metrics[part]["accuracy"] = accuracy
    (path / "recipe.json").write_text(json.dumps({**fields, **changes}))
    (path / "metrics.json").write_text(json.dumps(metrics))
    return RunFolder(path)


def test_what_cannot_be_released_or_loaded(run, released, tmp_path):
    before = (released / "manifest.json").read_bytes()
    refused = (
        (NAME, "Raise the number"),
        ("vgg19.synthetic-v1", "lenet5"),
        ("lenet5", "-v<number>"),
        ("lenet5.fer2013-v1", "synthetic"),
        ("../lenet5.synthetic-v1", "lenet5"),
    )
    for name, said in refused:
        with pytest.raises(WeightsError, match=said):
            release(run, name, folder=released)
    assert (released / "manifest.json").read_bytes() == before
    with pytest.raises(UnknownName, match="Did you mean 'lenet5'"):
        load_model("lenet", folder=released)
    with pytest.raises(UnknownName, match="onnx-int8"):
        weight_file(get_card(NAME, released), "onnx-int8", released)
    with pytest.raises(RunError, match=r"recipe\.json"):
        load_model(tmp_path / "nothing")


def test_weights_of_otherwise_prepared_pictures_say_so(released, monkeypatch):
    path = released / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["weights"][NAME]["fingerprint"] = "another"
    path.write_text(json.dumps(manifest))
    monkeypatch.setattr("facezoo.evaluation.load_model", lambda n: load_model(n, folder=released))
    assert "prepared from other files" in evaluate(NAME).note


def test_shipped_weights_meet_other_data_without_the_pictures_that_trained_them(tmp_path):
    report = evaluate("lenet5.fer2013-v1", dataset="synthetic", root=tmp_path)
    assert report.n and report.copies is None
    assert "fer2013, which trained lenet5.fer2013-v1, is not prepared" in report.note
    for same in (
        None,
        "fer2013",
        "ferplus",
        "fer2013:mine",
    ):  # would be tested on what trained them
        with pytest.raises(DatasetNotFound, match="'fer2013' is not prepared"):
            evaluate("lenet5.fer2013-v1", dataset=same, root=tmp_path)


def test_every_shipped_file_is_whole_and_small():
    cards = [get_card(name) for name in list_weights()]
    paths = [weight_file(card, kind) for card in cards for kind in card.files]
    sizes = [path.stat().st_size for path in paths]
    assert max(sizes, default=0) < 8e6 and sum(sizes) < 25e6
    here = {path.name for path in FOLDER.glob("*.h5")} | {p.name for p in FOLDER.glob("*.onnx")}
    assert {path.name for path in paths} == here


def test_a_card_survives_json(released):
    card = get_card(NAME, released)
    assert type(card).from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_a_folder_of_the_weights_name_is_not_taken_for_them(released, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAME).mkdir()
    assert load_model(NAME, folder=released).card.name == NAME


def test_what_was_not_prepared_is_measured_later(released, monkeypatch):
    path = released / "manifest.json"
    manifest = json.loads(path.read_text())
    figures = {"n": 3, "accuracy": 0.5}
    missing = {"ckplus": {"refused": "not prepared"}, "expw": figures}
    manifest["weights"][NAME]["metrics"]["elsewhere"] = missing
    path.write_text(json.dumps(manifest))
    before = path.read_bytes()
    assert measure_elsewhere(NAME, folder=released) == []  # CK+ is still not prepared
    assert path.read_bytes() == before
    faces = facezoo.load_dataset("synthetic")
    monkeypatch.setattr("facezoo.releasing.load_dataset", lambda name, root=None: faces)
    assert measure_elsewhere(NAME, folder=released) == ["ckplus"]
    after = json.loads(path.read_text())
    measured = after["weights"][NAME]["metrics"]["elsewhere"]
    whole = sum(len(part) for part in (faces.train, faces.validation, faces.test))
    assert measured["ckplus"]["n"] == whole and 0 <= measured["ckplus"]["accuracy"] <= 1
    assert measured["expw"] == figures
    assert after["defaults"] == manifest["defaults"]
