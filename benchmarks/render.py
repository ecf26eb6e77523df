"""Write the tables of results/*.json into README and docs: python benchmarks/render.py

A figure in the README or in docs/models.md is one that a benchmark stored; a test compares
them.
"""

import json
import statistics

from pages import ROOT, made_by
from render_data import data_page
from render_reliability import reliability_page
from render_speed import beside_fer, speed_page
from render_weights import weights_table

from facezoo.recipes import get_recipe
from facezoo.reproduction.studies import CMU_SEEDS, CMU_TASKS, cmu_protocols

CHANCE = {
    "expression": "1 of 4",
    "pose": "1 of 4",
    "eyes": "1 of 2",
    "identity": "1 of 20",
    "mitchell": "30 of 624",
}


def cmu(results):
    """Render the rows as a Markdown table."""
    rows = {}
    for row in results["rows"]:
        task = row["recipe"]["name"].removeprefix("cmu-lenet5-")
        kind = (
            "memorised" if "augmentation" in row["changed"] else row["protocol"].partition("/")[2]
        )
        rows[task, kind] = row
    lines = [
        "| task (share) | `random80` | people or a pose out | `all-sizes` (leaks) | reported |",
        "| --- | --- | --- | --- | --- |",
    ]
    for task in CMU_TASKS:
        found = [rows.get((task, protocol)) for protocol in cmu_protocols(task)]
        shown = " | ".join(cmu_cell(row) if row else "not run yet" for row in found)
        reported = get_recipe(f"cmu-lenet5-{task}").reported or "-"
        lines.append(f"| {task} ({CHANCE[task]}) | {shown} | {reported} |")
    made = max((row["environment"] for row in results["rows"]), key=lambda made: made["date"])
    lines += [
        "",
        f"Mean accuracy of LeNet-5 and its spread (standard deviation) over {CMU_SEEDS} seeds, and "
        "in brackets that of the label of the nearest picture among those not tested, compared at "
        f"half size.{_memorised(rows)}{_mitchell(rows)} Pictures 64x60; identity and `mitchell` "
        "leave a pose out, the others four people. Made by `facezoo reproduce cmu`, "
        f"{made['date'][:10]}, {made['processor']}, Keras {made['keras']} on {made['backend']}.",
        "",
    ]
    return "\n".join(lines)


def _memorised(rows):
    """Return the sentence on LeNet-5 made to memorise, or nothing before it was run."""
    row = rows.get(("expression", "memorised"))
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
        ratio = f"{row['facezoo_is_faster_by']} times as fast" if row["aim"] else "-"
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


def tuning(results):
    """What a search finds, and what it costs beside the trainings."""
    cells, trials = results["cells"], results["trials"]
    medians = {method: statistics.median(counts) for method, counts in trials.items()}
    counts = ", ".join(map(str, sorted(trials["bayes"])))
    share = results["search_seconds"] / results["trial_seconds"]
    recipe = results["recipe"]
    return (
        f"Study A's space has {len(cells)} cells. With all of them trained once ({recipe['limit']} "
        f"drawn faces, {recipe['target']}, {recipe['epochs']} epochs, validation accuracy "
        f"{min(c['accuracy'] for c in cells):.3f} to {max(c['accuracy'] for c in cells):.3f}), "
        f"replayed searches come within {results['within']:g} of the best after "
        f"{medians['bayes']:g} trials by `bayes` (median of {len(trials['bayes'])}: {counts}) and "
        f"{medians['random']:g} by `random`. The search itself takes "
        f"{results['search_seconds'] * 1000:.0f} ms a trial, {share:.1%} of so short a training. "
        f"{made_by(results, 'tuning')}\n"
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
        f"memory, warmed up; median of {results['rounds']} rounds. {made_by(results, 'models')}",
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
        f"{results['rounds']} alternating rounds in one process. {made_by(results, 'ippm')}",
        "",
    ]
    return "\n".join(lines)


def _figure(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def candidates(results):
    """Render the networks that were tried for facezoo's own, best first."""
    budget = results["budget"]
    lines = [
        "| candidate | what | weights | multiply-adds | ms a picture | seconds an epoch | "
        "validation accuracy |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in sorted(results["rows"], key=lambda row: -row["validation_accuracy"]):
        lines.append(
            f"| {row['candidate']} | {row['what']} | {row['weights']:,} | "
            f"{row['multiply_adds'] / 1e6:.1f} M | {_figure(row['milliseconds'])} | "
            f"{row['seconds_per_epoch']:.0f} | {row['validation_accuracy']:.3f} |"
        )
    lines += [
        "",
        f"Short trainings: {budget['epochs']} epochs of the same {budget['pictures']:,} pictures "
        "of `fer2013/public`, one seed, judged on the validation pictures; PublicTest was not "
        "opened. Neighbours in this table may change places with another seed, and what is larger "
        "or more strongly regularised needs longer to show its worth; in what is shipped the last "
        f"stage is narrower. Milliseconds in batches of 64. {made_by(results, 'candidates')}",
        "",
    ]
    return "\n".join(lines)


def models_page(folder=ROOT / "results"):
    """Return the whole of docs/models.md, or None where models.json was not stored."""
    stored = [folder / f"{name}.json" for name in ("models", "ippm_speed", "candidates")]
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
    if stored[2].exists():
        page += "\n## What facezoo's own networks were chosen from\n\n" + candidates(
            json.loads(stored[2].read_text("utf-8"))
        )
    return page


def parallel(results):
    """Render the cost of sharing a batch out as a sentence."""
    told = "; ".join(
        f"{row['network']} {row['milliseconds']['1']:.0f} ms on one, "
        f"{row['milliseconds']['2']:.0f} ms on two "
        f"({row['milliseconds']['1'] / row['milliseconds']['2']:.0%})"
        for row in results["rows"]
    )
    return (
        f"A step of {results['batch']} pictures on virtual devices of one processor, which share "
        f"its cores: {told}. In brackets the speed of two devices against that of one: above 100 % "
        "where one leaves cores idle that two fill, less what sharing out costs. "
        f"{made_by(results, 'parallel')}\n"
    )


def kernels(results):
    """Render a training step beside one with Keras' own kernels."""
    lines = [
        f"| a training step of {results['batch']} pictures | precision | facezoo | Keras alone "
        "| times as fast |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['network']} | {row['precision']} | {row['ours']:.0f} ms | {row['keras']:.0f} ms "
        f"| {row['faster']:.2f} |"
        for row in results["rows"]
    ]
    made = made_by(results, "kernels")
    return "\n".join(
        [
            *lines,
            "",
            f"With Adam on TensorFlow, beside the same model as Keras compiles it; medians of "
            f"{results['rounds']} alternating rounds. {made}\n",
        ]
    )


def weights(results):
    """Render a row for every shipped network."""
    return f"{weights_table(results)}\n\n{made_by(results, 'weights')}\n"


def inference(results):
    """Render facezoo beside fer."""
    return f"{beside_fer(results)}\n\n{made_by(results, 'inference')}\n"


TABLES = {
    "inference": inference,
    "weights": weights,
    "cmu": cmu,
    "pipeline": pipeline,
    "memory": memory,
    "startup": startup,
    "tuning": tuning,
    "parallel": parallel,
    "kernels": kernels,
}
PLACES = {"parallel": "docs/parallel.md"}  # other than README.md


def marks(name):
    """Return the lines between which a table stands."""
    return f"<!-- begin results/{name}.json -->\n", f"<!-- end results/{name}.json -->\n"


def place(name):
    """Return the page that a table stands in."""
    return ROOT / PLACES.get(name, "README.md")


def shown(name):
    """Return a table with its marks, or None where nothing was stored."""
    stored = ROOT / "results" / f"{name}.json"
    if not stored.exists():
        return None
    begin, end = marks(name)
    return begin + TABLES[name](json.loads(stored.read_text("utf-8"))) + end


def render():
    """Put every stored table into the README; write the pages under docs/."""
    for name in TABLES:
        table, page = shown(name), place(name)
        if table is not None:
            begin, end = marks(name)
            before, rest = page.read_text("utf-8").split(begin)
            page.write_text(before + table + rest.split(end)[1], "utf-8")
    pages = {
        "models": models_page(),
        "data": data_page(),
        "reliability": reliability_page(),
        "speed": speed_page(),
    }
    for name, page in pages.items():
        if page is not None:
            (ROOT / "docs" / f"{name}.md").write_text(page, "utf-8")


if __name__ == "__main__":
    render()
