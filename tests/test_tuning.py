"""Spaces, and searches over them: budgets, storages, several workers, a worker killed."""

import contextlib
import dataclasses
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

from facezoo import Space, get_recipe, train, tune
from facezoo.errors import RecipeError, RunError, TrainingDiverged, TuningError, UnknownName
from facezoo.recipes import SPACES, Range, get_space, load_data
from facezoo.runs import RunFolder
from facezoo.tuning import processes, searching
from facezoo.tuning import trials as trials_module
from facezoo.tuning.claims import CELL, cells_taken
from facezoo.tuning.search import encoded
from facezoo.tuning.searching import joined
from facezoo.tuning.storage import masked

pytestmark = pytest.mark.usefixtures("few_faces")

TINY = get_recipe("synthetic-lenet5-expression").smoke()
NOTHING = {"timeout": None, "root": None}
SMALL = {"batch_size": [4, 8, 16], "learning_rate": [0.001, 0.01], "builder_args.filters": [[4, 8]]}


class Stub:
    """In the place of `train`: a score that is the batch size's and the rate's, at once."""

    def __init__(self):
        self.trained = []

    def __call__(self, recipe, **options):
        self.trained.append(recipe)
        score = recipe.batch_size / 100 + recipe.learning_rate
        self.metrics = {"validation": {"accuracy": score, "log_loss": -score}}
        return self


@pytest.fixture
def stub(monkeypatch):
    stub = Stub()
    monkeypatch.setattr(trials_module, "train", stub)
    return stub


def search(tmp_path, **options):
    given = {"space": SMALL, "runs": tmp_path, "seeds": 0, **options}
    return tune(given.pop("recipe", TINY), given.pop("space"), **given)


def test_every_recipe_of_study_a_has_the_space_that_the_study_names():
    space = get_space(get_recipe("cmu-lenet5-pose"))
    assert len(space.cells()) == 54 * 3
    assert [name for name in SPACES if not name.startswith("cmu-lenet5-")] == []
    for name, each in SPACES.items():
        each.check(get_recipe(name))
        recipe = get_recipe(name)
        default = {"learning_rate": recipe.learning_rate, "batch_size": recipe.batch_size}
        assert any(default.items() <= cell.items() for cell in each.cells())
    with pytest.raises(RecipeError, match="none is built in"):
        get_space(TINY)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "without fields"),
        ({"batch_size": []}, "one choice or more"),
        ({"batch_size": [8, 8]}, "each once"),
        ({"batch_size": 8}, "a list of choices"),
        ({"dropout": {"low": 0}}, "with low, high"),
        ({"learning_rate": {"low": 0.1, "high": 0.1}}, "the lower first"),
        ({"learning_rate": {"low": 0.1, "high": float("nan")}}, "the lower first"),
        ({"learning_rate": {"low": 0, "high": 1, "log": True}}, "above 0"),
        ({"batch_size": {"low": 8, "high": 16, "step": 9}}, "leads to the upper bound"),
        ({"batch_size": {"low": 8, "high": 30, "step": 8}}, "leads to the upper bound"),
        ([1], "an object of fields"),
    ],
)
def test_spaces_that_hold_nothing_are_refused_when_they_are_written(fields, said):
    with pytest.raises(RecipeError, match=said):
        Space.from_dict(fields)


def test_spaces_are_checked_against_their_recipe(tmp_path, stub):
    with pytest.raises(UnknownName, match="Did you mean 'batch_size'"):
        search(tmp_path, space={"batch_sise": [8]})
    with pytest.raises(RecipeError, match="batch_size=0"):
        search(tmp_path, space={"batch_size": [8, 0]})
    with pytest.raises(RecipeError, match="learning_rate=-1"):
        search(tmp_path, space={"learning_rate": {"low": -1, "high": 1}})
    with pytest.raises(RecipeError, match="a range with a step"):
        search(tmp_path, space={"learning_rate": {"low": 0.1, "high": 1}}, method="grid")
    with pytest.raises(TuningError, match="trials=0"):
        search(tmp_path, trials=0)
    with pytest.raises(UnknownName, match="bayes"):
        search(tmp_path, method="bayesian")
    smoothed = {"label_smoothing": [0.0, 0.1]}
    with pytest.raises(TuningError, match="losses of one scale"):
        search(tmp_path, space=smoothed, metric="log_loss", pruner="median")
    assert not stub.trained and not list(tmp_path.iterdir())


def test_spaces_come_back_from_json():
    fields = {
        "learning_rate": {"low": 0.001, "high": 0.1, "log": True},
        "builder_args.dropout": {"low": 0.0, "high": 0.3, "step": 0.1},
        "batch_size": {"low": 8, "high": 32, "step": 8},
        "builder_args.filters": [[4, 8], [6, 16]],
    }
    space = Space.from_dict(fields)
    assert space.to_dict() == fields
    assert Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space
    assert Range(8, 32, step=8).numbers() == [8, 16, 24, 32]
    assert Range(0.0, 0.3, step=0.1).numbers() == [0, 0.1, 0.2, 0.3]
    cells = space.without(["learning_rate"]).cells()
    assert len(cells) == 4 * 4 * 2 and len({str(cell) for cell in cells}) == len(cells)
    assert Space({"builder_args.filters": ((4, 8),)}) == Space({"builder_args.filters": [[4, 8]]})
    together = {"epochs": [100], "schedule.kind": ["cosine"], "schedule.warmup_epochs": [60]}
    Space.from_dict(together).check(TINY)


def test_a_grid_tries_every_cell_once_and_goes_on_where_it_stopped(tmp_path, stub):
    told = []
    first = search(tmp_path, method="grid", trials=2, told=lambda *figures: told.append(figures))
    assert len(first.trials) == 2 and told[-1][:2] == (2, 2)
    result = search(tmp_path, method="grid")
    cells = [(r.batch_size, r.learning_rate, *r.builder_args["filters"]) for r in stub.trained]
    assert len(cells) == len(set(cells)) == 6
    assert result.best == {"batch_size": 16, "learning_rate": 0.01, "builder_args.filters": [4, 8]}
    assert result.value == max(result.trials["accuracy"]) == pytest.approx(0.17)
    table = pd.read_csv(result.folder / "trials.csv")
    assert list(table["batch_size"]) == [r.batch_size for r in stub.trained]
    assert get_recipe(result.folder / "best_recipe.json") == result.recipe
    again = search(tmp_path, method="grid")
    assert len(stub.trained) == 6 and again.best == result.best


@pytest.mark.parametrize("method", ["bayes", "random"])
def test_no_setting_is_trained_twice_and_a_small_space_ends_the_search(tmp_path, stub, method):
    result = search(tmp_path, method=method, trials=30)
    assert len(stub.trained) == len(result.trials) == 6
    assert result.value == pytest.approx(0.17)


def test_ranges_are_searched_between_their_bounds(tmp_path, stub):
    space = {
        "learning_rate": {"low": 0.001, "high": 0.1, "log": True},
        "batch_size": {"low": 8, "high": 32, "step": 8},
        "label_smoothing": {"low": 0.0, "high": 0.2},
    }
    search(tmp_path, space=space, trials=2, metric="log_loss")
    result = search(tmp_path, space=space, trials=12, metric="log_loss")
    assert len(result.trials) == 12 and result.value == min(result.trials["log_loss"])
    for recipe in stub.trained:
        assert 0.001 <= recipe.learning_rate <= 0.1 and recipe.batch_size in (8, 16, 24, 32)


def test_a_study_of_another_search_is_refused(tmp_path, stub):
    search(tmp_path, trials=2, study="mine")
    for options in (
        {"space": {"batch_size": [4, 8]}},
        {"recipe": TINY.override({"epochs": 2})},
        {"method": "random"},
        {"metric": "log_loss"},
    ):
        with pytest.raises(TuningError, match="exists with another"):
            search(tmp_path, trials=2, study="mine", **options)
    assert len(stub.trained) == 2


def test_a_study_is_joined_by_its_name(tmp_path, stub):
    search(tmp_path, trials=2, study="mine")
    storage = tmp_path / "mine" / "study.db"
    result = tune(study="mine", storage=storage, runs=tmp_path / "elsewhere", seeds=0)
    assert len(result.trials) == 2 and len(stub.trained) == 2
    more = tune(study="mine", storage=storage, trials=4, runs=tmp_path, seeds=0)
    assert len(more.trials) == 4
    with pytest.raises(TuningError, match="There are: mine"):
        tune(study="other", storage=storage)
    with pytest.raises(TuningError, match="has its own"):
        tune(study="mine", storage=storage, method="grid")
    with pytest.raises(TuningError, match="neither a recipe nor a study"):
        tune()


def test_a_storage_that_does_not_answer_hides_its_password(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"postgresql://me:secret@127.0.0.1:{port}/search"
    with pytest.raises(TuningError, match="cannot be used") as refused:
        search(tmp_path, storage=url)
    assert "secret" not in str(refused.value) and "me:***@" in str(refused.value)
    with pytest.raises(TuningError, match="cannot be used"):
        search(tmp_path, storage="/proc/none/study.db")
    assert "secret" not in masked("postgresql://me@there/search?password=secret")
    for wrong in ("://me:secret@there", "postgresql:/me:secret@there/x", "sqlite://"):
        with pytest.raises(TuningError, match="neither a file nor") as refused:
            search(tmp_path, storage=wrong)
        assert "secret" not in str(refused.value)
    with pytest.raises(TuningError, match="neither a file nor"):
        masked("postgresql://me:pa@ss@there/x")


def test_a_trial_that_fails_does_not_end_the_search(tmp_path, monkeypatch):
    stub = Stub()

    def train(recipe, **options):
        if recipe.learning_rate == 0.01:
            raise TrainingDiverged("Got a loss of nan")
        return stub(recipe, **options)

    monkeypatch.setattr(trials_module, "train", train)
    result = search(tmp_path, method="grid")
    assert result.trials["state"].value_counts().to_dict() == {"complete": 3, "fail": 3}
    assert set(result.trials["why"]) == {"", "Got a loss of nan"}
    assert result.best["learning_rate"] == 0.001
    with pytest.raises(TuningError, match="none succeeded .the last said: Got a loss of nan"):
        search(tmp_path, method="grid", space={"learning_rate": [0.01]}, study="other")


def test_a_figure_that_is_no_number_and_fields_that_do_not_fit_together_fail_a_trial(
    tmp_path, monkeypatch
):
    class Nan(Stub):
        def __call__(self, recipe, **options):
            super().__call__(recipe, **options)
            if recipe.batch_size == 16:
                self.metrics["validation"]["accuracy"] = float("nan")
            return self

    monkeypatch.setattr(trials_module, "train", Nan())
    result = search(tmp_path, space={"batch_size": [4, 16]}, trials=2)
    assert sorted(result.trials["why"]) == ["", "Got accuracy nan; expected a number."]
    space = {"learning_rate": [0.001, 0.1], "schedule.floor": [0.0, 0.01]}
    recipe = TINY.override({"schedule.kind": "cosine"})
    options = {"space": space, "method": "random", "trials": 9, "study": "floors"}
    result = search(tmp_path, recipe=recipe, **options)
    assert result.trials["state"].value_counts().to_dict() == {"complete": 3, "fail": 1}


def test_a_machine_that_cannot_train_leaves_the_search_as_it_is(tmp_path, stub, monkeypatch):
    search(tmp_path, method="grid", trials=1, study="mine")
    storage = tmp_path / "mine" / "study.db"
    with pytest.raises(TuningError, match="Pass --runs"):
        tune(study="mine", storage=storage, runs="/proc/none", trials=6)

    def full(recipe, **options):
        raise RunError("Got no room")

    with monkeypatch.context() as patched:
        patched.setattr(trials_module, "train", full)
        with pytest.raises(RunError, match="no room"):
            search(tmp_path, method="grid", study="mine")
    result = search(tmp_path, method="grid", study="mine")
    assert len(result.trials) == len(stub.trained) == 6
    assert set(result.trials["state"]) == {"complete"}


def test_other_data_than_the_study_was_begun_with_are_refused(tmp_path, stub, monkeypatch):
    search(tmp_path, trials=1, study="mine")
    data = load_data(TINY)
    other = dataclasses.replace(data, fingerprint="other")
    monkeypatch.setattr(searching, "load_data", lambda *_: other)
    with pytest.raises(TuningError, match="exists with another data"):
        search(tmp_path, trials=2, study="mine")
    with pytest.raises(TuningError, match="the same pictures on every machine"):
        tune(study="mine", storage=tmp_path / "mine" / "study.db", runs=tmp_path)


def test_a_grid_grown_by_two_at_once_repeats_and_loses_nothing(tmp_path, stub):
    search(tmp_path, method="grid", trials=2)
    storage = tmp_path / f"{TINY.name}-grid" / "study.db"
    with joined(f"{TINY.name}-grid", storage, tmp_path, trials=6, **NOTHING) as worker:
        cells, taken = worker.search.cells, cells_taken(worker.study)
        for _ in range(2):  # as two workers that look at the same moment
            for number in set(cells) - taken:
                worker.study.enqueue_trial(encoded(cells[number]), user_attrs={CELL: number})
    result = search(tmp_path, method="grid")
    assert len(result.trials) == len(stub.trained) == 6
    assert len({(r.batch_size, r.learning_rate) for r in stub.trained}) == 6


def test_an_interrupted_search_goes_on_with_the_trial_that_it_was_at(tmp_path, monkeypatch):
    stub, left = Stub(), [2]

    def train(recipe, **options):
        left[0] -= 1
        if left[0] == 0:
            stopped = KeyboardInterrupt()
            stopped.add_note("Go on with: facezoo train --resume")  # not with a trial's
            raise stopped
        return stub(recipe, **options)

    monkeypatch.setattr(trials_module, "train", train)
    with pytest.raises(KeyboardInterrupt) as stopped:
        search(tmp_path, method="grid")
    assert stopped.value.__notes__ == ["1 of 6 trials are kept; the same command goes on."]
    result = search(tmp_path, method="grid")
    assert len(result.trials) == len(stub.trained) == 6
    assert len({(r.batch_size, r.learning_rate) for r in stub.trained}) == 6


def test_a_search_of_real_trainings_opens_the_test_pictures_for_the_winner_alone(tmp_path):
    recipe = TINY.override({"epochs": 2})
    space = {"learning_rate": [0.001, 0.003]}
    result = tune(recipe, space, method="grid", seeds=2, runs=tmp_path)
    for path in result.trials["run"]:
        run = RunFolder(Path(path))
        assert "test" not in run.metrics and len(run.history) == 2
    best = RunFolder(Path(result.trials["run"][result.trials["accuracy"].idxmax()]))
    assert best.metrics["validation"]["accuracy"] == result.value
    assert result.winner.metrics["seeds"] == [0, 1] and "test" in result.winner.metrics
    parts = [set(load_data(run.recipe).test.images.rows) for run in (best, *result.winner.seeds)]
    assert parts[0] == parts[1] == parts[2]  # no tested picture chose the setting
    assert (result.folder / "history.png").stat().st_size > 1000
    again = tune(recipe, space, method="grid", seeds=2, runs=tmp_path)
    assert again.winner.path == result.winner.path


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_trials_that_lag_behind_are_pruned(tmp_path, monkeypatch, pruner):
    epochs = []

    def train(recipe, callbacks, **options):
        for epoch in range(recipe.epochs):
            epochs.append(recipe.learning_rate)
            for callback in callbacks:
                callback.on_epoch_end(epoch, {"val_accuracy": recipe.learning_rate * epoch})
        return Stub()(recipe)

    monkeypatch.setattr(trials_module, "train", train)
    space = {"learning_rate": [n / 1000 for n in range(1, 31)]}
    recipe = TINY.override({"epochs": 10})
    result = search(tmp_path, recipe=recipe, space=space, method="grid", pruner=pruner)
    pruned = result.trials[result.trials["state"] == "pruned"]["learning_rate"]
    assert 0 < len(pruned) < 30 and result.best == {"learning_rate": 0.03}
    assert all(epochs.count(rate) < 10 for rate in pruned)
    assert len(epochs) < 300


WORKER = """
    import json, signal, sys
    from facezoo.tuning import storage, trials as trials_module
    from facezoo import get_recipe, tune

    storage.HEARTBEAT, storage.GRACE = 1, 20  # seconds; a busy machine starves workers

    class Stub:
        def __call__(self, recipe, **options):
            if sys.argv[3] == "stuck":
                print("at it", flush=True)
                signal.pause()
            print(json.dumps([recipe.batch_size, recipe.learning_rate]), flush=True)
            self.metrics = {"validation": {"accuracy": recipe.batch_size * recipe.learning_rate}}
            return self

    trials_module.train = Stub()
    recipe = get_recipe("synthetic-lenet5-expression").smoke()
    space = {"batch_size": [2, 4, 8, 16], "learning_rate": [0.001, 0.002, 0.003, 0.004]}
    result = tune(recipe, space, method="grid", storage=sys.argv[1], runs=sys.argv[2], seeds=0)
    print(len(result.trials), file=sys.stderr)
"""


def start(storage, runs, kind):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    script = textwrap.dedent(WORKER)
    command = [sys.executable, "-c", script, str(storage), str(runs), kind]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def assert_nothing_lost(storage, runs, workers):
    """Kill one of several workers in the middle of a trial; the others do its work."""
    stuck = start(storage, runs, "stuck")
    assert stuck.stdout.readline() == "at it\n", stuck.stderr.read()
    others = [start(storage, runs, "busy") for _ in range(workers - 1)]
    first = others[0].stdout.readline()  # the others are at work
    stuck.send_signal(signal.SIGKILL)
    stuck.communicate()
    trained = [tuple(json.loads(first))]
    for worker in others:
        out, err = worker.communicate(timeout=300)
        assert worker.returncode == 0 and err.endswith("16\n"), err
        trained += [tuple(json.loads(line)) for line in out.splitlines()]
    assert len(trained) == len(set(trained)) == 16


def test_a_killed_worker_loses_no_trial_on_sqlite(tmp_path):
    assert_nothing_lost(tmp_path / "study.db", tmp_path, workers=4)


@pytest.fixture(scope="module")
def postgres():
    """URL of a PostgreSQL server of the test's own, as Debian's package installs it."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    where = shutil.which("pg_ctl") or (homes and homes[-1] / "pg_ctl")
    if not where:
        pytest.skip("PostgreSQL is not installed")
    tools = Path(where).resolve().parent
    root = os.geteuid() == 0
    user = {"user": "postgres"} if root else {}  # it refuses to run as root
    place = Path(f"/tmp/facezoo-test-postgres-{os.getpid()}")
    place.mkdir()
    if root:
        try:
            shutil.chown(place, pwd.getpwnam("postgres").pw_uid)
        except KeyError:
            place.rmdir()
            pytest.skip("no user to run PostgreSQL as")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def tool(name, *arguments):
        done = subprocess.run([tools / name, *arguments], cwd="/tmp", capture_output=True, **user)
        assert done.returncode == 0, done.stderr

    data = str(place / "data")
    password = place / "password"
    password.write_text("secret")
    password.chmod(0o644)
    tool("initdb", "-D", data, "-U", "me", "-A", "scram-sha-256", f"--pwfile={password}")
    settings = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off"
    log = str(place / "log")
    tool("pg_ctl", "-D", data, "-l", log, "-w", "-o", settings, "start")
    yield f"postgresql://me:secret@127.0.0.1:{port}/postgres"
    with contextlib.suppress(AssertionError):
        tool("pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(place)


def test_four_workers_of_one_postgresql_study_lose_and_repeat_nothing(postgres, tmp_path):
    assert_nothing_lost(postgres, tmp_path, workers=4)
    with pytest.raises(TuningError, match="password authentication failed") as refused:
        search(tmp_path, storage=postgres.replace("secret", "wrong"))
    assert "wrong" not in str(refused.value)


def test_processes_of_one_call_share_a_search(tmp_path, monkeypatch):
    monkeypatch.setattr(trials_module, "train", None)  # nothing is left for this process
    space = {"learning_rate": [0.001, 0.003, 0.01]}
    result = tune(TINY, space, method="grid", jobs=2, seeds=0, runs=tmp_path)
    assert len(result.trials) == 3 and set(result.trials["state"]) == {"complete"}
    assert len(list((result.folder / "trials").iterdir())) == 3


def test_a_long_search_hands_over_to_fresh_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(trials_module, "train", None)
    for module in (searching, processes):
        monkeypatch.setattr(module, "SHIFT", 1)
    began, start = [], processes.subprocess.Popen
    monkeypatch.setattr(
        processes.subprocess, "Popen", lambda *args, **kw: began.append(args) or start(*args, **kw)
    )
    space, drawn = {"learning_rate": {"low": 0.001, "high": 0.01}}, []
    for runs in (tmp_path / "first", tmp_path / "second"):
        result = tune(TINY, space, method="random", trials=2, seeds=0, runs=runs)
        assert set(result.trials["state"]) == {"complete"} and len(result.trials) == 2
        drawn.append(result.trials["learning_rate"].tolist())
    assert len(began) == 4
    assert drawn[0] == drawn[1] and drawn[0][0] != drawn[0][1]


def test_the_best_setting_is_tested_in_one_place(tmp_path, stub):
    search(tmp_path, method="grid", trials=1, study="mine")
    storage = tmp_path / "mine" / "study.db"
    with joined("mine", storage, tmp_path, **NOTHING) as worker:
        worker.study.set_user_attr(searching.WINNER, {"host": "other", "folder": "/there"})
    with pytest.warns(UserWarning, match="tested on other, in /there"):
        assert tune(study="mine", storage=storage, runs=tmp_path, seeds=1).winner is None


def test_the_best_recipe_trains(tmp_path, stub):
    result = search(tmp_path, method="grid", trials=2)
    assert train(result.folder / "best_recipe.json", runs=tmp_path / "more").metrics["test"]
