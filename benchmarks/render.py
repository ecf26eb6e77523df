"""Write the tables of results/*.json into the README: python benchmarks/render.py

A figure in the README is one that a benchmark stored; a test compares them.
"""

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
SEEDS = 5
TASKS = ("expression", "pose", "eyes", "identity", "mitchell")
CHANCE = {
    "expression": "1 of 4",
    "pose": "1 of 4",
    "eyes": "1 of 2",
    "identity": "1 of 20",
    "mitchell": "30 of 624",
}
REPORTED = {"expression": "accuracy ~0.85", "mitchell": "precision ~0.90"}  # by study A


def protocols(task):
    """People cannot be left out where people are to be named: a pose is, instead."""
    left_out = "leave-pose-out" if task in ("identity", "mitchell") else "leave-people-out"
    return ("random80", left_out, "all-sizes")


def cmu(results):
    """Render the rows as a Markdown table."""
    rows = {(row["task"], row["protocol"].partition("/")[2]): row for row in results["rows"]}
    lines = [
        "| task (share) | `random80` | people or a pose out | `all-sizes` (leaks) | reported |",
        "| --- | --- | --- | --- | --- |",
    ]
    for task in TASKS:
        found = [rows.get((task, protocol)) for protocol in protocols(task)]
        shown = " | ".join(cmu_cell(row) if row else "not run yet" for row in found)
        lines.append(f"| {task} ({CHANCE[task]}) | {shown} | {REPORTED.get(task, '-')} |")
    made = results["environment"]
    lines += [
        "",
        f"Mean accuracy of LeNet-5 and its spread (standard deviation) over {SEEDS} seeds, and in "
        f"brackets that of the nearest training picture.{_mitchell(rows)} Pictures 64x60; identity "
        "and `mitchell` leave a pose out, the others four people. Made by `python "
        f"benchmarks/cmu.py`, {made['date'][:10]}, {made['processor']}, Keras {made['keras']} on "
        f"{made['backend']}.",
        "",
    ]
    return "\n".join(lines)


def _mitchell(rows):
    """Return the sentence on study A's precision, or nothing before it was run."""
    row = rows.get(("mitchell", "random80"))
    if row is None:
        return ""
    figures = row["per_class"]["mitchell"]
    return (
        f" `mitchell` under `random80`, pooled over the seeds: precision "
        f"{figures['precision']:.3f}, recall {figures['recall']:.3f} on {figures['support']} "
        "photographs."
    )


def cmu_cell(row):
    """Return a cell: mean, spread, and the nearest neighbour's mean in brackets."""
    accuracy, nearest = row["accuracy"], row["nearest_neighbour"]
    mark = " (pose out)" if row["protocol"].endswith("leave-pose-out") else ""
    return f"{accuracy['mean']:.3f} ± {accuracy['std']:.3f} [{nearest['mean']:.3f}]{mark}"


def pipeline(results):
    """Pictures a second with all five motions, beside what Keras offers."""
    lines = [
        "| 48x48, batch 128: flip, rotation, shear, zoom, shift | pictures a second | facezoo is |",
        "| --- | --- | --- |",
    ]
    for name, row in results["contenders"].items():
        ratio = f"{row['facezoo_is_faster_by']} times faster" if row["aim"] else "-"
        lines.append(f"| {name} | {row['pictures_per_second']:,} | {ratio} |")
    lines += [
        "",
        f"Medians of {results['rounds']} alternating rounds in one process, `python "
        f"benchmarks/pipeline.py`, {results['date']}, {results['hardware']}.",
        "",
    ]
    return "\n".join(lines)


def memory(results):
    """Peak anonymous memory of an epoch over a small and a large set."""
    small, large = results["sets"][0], results["sets"][-1]
    return (
        f"An epoch over a prepared set of {large['gigabytes']:g} GB ({large['pictures']:,} "
        f"pictures) peaks at {large['anonymous_mb_peak']:.0f} MB of anonymous memory, over one of "
        f"{small['gigabytes']:g} GB at {small['anonymous_mb_peak']:.0f} MB: `python "
        f"benchmarks/memory.py`, {results['date']}.\n"
    )


def startup(results):
    """What `import facezoo` costs."""
    return (
        f"`import facezoo` takes {results['import_seconds'] * 1000:.0f} ms and loads neither "
        f"tensorflow nor cv2: `python benchmarks/startup.py`, {results['date']}.\n"
    )


TABLES = {"cmu": cmu, "pipeline": pipeline, "memory": memory, "startup": startup}


def marks(name):
    """Return the lines between which a table stands."""
    return f"<!-- begin results/{name}.json -->\n", f"<!-- end results/{name}.json -->\n"


def shown(name):
    """Return a table with its marks, or None where nothing was stored."""
    stored = ROOT / "results" / f"{name}.json"
    if not stored.exists():
        return None
    begin, end = marks(name)
    return begin + TABLES[name](json.loads(stored.read_text("utf-8"))) + end


def render():
    """Put every stored table into the README."""
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    for name in TABLES:
        table = shown(name)
        if table is not None:
            begin, end = marks(name)
            before, rest = text.split(begin)
            text = before + table + rest.split(end)[1]
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    render()
