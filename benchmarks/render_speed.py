"""docs/speed.md, and the table of the README, from results/inference.json and detection.json."""

import json

from pages import ROOT, made_by

from facezoo.tables import markdown_table
from facezoo.weights import get_card, list_weights

RUNTIMES = {"onnx": "onnxruntime", "onnx-int8": "onnxruntime, int8", "Keras": "Keras"}
CONTENDERS = {"fer": "fer", "fer-keras": "fer with its Keras network"}
PARTS = ("decoding", "finding faces", "cutting out", "network")


def speed_page(folder=ROOT / "results"):
    """Return the whole of docs/speed.md, or None while nothing was measured."""
    stored = folder / "inference.json"
    if not stored.exists():
        return None
    results = json.loads(stored.read_text("utf-8"))
    paragraphs = [
        "<!-- Written by python benchmarks/render.py; do not edit. -->",
        "# From a photograph to an answer",
        "## Beside fer",
        beside_fer(results),
        "Medians. A new process counts from its start to the answer for a first photograph. The "
        "photographs are composed of heads of CMU's on a gray wall, so that it is known where "
        "faces are; each side finds them with OpenCV's Haar cascade as it sets it. "
        + _about_fer(results)
        + made_by(results, "inference"),
        "## Where the time of a photograph goes",
        _parts(results),
        "Milliseconds of `Recognizer.predict` for a JPEG file of 640x480 pixels in memory.",
        "## The networks alone",
        _networks(results),
        f"Milliseconds a face, {results['threads']} threads, asked in turn.",
        "## Many photographs, and video",
        _streams(results),
    ]
    if (folder / "detection.json").exists():
        found = json.loads((folder / "detection.json").read_text("utf-8"))
        paragraphs += ["## Finders of faces", _finders(found), _about(found)]
    return "\n\n".join(paragraphs) + "\n"


def beside_fer(results):
    """Return a row for every figure that facezoo and fer have in common."""
    names = [name for name in CONTENDERS if name in results["started"]]
    header = ["what", f"facezoo {results['versions']['facezoo']}"]
    for name in names:
        header += [f"{CONTENDERS[name]} {results['versions'][name]}", "facezoo: times as fast"]
    started = results["started"]
    rows = [
        _row(what, {n: started[n][key] for n in started}, names, "{:.2f} s")
        for what, key in (
            ("import (facezoo's loads little)", "import"),
            ("first answer of a new process", "first_answer"),
        )
    ]
    for photo in results["photographs"]:
        many = f"{photo['heads']} face{'s' if photo['heads'] > 1 else ''}"
        each = photo["contenders"]
        times = {name: figures["milliseconds"] for name, figures in each.items()}
        rows.append(_row(f"photograph of {many}", times, names, "{:.1f} ms"))
        found = {
            name: f"{figures['recall']:.0%}, {figures['false_boxes']} false"
            for name, figures in each.items()
        }
        rows.append([f"of {photo['faces']} faces found", found["facezoo"]])
        for name in names:
            rows[-1] += [found[name], "-"]
    default = (results["weights"], "onnx")
    alone = [row for row in results["networks"] if row["batch"] == 1]
    times = {row["name"]: row["milliseconds"] for row in alone if row["name"] in names}
    times["facezoo"] = next(
        row["milliseconds"] for row in alone if (row["name"], row["runtime"]) == default
    )
    rows.append(_row("the network alone, a face", times, names, "{:.2f} ms"))
    return markdown_table(header, rows)


def _row(what, figures, names, form):
    row = [what, form.format(figures["facezoo"])]
    for name in names:
        row += [form.format(figures[name]), f"{figures[name] / figures['facezoo']:.1f}"]
    return row


def _about_fer(results):
    if "fer" not in results["started"]:
        return ""
    return (
        "fer answers with a small network on 64x64 pixels, quantised to 8 bits unless it is asked "
        "for the Keras one. "
    )


def _parts(results):
    many = results["parts"]
    header = ("part", *(f"{n} face{'s' if n != '1' else ''}" for n in many))
    rows = [(part, *(f"{many[n][part]:.2f}" for n in many)) for part in PARTS]
    rest = [many[n]["all"] - sum(many[n][part] for part in PARTS) for n in many]
    rows.append(("what they cost each other, and the rest", *(f"{each:.2f}" for each in rest)))
    rows.append(("all", *(f"{many[n]['all']:.2f}" for n in many)))
    return markdown_table(header, rows)


def _networks(results):
    found, shipped = {}, list_weights()
    for row in results["networks"]:
        name, runtime = row["name"], row["runtime"]
        if name in shipped and runtime == "onnx-int8" and runtime not in get_card(name).files:
            continue  # it was shipped when it was measured
        found.setdefault((name, runtime), {})[row["batch"]] = row["milliseconds"]
    return markdown_table(
        ("network", "runtime", "alone", "in 64"),
        [
            (name, RUNTIMES.get(runtime, runtime), f"{times[1]:.2f}", f"{times[64]:.3f}")
            for (name, runtime), times in found.items()
        ],
    )


def _streams(results):
    folder = results["folder"]
    told = [
        f"A folder of {folder['photographs']:,} JPEG files of 640x480 pixels, the same photograph "
        f"of a face, decoded and answered for: {folder['per_second']:.0f} a second."
    ]
    rows = [
        (v["every"], f"{v['per_second']:.0f}", f"{v['recall']:.1%}", v["frames"])
        for v in results["video"]
    ]
    header = ("faces are looked for on every", "frames a second", "frames with the face", "frames")
    told += [
        "Video of 640x480 pixels, a head that moves across it, decoding included:",
        markdown_table(header, rows),
    ]
    return "\n\n".join(told)


def _finders(found):
    return markdown_table(
        ("photographs", "finder", "faces", "found", "boxes beside", "ms a photograph"),
        [
            (
                row["pictures"],
                row["finder"],
                row["faces"],
                f"{row['recall']:.1%}",
                row["boxes_beside"],
                f"{row['milliseconds']:.1f}",
            )
            for row in found["rows"]
        ],
    )


def _about(found):
    return (
        "One thread. ExpW labels not every face, so a box beside the labelled ones may hold a "
        "face; its photographs are small and their faces cropped, turned and covered, and where "
        "nothing is found facezoo looks again, longer. " + made_by(found, "detection")
    )
