"""Broken and hostile files: every reader either reads them or refuses them in a line.

    python benchmarks/fuzz.py [--inputs 100000] [--seed 0] [--only TARGET ...]

Small valid files are made, spoilt (fuzz_mutations.py) and given to what reads such files
(fuzz_targets.py), one after the other in a worker process that a watchdog ends after 5 s of
processor time without an answer and whose memory may grow by 1 GB; then attacks that somebody
thought up (fuzz_attacks.py). A worker tells, by Python's audit hooks, of files written outside
the folder of its input, of programs and connections that were begun and of unpickling. An input
is named by target, seed and number, so that one that went wrong can be made again:

    python benchmarks/fuzz.py --show TARGET NUMBER [--seed 0]

Everything lies in a temporary folder, on a RAM disk where there is one. Writes results/fuzz.json
and prints its tables. Linux only.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "results" / "fuzz.json"
PATIENCE = 5.0  # seconds of processor time for one input
WAITING = 60.0  # seconds on the clock, for one that waits for nothing
STARTING = 600.0  # seconds for a worker's imports and the valid files
KEPT = 20  # of the inputs of a target that went wrong, those that are named
INPUTS = 100_000


def shares(inputs):
    """Return `{target: number of inputs}`; those that cost much get few."""
    from fuzz_targets import TARGETS

    whole = sum(target.share for target in TARGETS.values())
    return {name: -(-inputs * target.share // whole) for name, target in TARGETS.items()}


def run_target(name, count, seed, folder, answers=None):
    """Give `count` inputs to a target; return its row of results.

    Args:
        name: of the target.
        count: number of inputs.
        seed: of all of them.
        folder: to work in.
        answers: optional list, to which what each input got is appended.
    """
    row = {"target": name, "inputs": count, "read": 0, "refused": 0, "other": 0, "hangs": 0}
    row |= {"deaths": 0, "trespasses": 0, "slowest_ms": 0.0, "memory_mb": 0.0, "wrong": []}
    start, began = 0, time.perf_counter()
    while start < count:
        start, done = _run_worker(row, name, start, count, seed, folder)
        if answers is not None:
            answers.extend(done)
    row["seconds"] = round(time.perf_counter() - began, 1)
    return row


def _run_worker(row, name, start, count, seed, folder):
    """Run one worker to its end; return the input to go on with, and the answers so far."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        log = pathlib.Path(place) / "answers"
        log.touch()
        command = [sys.executable, __file__, "--work", name, str(start), str(count), place]
        command += ["--seed", str(seed)]
        environment = {**os.environ, "TMPDIR": place, "FACEZOO_HOME": place}
        environment |= {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
        environment |= {"TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        errors = open(pathlib.Path(place) / "errors", "w+b")  # noqa: SIM115 - read below
        worker = subprocess.Popen(command, env=environment, stderr=errors, stdout=errors)
        size, since, spent, hung = 0, time.monotonic(), 0.0, False
        while worker.poll() is None:
            time.sleep(0.05)
            grown, now = log.stat().st_size, _processor_seconds(worker.pid)
            waited, worked = time.monotonic() - since, now - spent
            if grown != size:
                size, since, spent = grown, time.monotonic(), now
            elif waited > STARTING or (size and (worked > PATIENCE or waited > WAITING)):
                hung = True
                worker.kill()
                worker.wait()
        answers = [json.loads(line) for line in log.read_text().splitlines()]
        errors.seek(0)
        tail = errors.read()[-2000:].decode("utf-8", "replace")
        errors.close()
    done = [answer for answer in answers if "number" in answer]
    for answer in done:
        _count(row, answer)
    row["memory_mb"] = max([row["memory_mb"], *(a["memory_mb"] for a in answers)])
    following = done[-1]["number"] + 1 if done else start
    if worker.returncode == 0 and following == count:
        return count, done
    if not answers:
        raise SystemExit(f"{name}: the worker could not begin:\n{tail}")
    if following < count:
        row["hangs" if hung else "deaths"] += 1
        told = f"no answer in {PATIENCE:g} s" if hung else f"ended with {worker.returncode}: {tail}"
        _keep(row, following, told)
        if hung:
            row["slowest_ms"] = max(row["slowest_ms"], PATIENCE * 1000)
    return following + 1, done


def _processor_seconds(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _count(row, answer):
    row[answer["kind"]] += 1
    row["slowest_ms"] = max(row["slowest_ms"], answer["ms"])
    if answer["kind"] == "other":
        _keep(row, answer["number"], answer["said"])
    if answer.get("did"):
        row["trespasses"] += 1
        _keep(row, answer["number"], f"did {answer['did']}")


def _keep(row, number, said):
    if len(row["wrong"]) < KEPT:
        row["wrong"].append({"number": number, "said": said})


def work(name, start, count, seed, place):
    """Be a worker: answer for the inputs from `start` on, a line of JSON each."""
    from fuzz_watch import Watch, limit_memory

    place = pathlib.Path(place)
    watch = Watch(place)
    target, make = _prepared(name, place)
    base = limit_memory()
    with open(place / "answers", "a", buffering=1) as log:
        log.write(json.dumps({"ready": True, "memory_mb": 0.0}) + "\n")
        for number in range(start, count):
            make(number, seed)
            answer = watch.attempt(target.read, place / "case")
            answer |= {"number": number, "memory_mb": max(0.0, watch.memory() - base)}
            log.write(json.dumps(answer) + "\n")


class Draw(random.Random):
    """The chance of one input, which knows its number."""

    def __init__(self, seed, name, number):
        super().__init__(f"{seed} {name} {number}")
        self.number = number


def _prepared(name, place):
    """Return a target, and the function that puts input `number` into the folder `case`."""
    import shutil

    import fuzz_attacks
    from fuzz_targets import TARGETS

    target = fuzz_attacks.target() if name == "attacks" else TARGETS[name]
    target.prepare(place / "valid")
    case = place / "case"

    def make(number, seed):
        shutil.rmtree(case, ignore_errors=True)
        case.mkdir()
        target.spoil(Draw(seed, name, number), place / "valid", case)

    make(0, 0)
    shutil.rmtree(case)
    case.mkdir()
    for each in (place / "valid").iterdir():
        copy = shutil.copytree if each.is_dir() else shutil.copy
        copy(each, case / each.name)
    target.read(case)  # the valid one must be read, and loads what is loaded late
    return target, make


def show(name, number, seed):
    """Read one input with its traceback."""
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"FACEZOO_HOME": place}
        target, make = _prepared(name, pathlib.Path(place))
        make(number, seed)
        for path in sorted(p for p in pathlib.Path(place, "case").rglob("*") if p.is_file()):
            print(path.name, path.stat().st_size, path.read_bytes()[:300])
        print(target.read(pathlib.Path(place, "case")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", nargs="+", metavar="TARGET", help="these, in place of what is stored of them"
    )
    parser.add_argument("--show", nargs=2, metavar=("TARGET", "NUMBER"), help="with its traceback")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        name, start, count, place = options.work
        return work(name, int(start), int(count), options.seed, place)
    if options.show:
        return show(options.show[0], int(options.show[1]), options.seed)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    from render import render
    from render_fuzz import fuzz_section

    if options.only is None:
        RESULTS.unlink(missing_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="facezoo-fuzz-", dir=memory) as folder:
        counts = shares(options.inputs)
        for name in options.only or [*counts, "attacks"]:
            if name == "attacks":
                attacks = attack(options.seed, folder)
                wrong += sum(not row["withstood"] for row in attacks)
                stored = store(options.seed, attacks=attacks)
            else:
                row = run_target(name, counts[name], options.seed, folder)
                wrong += len(row["wrong"])
                stored = store(options.seed, row=row)
                print(json.dumps(row, indent=1), flush=True)
    render()
    print(fuzz_section(stored))
    if wrong:
        raise SystemExit(f"{wrong} inputs or attacks went wrong")


def attack(seed, folder):
    """Return a row for each attack: what facezoo answered and whether that withstood it."""
    from fuzz_attacks import ATTACKS

    answers = []
    run_target("attacks", len(ATTACKS), seed, folder, answers)
    found = {answer["number"]: answer for answer in answers}
    gone = {"kind": "other", "said": "the process ended or hung", "ms": 0.0, "did": []}
    rows = []
    for number, name in enumerate(ATTACKS):
        answer = found.get(number, gone)
        said = answer["said"].replace(str(folder), "")
        withstood = answer["kind"] in ("read", "refused") and not answer["did"]
        told = f"{said} {answer['did'] or ''}".strip()
        rows.append({"attack": name, "answer": told, "ms": answer["ms"], "withstood": withstood})
    return rows


def store(seed, row=None, attacks=None):
    """Put a target's row, or the attacks, in place of what is stored of them; return it all."""
    from facezoo.files import replacing
    from facezoo.training import environment

    stored = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    rows = {one["target"]: one for one in stored.get("rows", [])}
    if row is not None:
        rows[row["target"]] = row
    stored = {
        "environment": environment(),
        "seed": seed,
        "patience_s": PATIENCE,
        "inputs": sum(one["inputs"] for one in rows.values()),
        "rows": list(rows.values()),
        "attacks": stored.get("attacks", []) if attacks is None else attacks,
    }
    with replacing(RESULTS) as beside:
        beside.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    return stored


if __name__ == "__main__":
    main()
