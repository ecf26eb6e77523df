"""Nothing finished is lost: processes are killed (SIGKILL) at random moments, and go on.

    python benchmarks/kill.py [--times 50] [--others 20] [--backend tensorflow jax]
    python benchmarks/kill.py --only prepare tune      # or: train damage reproduce

train: `facezoo train --deterministic` of a small network with all that draws or remembers
(dropout, augmentation, moving average, plateaus), killed again and again on its way and gone on
with by --resume; weights, figures and history are compared, bit by bit, with a run never killed.
damage: the same, killed in the middle, its newest checkpoint cut short or a bit of it flipped.
prepare: over an older set, and where there is none; then once more, to the end.
tune: a grid of four trials and its winner. reproduce: a study's quick profile.

A moment is drawn evenly from the time that the same command takes unkilled, so that kills land
in imports, epochs, checkpoints and at the end. A search's signs of life are made faster here, so
that nobody waits a minute for a killed trial to be given up. Everything lies in a temporary
folder, except results/kill.json, in which a part replaces its own row, and docs/reliability.md.
A backend that is not installed is passed over. Linux only.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

import render
from killing import (
    FACEZOO,
    Killer,
    differing,
    digest_of_set,
    done_trials,
    first_run,
    reached,
    result_of,
    unfinished,
)
from render_reliability import kill_section

import data

RESULTS = render.ROOT / "results" / "kill.json"
EPOCHS = 6
TRAIN = [*FACEZOO, "train", "synthetic-lenet5-expression", "--deterministic"]
for setting in (
    f"epochs={EPOCHS}",
    "limit=64",
    "augmentation.shift=0.1",
    "builder_args.dropout=0.5",
    "ema=0.9",
    "mixup=0.2",
    "optimizer=adamw",
    "schedule.kind=plateau",
    "schedule.patience=1",
):
    TRAIN += ["--set", setting]
DAMAGES = {
    "cut short": lambda stored: stored[: len(stored) // 2],
    "a bit flipped": lambda stored: bytes([stored[0] ^ 1]) + stored[1:],
    "a bit flipped in the middle": lambda stored: (
        stored[: (n := len(stored) // 2)] + bytes([stored[n] ^ 1]) + stored[n + 1 :]
    ),
    "missing": None,
}
SPACE = {"batch_size": [16, 32], "learning_rate": [0.001, 0.01]}
IMPATIENT = (
    "from facezoo.cli.app import main; from facezoo.tuning import storage; "
    "import facezoo.cli; storage.HEARTBEAT, storage.GRACE = 1, 4; main()"
)


def environment_of(home, backend="tensorflow"):
    """Return the environment of a process that keeps its data in `home`."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    paths = [str(render.ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        **quiet,
        "FACEZOO_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def draw_faces(killer):
    """Prepare few drawn faces, so that no process draws them anew."""
    killer.ended([*FACEZOO, "prepare", "synthetic", "--people", "10"])


def go_on(runs):
    """Return the command that begins a training, or goes on with it."""
    run = first_run(runs)
    if run is None:
        return [*TRAIN, "--runs", str(runs)]
    return [*FACEZOO, "train", "--resume", str(run)]


def train_part(folder, killer):
    """Kill trainings on their way; compare what they end with."""
    draw_faces(killer)
    killer.whole(go_on(folder / "whole"))
    whole = result_of(first_run(folder / "whole"))
    ends, moments = [], dict.fromkeys(("starting", "training", "writing", "finishing"), 0)
    while killer.left or not ends:
        runs = folder / f"cut-{len(ends)}"
        written = set()
        while killer.strikes(go_on(runs)):
            run = first_run(runs)
            moments[reached(run, killer.began, written, EPOCHS)] += 1
            written = unfinished(run)
        run = first_run(runs)
        other = differing(whole, result_of(run)) + [p.name for p in unfinished(run)]
        ends.append(not other)
        print(f"  {killer.kills} kills, {len(ends)} trainings, different: {other}", flush=True)
        shutil.rmtree(runs)
    return {"moments": moments, "ends": len(ends), "good": sum(ends)}


def damage_part(folder, killer):
    """Spoil the newest checkpoint of a killed training; compare what it ends with."""
    draw_faces(killer)
    killer.whole(go_on(folder / "whole"))
    whole = result_of(first_run(folder / "whole"))
    stopped = folder / "stopped"
    while (state := epochs_done(stopped)) not in range(2, EPOCHS):
        if state == EPOCHS:
            shutil.rmtree(stopped)
        killer.strikes(go_on(stopped))
    ends = []
    for name, damage in DAMAGES.items():
        runs = folder / name.replace(" ", "-")
        shutil.copytree(stopped, runs)
        newest = first_run(runs) / "checkpoints" / f"epoch-{state:04d}.weights.h5"
        if damage is None:
            newest.unlink()
        else:
            newest.write_bytes(damage(newest.read_bytes()))
        warned = "going on from the one before" in killer.ended(go_on(runs))
        other = differing(whole, result_of(first_run(runs)))
        ends.append(warned and not other)
        print(f"  {name}: warned {warned}, different: {other}", flush=True)
    return {"ends": len(ends), "good": sum(ends), "damages": list(DAMAGES)}


def epochs_done(runs):
    """Return the number of finished epochs of a training."""
    run = first_run(runs)
    if run is None or not (run / "state.json").exists():
        return 0
    return json.loads((run / "state.json").read_text("utf-8"))["checkpoints"][0]["epoch"]


def prepare_part(folder, killer):
    """Kill `prepare` where an older set lies and where none does; look, and prepare again."""
    old, new = (data.generate(folder / f"{n}.zip", n) for n in data.KILLED)
    place = pathlib.Path(killer.environment["FACEZOO_HOME"]) / "datasets" / "fer2013"
    sets = {None: None}
    for name, archive in (("old", old), ("new", new)):
        killer.whole(data.command(archive))
        sets[name] = digest_of_set(place)
        shutil.copytree(place, folder / name)
    left, ends = [], []
    while killer.left or not ends:
        before = (None, "old")[len(ends) % 2]
        shutil.rmtree(place.parent, ignore_errors=True)
        if before is not None:
            shutil.copytree(folder / before, place)
        killer.strikes(data.command(new))
        found = [name for name, digest in sets.items() if digest == digest_of_set(place)]
        left.append(found[0] if found else "mixture")
        killer.ended(data.command(new))
        clean = not list(place.parent.glob(".*.partial"))
        again = digest_of_set(place) == sets["new"] and clean
        ends.append(left[-1] in (before, "new") and again)
        print(f"  before {before}, then {left[-1]}, prepared again {again}", flush=True)
    kinds = {str(kind).lower(): left.count(kind) for kind in (None, "old", "new", "mixture")}
    return {"pictures": data.KILLED, "left": kinds, "ends": len(ends), "good": sum(ends)}


def tune_part(folder, killer):
    """Kill searches on their way; every trial that was done stays, and the winner is the same."""
    draw_faces(killer)
    (folder / "space.json").write_text(json.dumps(SPACE))
    words = [sys.executable, "-c", IMPATIENT, "tune", "synthetic-lenet5-expression", "--json"]
    words += ["--method", "grid", "--metric", "log_loss", "--space", str(folder / "space.json")]
    words += ["--seeds", "1", "--set", "epochs=1", "--set", "limit=64"]
    words += ["--set", "deterministic=true", "--runs"]

    def outcome(runs):
        found = json.loads(killer.told)
        (database,) = runs.glob("*/study.db")
        found["trials"] = done_trials(database)
        found["table"] = len((database.parent / "trials.csv").read_text().splitlines())
        return {k: v for k, v in found.items() if k != "folder"}

    killer.whole([*words, str(folder / "whole")])
    whole = outcome(folder / "whole")
    ends, kept, lost, again = [], [], 0, 0
    while killer.left or not ends:
        runs, seen = folder / f"cut-{len(ends)}", {}
        command = [*words, str(runs)]
        while killer.strikes(command):
            database = next(iter(runs.glob("*/study.db")), runs / "none")
            trials = done_trials(database)
            lost += sum(trials.get(cell) != values for cell, values in seen.items())
            seen = trials
            kept.append(len(seen))
        found = outcome(runs)
        lost += sum(found["trials"].get(cell) != values for cell, values in seen.items())
        again += sum(len(values) > 1 for values in found["trials"].values())
        other = differing(whole, found)
        ends.append(not other)
        print(f"  {killer.kills} kills, {len(ends)} searches, different: {other}", flush=True)
    return {"kept": kept, "lost": lost, "again": again, "ends": len(ends), "good": sum(ends)}


def not_run(place):
    """Return how many recipes, of other studies, the page of a reproduction lacks."""
    return (place / "out" / "docs" / "results.md").read_text("utf-8").count("not run yet")


def reproduce_part(folder, killer):
    """Kill reproductions on their way; every run and row that was done stays as it is."""
    words = [*FACEZOO, "reproduce", "cmu", "--profile", "quick", "--epochs", "1", "--resume"]
    draw_faces(killer)

    def command(place):
        return [*words, "--runs", str(place / "runs"), "--out", str(place / "out")]

    def done(place):
        """What must never change again: models of finished runs, rows, by name."""
        models = {
            p: (p.parent / "seed-0" / "model.keras").stat().st_mtime_ns
            for p in place.glob("runs/*/*/metrics.json")
        }
        stored = place / "out" / "results" / "cmu.json"
        rows = json.loads(stored.read_text("utf-8"))["rows"] if stored.exists() else []
        return models, {row["plan"]: row["run"] for row in rows}

    killer.whole(command(folder / "whole"))
    plans, missing = list(done(folder / "whole")[1]), not_run(folder / "whole")
    ends, kept, lost, again = [], [], 0, 0
    while killer.left or not ends:
        place, models, rows = folder / f"cut-{len(ends)}", {}, {}
        ended = False
        while not ended:
            ended = not killer.strikes(command(place))
            now_models, now_rows = done(place)
            again += sum(now_models.get(path) != made for path, made in models.items())
            lost += sum(now_rows.get(plan) != run for plan, run in rows.items())
            models, rows = now_models, now_rows
            if not ended:
                kept.append(len(models))
        good = list(rows) == plans and len(models) == len(plans) and not_run(place) == missing
        ends.append(good)
        print(f"  {killer.kills} kills, {len(ends)} reproductions, complete {good}", flush=True)
    return {"kept": kept, "lost": lost, "again": again, "ends": len(ends), "good": sum(ends)}


PARTS = {
    "train": train_part,
    "damage": damage_part,
    "prepare": prepare_part,
    "tune": tune_part,
    "reproduce": reproduce_part,
}


def run_part(name, backend, options):
    """Return a part's row: what its function found, and how it was made."""
    times = {"train": options.times, "damage": sys.maxsize}.get(name, options.others)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        folder = pathlib.Path(folder)
        killer = Killer(environment_of(folder / "home", backend), times, options.seed)
        start = time.perf_counter()
        found = PARTS[name](folder, killer)
        script = "import json; from facezoo.training import environment\n"
        script += "print(json.dumps(environment()))"
        killer.ended([sys.executable, "-c", script])
    return {
        "part": name,
        "kills": killer.kills,
        "seconds": round(killer.seconds, 1),
        "took": round(time.perf_counter() - start),
        **found,
        "seed": options.seed,
        "environment": json.loads(killer.told),
    }


def stored():
    """Return what results/kill.json holds."""
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"rows": {}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=50, help="kills of trainings")
    parser.add_argument("--others", type=int, default=20, help="kills of each other command")
    parser.add_argument("--backend", nargs="+", default=["tensorflow"], help="of train and damage")
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=pathlib.Path, help="where to write; default: system's")
    options = parser.parse_args()
    there = [name for name in options.backend if importlib.util.find_spec(name)]
    for name in set(options.backend) - set(there):
        print(f"{name} is not installed: passed over")
    results = stored()
    for part in options.only:
        for backend in there if part in ("train", "damage") else there[:1]:
            print(part, backend, flush=True)
            row = run_part(part, backend, options)
            results = stored()  # another process may have added its own meanwhile
            results["rows"][f"{part} {backend}"] = row
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
            render.render()
    print(kill_section(results))
    if any(row["good"] < row["ends"] for row in results["rows"].values()):
        raise SystemExit("not all ended as they should")


if __name__ == "__main__":
    main()
