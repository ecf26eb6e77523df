"""docs/data.md: what prepared data cost, from results/data.json."""

import json

from pages import ROOT, made_by

CONTENDERS = {
    "facezoo": "the prepared set, mapped: `make_pipeline`",
    "array": "the same array in memory: `make_pipeline`",
    "keras": "the unpacked folder: `keras.utils.image_dataset_from_directory`",
}
AIMS = {"array": 0.8, "keras": 10}  # how many times as fast as each the prepared set is to be


def data_page(folder=ROOT / "results"):
    """Return the whole of docs/data.md, or None where data.json was not stored."""
    stored = folder / "data.json"
    if not stored.exists():
        return None
    results = json.loads(stored.read_text("utf-8"))
    parts = {"prepare": _prepare, "growth": _growth, "rates": _rates, "cold": _cold, "kill": _kill}
    page = [
        "<!-- Written by python benchmarks/data.py from results/data.json; do not edit. -->",
        "# What prepared data cost",
        *(line for part in parts if part in results for line in parts[part](results[part])),
        "",
        made_by(results, "data"),
        *([f"- {line}" for line in missed(results)]),
        "",
    ]
    return "\n".join(page)


def _prepare(part):
    return [
        "",
        f"`facezoo prepare fer2013` of {part['pictures']:,} pictures ({part['archive']}) takes "
        f"{part['seconds']:.1f} s from start to end, {part['cpu_seconds']:.1f} s of processor time "
        f"({part['cores_used']:.2f} cores on average), and {part['peak_mb']:.0f} MB at its peak; "
        f"its progress bar shows {part['bar_steps']:.0f} steps. Medians of {part['rounds']} runs, "
        f"{part['date']}.",
    ]


def _growth(part):
    lines = [
        "",
        "| pictures in the archive | seconds | of processor time | microseconds of it for each "
        "further picture | peak MB |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for row, cost in zip(part["sizes"], ["-", *_steps(part)], strict=True):
        cost = cost if cost == "-" else f"{cost:.0f}"
        lines.append(
            f"| {row['pictures']:,} | {row['seconds']:.1f} | {row['cpu_seconds']:.1f} | {cost} | "
            f"{row['peak_mb']:.0f} |"
        )
    return [
        *lines,
        "",
        "Generated archives of drawn faces as JPEG. The peak is resident memory: the kernel's own "
        "mark for the process (VmHWM), or the largest sum over it and its children, which counts "
        f"shared pages once for each. {part['date']}.",
    ]


def _steps(part):
    """Microseconds for each further picture, from a size to the next.

    Of processor time: seconds on the clock are also those of whatever else the machine does.
    """
    sizes = part["sizes"]
    return [
        1e6 * (b["cpu_seconds"] - a["cpu_seconds"]) / (b["pictures"] - a["pictures"])
        for a, b in zip(sizes, sizes[1:], strict=False)
    ]


def _rates(part):
    lines = [
        "",
        "| 48x48, batch 128, shuffled, not augmented | pictures a second | the prepared set is |",
        "| --- | ---: | ---: |",
    ]
    for name, title in CONTENDERS.items():
        row = part["contenders"][name]
        ratio = "-" if name == "facezoo" else f"{row['ratio']:.2f} times as fast"
        lines.append(f"| {title} | {row['pictures_per_second']:,} | {ratio} |")
    return [
        *lines,
        "",
        f"{part['archive']}. Medians of {part['rounds']} alternating rounds in one process, whole "
        f"epochs from fresh iterators, {part['date']}.",
    ]


def _cold(part):
    ours, theirs = (part["seconds"][name] for name in ("facezoo", "keras"))
    return [
        "",
        "A new process that finds nothing of the data in the system's cache has its first batch "
        f"after {ours['whole']:.1f} s, of which {ours['read']:.2f} s come after Keras was imported "
        f"({theirs['whole']:.1f} s and {theirs['read']:.2f} s for Keras on the unpacked folder). "
        f"Medians of {part['rounds']} rounds, {part['date']}.",
    ]


def _kill(part):
    rows, both = part["kills"], part["two_at_once"]
    old, new = part["pictures"]
    lines = [
        "",
        "| killed after | set before | set after the kill | unfinished folders | next `prepare` | "
        "set then | folders left |",
        "| ---: | ---: | ---: | ---: | --- | ---: | ---: |",
    ]
    for row in rows:
        before, after, then = (
            "none" if row[k] is None else f"{row[k]:,}" for k in ("before", "after", "then")
        )
        end = "done" if row["next_exit"] == 0 else f"exit {row['next_exit']}"
        lines.append(
            f"| {row['second']:.2f} s | {before} | {after} | {row['partial']} | {end} | {then} | "
            f"{row['left']} |"
        )
    return [
        *lines,
        "",
        f"`prepare` of {new:,} pictures, killed (SIGKILL) at random moments after its unfinished "
        f"folder appeared, where no set or one of {old:,} pictures lay; sets are compared with "
        f"their checksum. {sum(row['good'] for row in rows)} of {len(rows)} ends were good. Two at "
        f"once ended with exit codes {both['exits'][0]} and {both['exits'][1]}, a whole set of "
        f"{both['then'] or 0:,} pictures and {both['left']} folders left. {part['date']}.",
    ]


def missed(results):
    """Return a line for every aim that the figures of data.json miss."""
    checks = []  # (what, value, at least, at most)
    if prepare := results.get("prepare"):
        checks.append(("steps of the progress bar", prepare["bar_steps"], 10, None))
        checks.append(("cores used by prepare, start included", prepare["cores_used"], 1.5, None))
    if growth := results.get("growth"):
        sizes, steps = growth["sizes"], _steps(growth)
        checks.append(("MB at the peak", sizes[-1]["peak_mb"], None, 600))
        if steps:
            grown = sizes[-1]["peak_mb"] - sizes[0]["peak_mb"]
            checks.append(("MB more for the largest archive", grown, None, 100))
            checks.append(("times the first cost a picture", steps[-1] / steps[0], None, 1.25))
    if rates := results.get("rates"):
        for name, least in AIMS.items():
            what = f"times as fast as {CONTENDERS[name]}"
            checks.append((what, rates["contenders"][name]["ratio"], least, None))
    if kill := results.get("kill"):
        good = [row["good"] for row in (*kill["kills"], kill["two_at_once"])]
        checks.append(("good ends after kills and of two at once", sum(good), len(good), None))
    return [
        f"Missed: {value:.4g} {what}; the aim is {least or most:g} or "
        f"{'less' if least is None else 'more'}."
        for what, value, least, most in checks
        if (least is not None and value < least) or (most is not None and value > most)
    ]
