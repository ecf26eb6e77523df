"""The studies' plans, and what a reproduction stores, goes on with and tells."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from conftest import picture_bytes, write_zip
from facezoo import get_recipe, list_recipes, load_dataset, nearest_neighbour, train
from facezoo.datasets.prepare import prepare
from facezoo.errors import FacezooError, RecipeError, ResultsError, UnknownName
from facezoo.files import locked
from facezoo.reproduction import (
    STUDIES,
    Plan,
    Study,
    plans,
    read_results,
    reproduce,
    results_page,
    running,
    studies,
)
from facezoo.reproduction.results import store_result
from facezoo.reproduction.rows import epochs_run, known, paired_difference
from facezoo.reproduction.studies import every_plan, study_of
from facezoo.right_answers import pack_right, unpack_right

pytestmark = pytest.mark.usefixtures("few_faces")

TINY = get_recipe("synthetic-lenet5-expression").smoke()
MAX = TINY.override({"name": "pooling-base-max", "reported": "accuracy 0.5"})
AVERAGE = TINY.override({"name": "pooling-base-average", "epochs": 2})


@pytest.fixture
def two_plans(monkeypatch):
    """A study of two plans that take seconds, the first with two seeds."""
    monkeypatch.setattr(
        studies, "every_plan", lambda: [Plan(MAX, seeds=2), Plan(AVERAGE, changed="drawn")]
    )


@pytest.fixture
def places(tmp_path):
    """Where a reproduction writes."""
    return {"runs": tmp_path / "runs", "out": tmp_path}


class Stop(keras.callbacks.Callback):
    """Stop as Ctrl-C does when the training of that number begins."""

    def __init__(self, number):
        super().__init__()
        self.left = number

    def on_train_begin(self, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def run_folders(places):
    return sorted(p.parent for p in places["runs"].rglob("seeds.json"))


def test_every_recipe_of_a_study_is_in_its_plan():
    planned = {plan.recipe.name for plan in every_plan()}
    assert planned == {n for n in list_recipes() if n.partition("-")[0] in STUDIES}
    names = [plan.name for plan in every_plan()]
    assert len(names) == len(set(names))
    assert {study_of(plan) for plan in every_plan()} == set(STUDIES)


def test_quick_plans_are_short_and_want_no_archive():
    for study in STUDIES:
        for plan in plans(study, "quick"):
            recipe = plan.recipe
            assert (recipe.dataset, recipe.epochs, plan.seeds) == ("synthetic", 2, 1)
            assert recipe.limit and "weights" not in recipe.builder_args
            assert plan.asked > 2 and plan.changed == "drawn faces"


def test_fewer_epochs_shorten_the_schedule_and_are_remembered():
    (plan,) = plans("pooling-plus", epochs=1)
    assert (plan.recipe.epochs, plan.asked) == (1, 80)
    assert plan.recipe.schedule.warmup_epochs == 0
    (plan,) = plans("pooling-plus", epochs=100)
    assert plan.recipe.epochs == plan.asked == 80


def test_unknown_studies_and_profiles():
    with pytest.raises(RecipeError, match="drawn faces do not have its task"):
        reproduce("cmu-lenet5-identity", profile="quick")
    with pytest.raises(UnknownName, match="Did you mean 'pooling'"):
        reproduce("poolin")
    with pytest.raises(UnknownName, match="full, quick"):
        reproduce("pooling", profile="fast")


def test_a_reproduction_stores_what_the_page_shows(two_plans, places, tmp_path):
    outcomes = reproduce("pooling", **places)
    rows = read_results("pooling", tmp_path / "results")
    assert [row["plan"] for row in rows] == [outcome.plan.name for outcome in outcomes]
    first = outcomes[0].run.metrics
    assert rows[0]["accuracy"] == first["test"]["accuracy"] and rows[0]["seeds"] == [0, 1]
    assert np.sum(rows[0]["confusion_matrix"]) == 2 * 32
    right = unpack_right(rows[0]["right"][1], 32)
    seed = outcomes[0].run.seeds[1].metrics["test"]["accuracy"]
    assert right.sum() == pytest.approx(32 * seed)
    page = (tmp_path / "docs" / "results.md").read_text()
    assert page == results_page(tmp_path / "results")
    mean, std = (first["test"]["accuracy"][key] for key in ("mean", "std"))
    assert f"| accuracy 0.5 | {mean:.3f} ± {std:.3f} (2 seeds) |" in page
    assert "max against average pooling" not in page  # not run in the same way
    assert "`pooling-base-average` (drawn)" in page


def test_differences_are_told_of_rows_run_in_the_same_way(monkeypatch, places, tmp_path):
    alike = Plan(AVERAGE.override({"epochs": 1}))
    monkeypatch.setattr(studies, "every_plan", lambda: [Plan(MAX), alike])
    reproduce("pooling", **places)
    one, other = read_results("pooling", tmp_path / "results")
    difference = one["accuracy"]["mean"] - other["accuracy"]["mean"]
    line = "| max against average pooling | `pooling-base-max` - `pooling-base-average` | "
    assert line + f"{difference:+.3f} |" in results_page(tmp_path / "results")
    other["epochs_asked"] = 6  # hardly begun
    store_result("pooling", other, [one["plan"], other["plan"]], tmp_path / "results")
    assert line not in results_page(tmp_path / "results")


def test_a_short_run_says_so(two_plans, places, tmp_path):
    reproduce("pooling-base-average", epochs=1, **places)
    (row,) = read_results("pooling", tmp_path / "results")
    assert (row["epochs"], row["epochs_asked"]) == ([1], 2)
    page = (tmp_path / "docs" / "results.md").read_text()
    assert "| **1 of 2** |" in page and "| not run yet |" in page


def test_a_stopped_reproduction_keeps_what_was_done_and_goes_on(two_plans, places, tmp_path):
    with pytest.raises(KeyboardInterrupt) as stopped:
        reproduce("pooling", callbacks=[Stop(3)], **places)
    said = f"facezoo reproduce pooling --runs {tmp_path / 'runs'} --out {tmp_path} --resume"
    assert stopped.value.__notes__ == [f"Go on with: {said}"]
    stored = (tmp_path / "results" / "pooling.json").read_text()
    assert len(json.loads(stored)["rows"]) == 1
    before = run_folders(places)
    outcomes = reproduce("pooling", resume=True, **places)
    assert outcomes[0].run.path == before[0]
    assert len(run_folders(places)) == 2
    assert len(read_results("pooling", tmp_path / "results")) == 2


def test_resuming_goes_on_within_a_plan_and_trains_another_recipe_anew(places, monkeypatch):
    monkeypatch.setattr(studies, "every_plan", lambda: [Plan(MAX, seeds=2)])
    with pytest.raises(KeyboardInterrupt):
        reproduce("pooling", callbacks=[Stop(2)], **places)
    (begun,) = run_folders(places)
    first = (begun / "seed-0" / "model.keras").stat().st_mtime_ns
    reproduce("pooling", resume=True, **places)
    assert run_folders(places) == [begun]
    assert (begun / "seed-0" / "model.keras").stat().st_mtime_ns == first
    said = dataclasses.replace(MAX, summary="other words")
    for recipe, folders in ((said, 1), (MAX.override({"learning_rate": 0.01}), 2)):
        plan = Plan(recipe, seeds=2)
        monkeypatch.setattr(studies, "every_plan", lambda plan=plan: [plan])
        reproduce("pooling", resume=True, **places)
        assert len(run_folders(places)) == folders


def test_more_epochs_go_on_with_the_run_of_fewer(monkeypatch, places):
    plan = Plan(AVERAGE.override({"schedule.kind": "constant"}))
    monkeypatch.setattr(studies, "every_plan", lambda: [plan])
    (short,) = reproduce("pooling-base-average", epochs=1, **places)
    (longer,) = reproduce("pooling-base-average", resume=True, **places)
    assert longer.run.path == short.run.path
    assert (short.row["epochs"], longer.row["epochs"]) == ([1], [2])
    assert longer.row["epochs_asked"] == longer.row["epochs_allowed"] == 2


def test_a_row_follows_a_run_that_went_on_without_it(monkeypatch, places):
    plan = Plan(AVERAGE.override({"schedule.kind": "constant"}))
    monkeypatch.setattr(studies, "every_plan", lambda: [plan])
    (short,) = reproduce("pooling-base-average", epochs=1, **places)
    train(resume=short.run.path, epochs=2)  # as after a kill before the row was written
    (longer,) = reproduce("pooling-base-average", resume=True, **places)
    assert longer.run.path == short.run.path and longer.row["epochs"] == [2]


def test_a_training_that_its_patience_stopped_is_not_cut_short(monkeypatch, places, tmp_path):
    still = {"learning_rate": 1e-12, "optimizer": "sgd", "patience": 1, "epochs": 9}
    plan = Plan(AVERAGE.override({**still, "monitor": "val_accuracy", "schedule.kind": "constant"}))
    monkeypatch.setattr(studies, "every_plan", lambda: [plan])
    stopped = "2 of 9, stopped by the recipe's patience"
    for allowed, told in ((1, "**1 of 9**"), (2, stopped), (4, stopped)):
        reproduce("pooling-base-average", epochs=allowed, **places)
        page = (tmp_path / "docs" / "results.md").read_text()
        assert f"| {told} | 1 |" in page


def test_a_cosine_is_trained_anew_for_more_epochs(two_plans, places):
    (short,) = reproduce("pooling-base-average", epochs=1, **places)
    (longer,) = reproduce("pooling-base-average", resume=True, **places)
    assert longer.run.path != short.run.path and longer.row["epochs"] == [2]


def test_a_finished_run_of_an_earlier_facezoo_is_taken_up(two_plans, places, tmp_path):
    outcome = reproduce("pooling-base-max", **places)[0]
    for seed in outcome.run.seeds:
        del (metrics := seed.metrics)["right"]
        seed.write_json("metrics.json", metrics)
    (tmp_path / "results" / "pooling.json").unlink()
    assert reproduce("pooling-base-max", resume=True, **places)[0].row == outcome.row


def test_missing_data_are_passed_over_with_a_reason(monkeypatch, places, tmp_path):
    missing = Plan(get_recipe("pooling-strong"))
    monkeypatch.setattr(studies, "every_plan", lambda: [missing, Plan(MAX)])
    lacking, done = reproduce("pooling", **places)
    assert lacking.row is None and "facezoo prepare fer2013" in lacking.refused
    assert done.row["plan"] == Plan(MAX).name
    assert len(read_results("pooling", tmp_path / "results")) == 1


def test_a_plan_that_diverges_does_not_end_the_others(monkeypatch, places):
    wild = Plan(AVERAGE.override({"optimizer": "sgd", "optimizer_args": {"weight_decay": 1e30}}))
    monkeypatch.setattr(studies, "every_plan", lambda: [wild, Plan(MAX)])
    diverged, done = reproduce("pooling", **places)
    assert diverged.row is None and "expected a finite number" in diverged.refused
    assert done.row is not None


def test_a_damaged_run_is_passed_over(two_plans, places):
    (outcome,) = reproduce("pooling-base-average", **places)
    (outcome.run.path / "seeds.json").write_text("[0")
    with pytest.warns(UserWarning, match="is passed over"):
        (again,) = reproduce("pooling-base-average", resume=True, **places)
    assert again.run.path != outcome.run.path


def test_a_shorter_run_does_not_replace_a_longer_one(two_plans, places, tmp_path):
    reproduce("pooling-base-average", **places)
    stored = (tmp_path / "results" / "pooling.json").read_text()
    (outcome,) = reproduce("pooling-base-average", epochs=1, **places)
    assert "Got a run of 1 epochs where one of 2 is stored" in outcome.refused
    assert (tmp_path / "results" / "pooling.json").read_text() == stored


def test_a_row_of_an_earlier_recipe_says_so_and_gives_way(monkeypatch, places, tmp_path):
    monkeypatch.setattr(studies, "every_plan", lambda: [Plan(AVERAGE)])
    reproduce("pooling", **places)
    page = tmp_path / "docs" / "results.md"
    assert "earlier recipe" not in page.read_text()
    faster = AVERAGE.override({"learning_rate": 0.01, "epochs": 1})
    monkeypatch.setattr(studies, "every_plan", lambda: [Plan(faster)])
    assert "`pooling-base-average`, an earlier recipe |" in results_page(tmp_path / "results")
    short = Plan(faster, cut_from=3)
    monkeypatch.setattr(studies, "every_plan", lambda: [short])
    assert "is stored; expected no shorter one" in reproduce("pooling", **places)[0].refused
    monkeypatch.setattr(studies, "every_plan", lambda: [Plan(faster)])
    (outcome,) = reproduce("pooling", **places)
    assert outcome.row["epochs"] == [1] and "earlier recipe" not in page.read_text()
    outcome.row["recipe"]["forgotten"] = 1  # a field of another version
    store_result("pooling", outcome.row, [outcome.row["plan"]], tmp_path / "results")
    assert "an earlier recipe |" in results_page(tmp_path / "results")


def test_other_data_are_tested_on_and_what_was_missing_is_looked_for_again(
    monkeypatch, places, tmp_path
):
    face = np.zeros((48, 48), np.uint8)
    mine = {
        f"{name}/{i}.png": picture_bytes(face + i, "PNG")
        for name in ("happy", "sad")
        for i in range(30)
    }
    prepare("folder:mine", write_zip(tmp_path / "mine.zip", mine))
    elsewhere = ("folder:mine", "ckplus")
    monkeypatch.setattr(studies, "every_plan", lambda: [Plan(MAX, elsewhere=elsewhere)])
    (outcome,) = reproduce("pooling", **places)
    found = outcome.row["elsewhere"]
    assert found["folder:mine"].get("pictures") == 60, found
    assert "ckplus" in found["ckplus"]["refused"]
    page = (tmp_path / "docs" / "results.md").read_text()
    assert "| `pooling-base-max` | folder:mine | " in page
    asked = []

    def again(seeds, name, root):
        asked.append(name)
        return {"refused": "still not there"}

    monkeypatch.setattr(running, "_elsewhere", again)
    reproduce("pooling", resume=True, **places)
    assert asked == list(elsewhere)
    assert "still not there" in (tmp_path / "docs" / "results.md").read_text()


def test_a_plan_that_another_process_runs_is_passed_over(two_plans, places):
    places["runs"].mkdir()
    with locked(places["runs"] / f".{Plan(MAX, seeds=2).name}.lock", wait=False):
        busy, done = reproduce("pooling", **places)
    assert busy.refused == "another process is at it" and done.row is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "of format None"),
        ('{"format": 1, "rows": []}', "of format 1"),
        ('{"format": 2, "rows": [1]}', "holds no list of rows"),
        ('{"format": 2, "rows": [{"plan": "x"}]}', "lacks 'run'"),
        ('{"format": 2, "rows": [{"plan": "x", "run": 3}]}', "has run=3; expected results"),
    ],
)
@pytest.mark.parametrize("study", ["pooling", "expw"])  # the page shows the other one, too
def test_damaged_results_are_refused_before_anything_is_trained(
    two_plans, places, text, said, study
):
    path = places["out"] / "results" / f"{study}.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ResultsError, match=said):
        reproduce("pooling", **places)
    assert path.read_text() == text and not places["runs"].exists()


@pytest.mark.parametrize(("text", "said"), [("{", "cannot be read"), ('{"seeds": 5}', "lacks")])
def test_a_damaged_transfer_is_refused(two_plans, places, text, said):
    path = places["out"] / "results" / "transfer.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ResultsError, match=f"{said}.*; expected what benchmarks/transfer"):
        reproduce("pooling", **places)
    assert not places["runs"].exists()


def test_paired_differences_know_that_the_pictures_are_the_same():
    def row(*seeds, parts=("one",)):
        right = [pack_right(seed) for seed in seeds]
        pictures = {"test": [len(seed) for seed in seeds]}
        told = {"right": right, "pictures": pictures, "recipe": {"name": "expw-cnn"}}
        told |= {"epochs_allowed": 1, "epochs_asked": 1}
        return {**told, "test_parts": len(seeds) * list(parts) if len(parts) == 1 else list(parts)}

    rng = np.random.default_rng(0)
    base = rng.random(1000) < 0.6
    better = base | (rng.random(1000) < 0.1)
    difference, low, high = paired_difference(row(better), row(base))
    assert difference == pytest.approx(better.mean() - base.mean())
    assert 0 < low < difference < high
    unpaired = 1.96 * np.sqrt((better.var() + base.var()) / 1000)
    assert high - difference < unpaired / 2
    parts = ("one", "two")
    apart = row(better, base, parts=parts), row(base, base, parts=parts)
    assert paired_difference(*apart)[0] == pytest.approx(difference / 2)
    assert paired_difference(row(better), row(base, parts=("two",))) is None
    longer = {"epochs_allowed": 2, "epochs_asked": 2}
    assert paired_difference(row(better), row(base) | longer) is None
    improved = row(better) | {"recipe": {"name": "expw-plus"}}
    assert paired_difference(improved, row(base) | longer)[0] == pytest.approx(difference)
    assert paired_difference(improved, row(base) | longer | {"epochs_asked": 3}) is None


@pytest.mark.parametrize(
    "broken",
    [{"accuracy": {}}, {"recipe": {}}, {"epochs": []}, {"environment": {}}, {"shown": []}],
)
def test_a_row_that_cannot_be_told_is_refused(two_plans, places, tmp_path, broken):
    (outcome,) = reproduce("pooling-base-average", **places)
    row = outcome.row | broken
    text = json.dumps({"format": 2, "rows": [row]})
    (tmp_path / "results" / "pooling.json").write_text(text)
    with pytest.raises(ResultsError, match="is damaged .*; expected results of format 2"):
        read_results("pooling", tmp_path / "results")


def test_epochs_tell_when_only_some_seeds_were_stopped():
    row = {"epochs": [12, 50], "epochs_allowed": 50, "epochs_asked": 50, "seeds": [0, 1]}
    row["recipe"] = {"patience": 5}
    assert epochs_run(row) == "12-50, some seeds stopped by the recipe's patience"


def test_a_study_goes_from_its_data_to_its_mistakes(two_plans, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    study = Study("pooling", "full")
    table = study.run()
    assert list(table["recipe"]) == ["pooling-base-max", "pooling-base-average"]
    assert (tmp_path / "docs" / "results.md").exists()
    report = study.report("pooling-base-max", seed=1)
    data = study.data("pooling-base-max")
    assert report.n == len(data.test) == 32
    assert study.model("pooling-base-max").label_set == data.label_set
    assert len(study.history("pooling-base-average")) == 2
    with pytest.raises(FacezooError, match="other test pictures or epochs"):
        study.difference("pooling-base-max", "pooling-base-average")
    assert study.difference("pooling-base-max", "pooling-base-max") == (0, 0, 0)
    with pytest.raises(UnknownName, match="pooling-base-max"):
        study.report("pooling-strong")
    for shown in (study.report, study.data):
        with pytest.raises(FacezooError, match="Got seed 2 of"):
            shown("pooling-base-max", seed=2)
    with pytest.raises(FacezooError, match="Call run"):
        Study("pooling", "full").report("pooling-base-max")
    trained = len(list(tmp_path.rglob("seeds.json")))
    assert study.model(Plan(MAX).name).label_set == data.label_set
    assert Study("pooling", "full").run().equals(table)
    assert len(list(tmp_path.rglob("seeds.json"))) == trained


def test_a_study_takes_up_the_epochs_that_were_stored(two_plans, places, tmp_path):
    reproduce("pooling-base-average", epochs=1, runs=tmp_path / "runs" / "reproduce", out=tmp_path)
    study = Study("pooling", "full", folder=tmp_path)
    assert [plan.recipe.epochs for plan in study.plans] == [1, 1]
    table = study.run()
    assert list(table["epochs"]) == ["1", "1 of 2"]
    assert study.epochs("pooling-base-average") == "1 of 2 epochs"
    assert study.epochs("pooling-base-max") == "1 epochs" and list(table["kept"]) == [1, 1]
    outcome = study.outcomes[Plan(AVERAGE, changed="drawn").name]
    history = {"epoch": [1, 2, 3], "val_loss": [3.0, 1.0, 2.0], "val_accuracy": [0.1, 0.2, 0.3]}
    outcome.row["shown"]["history"] = history
    assert study.kept_epoch("pooling-base-average") == 2
    outcome.row["recipe"]["monitor"] = "val_accuracy"
    assert study.kept_epoch("pooling-base-average") == 3


def test_a_study_shows_what_is_stored_and_trains_only_the_model_that_is_asked_for(
    two_plans, tmp_path
):
    first = Study("pooling", "full", folder=tmp_path)
    table = first.run()
    shutil.rmtree(tmp_path / "runs")
    study = Study("pooling", "full", folder=tmp_path)
    assert study.run().equals(table)
    report, history = study.report("pooling-base-max"), study.history("pooling-base-average")
    assert report.accuracy == first.outcomes[Plan(MAX).name].row["shown"]["report"]["accuracy"]
    assert list(history["epoch"]) == [1, 2]
    assert not list(tmp_path.rglob("model.keras"))
    study.model("pooling-base-average")
    assert len(list(tmp_path.rglob("model.keras"))) == 1


def test_the_stored_profile_trains_nothing(two_plans, places, tmp_path):
    reproduce("pooling-base-average", epochs=1, runs=tmp_path / "runs" / "reproduce", out=tmp_path)
    before = len(list(tmp_path.rglob("model.keras")))
    study = Study("pooling", "stored", folder=tmp_path)
    table = study.run().set_index("recipe")
    assert table.loc["pooling-base-average", "epochs"] == "1 of 2"
    assert table.loc["pooling-base-max", "note"] == "not run yet"
    assert study.model("pooling-base-average").label_set == study.data().label_set
    with pytest.raises(FacezooError, match="not run yet"):
        study.report("pooling-base-max")
    assert len(list(tmp_path.rglob("model.keras"))) == before


def test_a_study_without_its_data_goes_on_with_drawn_faces(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEZOO_PROFILE", "full")
    study = Study("facex", folder=tmp_path)
    assert study.profile == "quick"
    assert "facezoo prepare fer2013" in repr(study) and "Drawn faces" in repr(study)
    assert study.data("facex-cnn").name == "synthetic"
    with pytest.raises(UnknownName, match="Did you mean 'facex'"):
        Study("face")
    monkeypatch.setenv("FACEZOO_PROFILE", "store")
    with pytest.raises(UnknownName, match="Did you mean 'stored'"):
        Study("facex", folder=tmp_path)


def test_other_data_that_are_not_whole_say_so():
    found = {"note": "x", "data": "all of ckplus, target expression", "pictures": 657}
    assert known("ckplus", found) == "x; the published set has 981"
    assert known("ckplus", {**found, "pictures": 900}) == "x"
    assert known("ferplus", {**found, "data": "ferplus/public"}) == "x"  # its test part


def test_nearest_neighbours_find_the_leak(cmu):
    # noise photographs: only a copy at another size can tell the label
    leaking = load_dataset("cmu_faces", target="expression", protocol="all-sizes")
    honest = load_dataset("cmu_faces", target="expression", protocol="random80")
    assert nearest_neighbour(leaking) > 0.7
    assert nearest_neighbour(honest) < 0.4
