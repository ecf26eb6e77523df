"""Write the tables of results/*.json into README and docs: python benchmarks/render.py

A figure in the README or in docs/models.md is one that a benchmark stored; a test compares
them.
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
        "brackets that of the label of the nearest picture among those not tested, compared at "
        f"half size.{_memorised(rows)}{_mitchell(rows)} Pictures 64x60; identity and `mitchell` "
        "leave a pose out, the others four people. Made by `python benchmarks/cmu.py`, "
        f"{made['date'][:10]}, {made['processor']}, Keras {made['keras']} on {made['backend']}.",
        "",
    ]
    return "\n".join(lines)


def _memorised(rows):
    """Return the sentence on LeNet-5 made to memorise, or nothing before it was run."""
    row = rows.get(("expression-memorised", "all-sizes"))
    if row is None:
        return ""
    return (
        " Made to memorise (no augmentation, no dropout, "
        f"{row['recipe']['epochs']} epochs), LeNet-5 names the expression right for "
        f"{row['accuracy']['mean']:.3f} ± {row['accuracy']['std']:.3f} under `all-sizes`."
    )


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


def models(results):
    """Every network: where it is from, what it costs, how fast it answers."""
    lines = [
        "| network | study | input | weights | multiply-adds | ms a picture, alone | ms a picture, "
        "64 at once | file |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in results["rows"]:
        height, width, channels = row["input_shape"]
        alone, many = (row["milliseconds"][batch]["median"] for batch in ("1", "64"))
        lines.append(
            f"| {row['name']} | {row['study']} | {width}x{height}x{channels} | "
            f"{row['weights']:,} | {row['multiply_adds'] / 1e6:,.1f} M | {_figure(alone)} | "
            f"{_figure(many)} | {row['file_bytes'] / 1e6:.1f} MB |"
        )
    compiled = "with XLA" if any(row["jit_compile"] for row in results["rows"]) else "without XLA"
    lines += [
        "",
        "Study: A to E are the studies that facezoo reproduces, `field` networks of others, "
        "`ours` our own. Weights include moving averages. A multiply-add is one multiplication "
        "with its addition, in convolutions and dense layers; normalisation, activation and "
        "pooling are not counted. The file is the `.keras` file: float32 weights and the graph.",
        "",
        f"Milliseconds: `model.predict_on_batch`, as Keras compiles it ({compiled}), pictures in "
        f"memory, warmed up; median of {results['rounds']} rounds. {_made(results, 'models')}",
        "",
    ]
    return "\n".join(lines)


def ippm(results):
    """Study B's pyramid module: its literal form beside the cheap one."""
    lines = [
        "| maps (batch, h, w, c) | answering: literal | cheap | ratio | training: literal | cheap "
        "| ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in results["rows"]:
        shape = ", ".join(map(str, row["shape"]))
        cells = [
            f"{_figure(figures['literal'])} | {_figure(figures['cheap'])} | {figures['ratio']:.2f}"
            for figures in (row["answering"], row["training"])
        ]
        lines.append(f"| {row['maps']} ({shape}) | {' | '.join(cells)} |")
    lines += [
        "",
        "Milliseconds a batch of the module alone; a ratio is the median of the rounds' own, "
        f"{results['rounds']} alternating rounds in one process. {_made(results, 'ippm')}",
        "",
    ]
    return "\n".join(lines)


def _figure(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _made(results, script):
    made = results["environment"]
    return (
        f"Made by `python benchmarks/{script}.py`, {made['date'][:10]}, {made['processor']}, "
        f"Keras {made['keras']} on {made['backend']}."
    )


def models_page(folder=ROOT / "results"):
    """Return the whole of docs/models.md, or None where models.json was not stored."""
    stored = folder / "models.json", folder / "ippm.json"
    if not stored[0].exists():
        return None
    page = (
        "<!-- Written by python benchmarks/models.py from results/models.json; do not edit. -->\n"
        "# Choosing among the networks\n\n"
        "Every network as `build_<name>()` makes it by default; `facezoo models` prints the same "
        "counts.\n\n" + models(json.loads(stored[0].read_text("utf-8")))
    )
    if stored[1].exists():
        page += (
            "\n## The pyramid module of study B\n\n"
            "Its upsampling and pooling cancel each other; the literal form computes both, the "
            "cheap one, which facezoo builds, neither. The same weights give the same answers.\n\n"
            + ippm(json.loads(stored[1].read_text("utf-8")))
        )
    return page


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
        _made(results, "data"),
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
    """Put every stored table into the README; write docs/models.md and docs/data.md."""
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    for name in TABLES:
        table = shown(name)
        if table is not None:
            begin, end = marks(name)
            before, rest = text.split(begin)
            text = before + table + rest.split(end)[1]
    readme.write_text(text, "utf-8")
    for name, page in (("models.md", models_page()), ("data.md", data_page())):
        if page is not None:
            (ROOT / "docs" / name).write_text(page, "utf-8")


if __name__ == "__main__":
    render()
