"""Prepared data: what `facezoo prepare` costs, how fast its sets are read, what a kill leaves.

    python benchmarks/data.py            # every part, under 20 minutes on two cores
    python benchmarks/data.py --kill 20  # or some: --prepare --growth --cold --rates --kill TIMES

prepare: `facezoo prepare fer2013` of the picture zip, a new process each time.
growth: generated archives of 10,000 to 300,000 drawn faces as JPEG; seconds and memory.
cold: a new process and nothing of the data in the system's cache: seconds to the first batch.
rates: pictures a second, not augmented, shuffled, batches of 128, in one process in turn.
kill: SIGKILL at random moments, the next prepare, and two at once.

The zip is --fer2013 PATH, or $FACEZOO_DATA/fer2013/archive.zip, or else a generated one of as
many pictures. Everything is written to a temporary folder and removed, except
results/data.json, in which a part replaces its own figures, and docs/data.md. Linux only.
"""

import argparse
import datetime
import hashlib
import io
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import render
import render_data
from watch import watch

RESULTS = render.ROOT / "results" / "data.json"
PICTURES = 32298  # of the generated archive that stands in for FER2013
SIZES = (10_000, 30_000, 100_000, 300_000)
BATCH = 128
SAMPLE = 1.5  # seconds that a rate is measured for, in whole epochs
KILLED = (3000, 6000)  # pictures of the old set and of the one whose writer is killed
TEMPLATES = 128  # drawn faces; each comes often, with another comment in its JPEG


def generate(path, pictures):
    """Write a zip in the form of FER2013's picture archive: distinct files, one sixth tested."""
    import numpy as np
    from PIL import Image

    from facezoo.datasets.drawing import draw_dataset

    images, table = draw_dataset(people=8, pictures_per_person=TEMPLATES // 8)
    faces = []
    for picture, expression in zip(np.asarray(images), table["expression"], strict=True):
        stream = io.BytesIO()
        Image.fromarray(picture[..., 0]).save(stream, "JPEG", quality=90)
        faces.append((expression, stream.getvalue()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for i in range(pictures):
            expression, data = faces[i % len(faces)]
            number = b"%8d" % i
            comment = b"\xff\xfe" + (len(number) + 2).to_bytes(2, "big") + number
            part = "test/{}/PublicTest" if i % 6 == 5 else "train/{}/Training"
            name = f"{part.format(expression)}_{i:08d}.jpg"
            archive.writestr(name, data[:2] + comment + data[2:])
    return path


def fer2013_zip(given, folder):
    """Return (path, what it is): the archive in hand, or a generated one."""
    root = os.environ.get("FACEZOO_DATA")
    path = given or (pathlib.Path(root, "fer2013", "archive.zip") if root else None)
    if path is not None and path.exists():
        return path, f"FER2013, {path.name}"
    return generate(folder / "fer2013.zip", PICTURES), "generated, drawn faces"


def command(archive):
    """Return the command that is measured."""
    return [sys.executable, "-m", "facezoo", "prepare", "fer2013", str(archive)]


def environment_of(home=""):
    """Return the environment of a process, quiet, on TensorFlow, that prepares into `home`."""
    ours = {"FACEZOO_HOME": str(home), "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **ours, "TERM": "xterm", "COLUMNS": "120"}


def prepare_part(folder, given, rounds):
    """Time `prepare fer2013` from the image zip."""
    archive, kind = fer2013_zip(given, folder)
    runs = [watch(command(archive), environment_of(folder / "home")) for _ in range(rounds)]
    pictures = int(runs[0]["told"].split()[0].replace(",", ""))
    figures = {key: statistics.median(r[key] for r in runs) for key in runs[0] if key != "told"}
    return {"archive": kind, "pictures": pictures, "rounds": rounds, **figures}


def growth_part(folder, sizes):
    """Prepare generated archives of growing size: seconds and peak memory of each."""
    rows = []
    for size in sizes:
        archive = generate(folder / "generated.zip", size)
        run = watch(command(archive), environment_of(folder / "home"))
        if not run.pop("told").startswith(f"{size:,} pictures"):
            raise SystemExit(f"an archive of {size:,} pictures gave another number")
        rows.append({"pictures": size, "archive_mb": archive.stat().st_size // 10**6, **run})
        print(f"  {size:,} pictures: {run['seconds']} s, {run['peak_mb']} MB", flush=True)
    return {"sizes": rows}


def both_forms(folder, given):
    """Prepare the zip under home/, unpack it under unpacked/, and return what it is."""
    archive, kind = fer2013_zip(given, folder)
    watch(command(archive), environment_of(folder / "home"))
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder / "unpacked")
    return kind


def image_folder(path):
    """Return Keras' own reader of a folder of classes, in the same batches."""
    import keras

    return keras.utils.image_dataset_from_directory(
        path, color_mode="grayscale", image_size=(48, 48), batch_size=BATCH, verbose=False
    )


def first_batch(contender, path):
    """In a new process: read one batch, and print how long it took after Keras was imported."""
    import keras  # noqa: F401 - not what is measured

    start = time.perf_counter()
    if contender == "keras":
        data = image_folder(path)
    else:
        from facezoo.datasets import load_dataset
        from facezoo.pipeline import make_pipeline

        data = make_pipeline(load_dataset("fer2013", root=path).train, BATCH, shuffle=True)
    images, _ = next(iter(data))
    print(f"{time.perf_counter() - start:.3f} {images.shape[0]}", flush=True)


def forget(folder):
    """Ask the system to drop the pages of all files of a folder from its cache."""
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def cold_part(folder, given, rounds):
    """Seconds to the first batch of a new process that finds no data in the cache."""
    kind = both_forms(folder, given)
    places = {"facezoo": folder / "home" / "datasets", "keras": folder / "unpacked" / "train"}
    found = {name: {"whole": [], "read": []} for name in places}
    for _ in range(rounds):
        for name, place in places.items():
            forget(place)
            words = [sys.executable, __file__, "--first", name, str(place)]
            start = time.perf_counter()
            done = subprocess.run(words, env=environment_of(), capture_output=True, check=True)
            found[name]["whole"].append(time.perf_counter() - start)
            found[name]["read"].append(float(done.stdout.split()[0]))
    seconds = {
        name: {key: round(statistics.median(times), 2) for key, times in times_of.items()}
        for name, times_of in found.items()
    }
    return {"archive": kind, "rounds": rounds, "seconds": seconds}


def rate(data):
    """Pictures a second over whole epochs, each from a fresh iterator."""
    pictures, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < SAMPLE:
        for _, labels in data:
            pictures += len(labels)
    return pictures / passed


def rates_part(folder, given, rounds):
    """Pictures a second: the prepared set, the same in memory, Keras on the folder."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from facezoo.datasets import Split, load_dataset
    from facezoo.pipeline import make_pipeline

    kind = both_forms(folder, given)
    train = load_dataset("fer2013", root=folder / "home" / "datasets").train
    memory = Split(train.images[:], train.labels, None, train.label_set)
    contenders = {
        "facezoo": make_pipeline(train, BATCH, shuffle=True),
        "array": make_pipeline(memory, BATCH, shuffle=True),
        "keras": image_folder(folder / "unpacked" / "train"),
    }
    rates = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, data in contenders.items():
            rates[name].append(rate(data))
    rates = {name: values[1:] for name, values in rates.items()}  # the first round warms up
    rows = {}
    for name, values in rates.items():
        ratios = [a / b for a, b in zip(rates["facezoo"], values, strict=True)]
        rows[name] = {
            "pictures_per_second": round(statistics.median(values)),
            "lowest": round(min(values)),
            "highest": round(max(values)),
            "ratio": round(statistics.median(ratios), 2),
        }
    return {"archive": kind, "pictures": len(train), "rounds": rounds, "contenders": rows}


def whole_set(home):
    """Return the number of pictures of the set under `home`, None for no set; exit if broken."""
    from facezoo.datasets.store import PreparedSet

    if not (home / "datasets" / "fer2013").exists():
        return None
    prepared = PreparedSet("fer2013", home / "datasets")
    digest = hashlib.sha256(prepared.images.tobytes()).hexdigest()
    if digest != prepared.info["images_sha256"] or len(prepared.table()) != len(prepared.images):
        raise SystemExit("a set that is not whole lies in its place")
    return len(prepared.images)


def partial_folders(home):
    """Return the number of unfinished folders that lie beside the set."""
    return len(list((home / "datasets").glob(".*.partial")))


def started(archive, home):
    """Start `prepare` as a group of its own, which a kill takes whole."""
    return subprocess.Popen(
        command(archive), env=environment_of(home), stdout=subprocess.PIPE, start_new_session=True
    )


def working(archive, home):
    """Start `prepare` and return it once its unfinished folder is there."""
    process = started(archive, home)
    while process.poll() is None and not partial_folders(home):
        time.sleep(0.002)
    return process


def kill_part(folder, kills):
    """Kill `prepare` at random moments of its work and look at what is left each time."""
    small, large = (generate(folder / f"{n}.zip", n) for n in KILLED)
    home, old = folder / "home", folder / "old"
    started(small, old).communicate()
    process, start = working(large, home), time.perf_counter()
    process.communicate()
    work, rng, rows = time.perf_counter() - start, random.Random(0), []
    for turn in range(kills):
        shutil.rmtree(home)
        if turn % 2:
            shutil.copytree(old, home)
        before, moment = whole_set(home), rng.uniform(0, 1.05 * work)
        process = working(large, home)
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)  # not waited for yet: the id is still its own
        process.communicate()
        row = {"second": round(moment, 3), "before": before, "exit": process.returncode}
        row |= {"after": whole_set(home), "partial": partial_folders(home)}
        again = started(large, home)
        again.communicate()
        row |= {"next_exit": again.returncode, "then": whole_set(home)}
        row["left"] = partial_folders(home)
        done = (row["next_exit"], row["then"], row["left"]) == (0, KILLED[1], 0)
        row["good"] = done and row["after"] in (before, None, KILLED[1])
        print("  " + "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        rows.append(row)
    shutil.rmtree(home)
    both = [started(large, home) for _ in range(2)]
    for process in both:
        process.communicate()
    pair = {"exits": [p.returncode for p in both], "then": whole_set(home)}
    pair["left"] = partial_folders(home)
    pair["good"] = pair == {"exits": [0, 0], "then": KILLED[1], "left": 0}
    return {"seed": 0, "pictures": KILLED, "kills": rows, "two_at_once": pair}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for part in ("prepare", "growth", "cold", "rates"):
        parser.add_argument(f"--{part}", action="store_true", help="this part")
    parser.add_argument("--kill", type=int, nargs="?", const=20, metavar="TIMES", help="this part")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="of --growth")
    parser.add_argument("--fer2013", type=pathlib.Path, help="the picture zip")
    parser.add_argument("--folder", type=pathlib.Path, help="where to write; default: system's")
    parser.add_argument("--first", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first:
        return first_batch(*options.first)
    given, rounds = options.fer2013, options.rounds
    parts = {
        "prepare": (options.prepare, lambda folder: prepare_part(folder, given, rounds)),
        "growth": (options.growth, lambda folder: growth_part(folder, options.sizes)),
        "cold": (options.cold, lambda folder: cold_part(folder, given, rounds)),
        "kill": (options.kill, lambda folder: kill_part(folder, options.kill or 20)),
        "rates": (options.rates, lambda folder: rates_part(folder, given, rounds)),
    }
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for part, (wanted, run) in parts.items():
        if not wanted and any(chosen for chosen, _ in parts.values()):
            continue
        print(part, flush=True)
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            results[part] = run(pathlib.Path(folder))
        results[part]["date"] = datetime.date.today().isoformat()
    from facezoo.training import environment  # loads Keras: after the parts that start cold

    results["environment"] = environment()
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    render.render()
    print(render_data.data_page())
    if lines := render_data.missed(results):
        raise SystemExit("\n".join(lines))


if __name__ == "__main__":
    main()
