"""docs/reliability.md: what kills and broken files did, from results/kill.json and fuzz.json."""

import json

from pages import ROOT, made_by
from render_fuzz import fuzz_section

from facezoo.tables import markdown_table

WORDS = {
    "train": ("`facezoo train --deterministic`, gone on with by `--resume`", "trainings"),
    "damage": ("the same, its newest checkpoint damaged", "trainings"),
    "prepare": ("`facezoo prepare`, over an older set or none", "sets"),
    "tune": ("`facezoo tune`, a grid of four trials and its winner", "searches"),
    "reproduce": ("`facezoo reproduce --profile quick --resume`, four recipes", "reproductions"),
}


def reliability_page(folder=ROOT / "results"):
    """Return the whole of docs/reliability.md, or None where nothing was stored."""
    sections = [
        section(json.loads((folder / f"{name}.json").read_text("utf-8")))
        for name, section in SECTIONS.items()
        if (folder / f"{name}.json").exists()
    ]
    if not sections:
        return None
    return "\n\n".join(
        [
            "<!-- Written by python benchmarks/render.py from results/kill.json and fuzz.json; "
            "do not edit. -->",
            "# What happens when things go wrong",
            *sections,
        ]
    )


def kill_section(stored):
    """Return the section on processes that were killed."""
    rows = sorted(stored["rows"].values(), key=lambda row: list(WORDS).index(row["part"]))
    header = ("killed", "backend", "kills", "ended", "as they should", "seconds unkilled")
    table = [
        (
            WORDS[row["part"]][0],
            row["environment"]["backend"],
            row["kills"],
            f"{row['ends']} {WORDS[row['part']][1]}",
            row["good"],
            f"{row['seconds']:.1f}",
        )
        for row in rows
    ]
    return "\n\n".join(
        [
            "## Killed at any moment",
            "Processes are killed with SIGKILL at moments drawn evenly from the time that the same "
            "command takes unkilled, and the command is given again: several times on the way of "
            "one training, search or reproduction, each time for a set.",
            markdown_table(header, table),
            "\n".join(f"- {TOLD[row['part']](row)}" for row in rows),
            "; ".join(_made(rows)) + ".\n",
        ]
    )


def _train(row):
    where = ", ".join(f"{count} {name}" for name, count in row["moments"].items())
    return (
        f"Trainings on {row['environment']['backend']} end as they should with the weights of "
        "model.keras, metrics.json and history.csv the same to the bit as those of a training "
        "never killed, timings aside, and without unfinished files. The network has dropout, "
        "augmented and mixed pictures, AdamW, moving averages and a plateau schedule. Where the "
        f"kills hit: {where}."
    )


def _damage(row):
    return (
        f"The newest checkpoint was {', '.join(row['damages'])}: each time a warning said so, the "
        "one before was taken, and the end was the same to the bit."
        if row["good"] == row["ends"]
        else f"The newest checkpoint was {', '.join(row['damages'])}."
    )


def _prepare(row):
    old, new = row["pictures"]
    left = row["left"]
    return (
        f"A set of {new:,} pictures is prepared in turn where none lies and over one of {old:,}. "
        f"What lay there after the kill, by the checksums of all files: no set {left['none']} "
        f"times, the whole old one {left['old']} times, the whole new one {left['new']} times, "
        f"anything else {left['mixture']} times. As it should: a set that lay there is not gone, "
        "and the next `prepare` makes the whole new one and clears what the killed one had begun."
    )


def _tune(row):
    kept = row["kept"]
    return (
        f"Searches were killed with {min(kept)} to {max(kept)} trials done; {row['lost']} done "
        f"trials were lost and {row['again']} run again. As they should: best setting, every "
        "trial's figure and the winner's test are those of a search never killed."
    )


def _reproduce(row):
    kept = row["kept"]
    return (
        f"Reproductions were killed with {min(kept)} to {max(kept)} recipes done; {row['lost']} "
        f"stored rows were lost and {row['again']} finished runs trained again. As they should: "
        "one run and one readable row a recipe, and the page of all."
    )


def _made(rows):
    """Return who made which rows, when and on what; once where it is the same."""
    made = {}
    for row in rows:
        e = row["environment"]
        words = f"{e['date'][:10]}, {e['processor']}, Keras {e['keras']} on {e['backend']}"
        made.setdefault(f"{words}, seed {row['seed']}", []).append(row["part"])
    return [
        f"{'Made by `python benchmarks/kill.py`' if not n else 'and'} ({', '.join(parts)}), {words}"
        for n, (words, parts) in enumerate(made.items())
    ]


TOLD = {
    "train": _train,
    "damage": _damage,
    "prepare": _prepare,
    "tune": _tune,
    "reproduce": _reproduce,
}
LONG = {
    "epochs": ("one training", "epoch"),
    "trials": ("one search", "trial"),
}


def growth_section(stored):
    """Return the section on long work."""
    header = ("LeNet-5 on drawn faces", "at most MB", "MB more each", "at most files", "more each")
    rows = {key: stored[key] for key in LONG if key in stored}
    table = [
        (
            f"{LONG[key][0]} of {row['count']} {LONG[key][1]}s",
            f"{row['megabytes_most']:.0f}",
            f"{row['megabytes_each']:+.3f}",
            row["files_most"],
            f"{row['files_each']:+.4f}",
        )
        for key, row in rows.items()
    ]
    return "\n\n".join(
        [
            "## Long work",
            markdown_table(header, table),
            "Anonymous memory and open files of all processes at work, those that a search starts "
            "included; *more each* is the slope of a line through all but the first tenth. A "
            "search hands over to a fresh process every 32 trials, for TensorFlow keeps some "
            "megabytes of every model that was fitted. "
            + " ".join(dict.fromkeys(made_by(row, "growth") for row in rows.values()))
            + "\n",
        ]
    )


SECTIONS = {  # results/<name>.json: what renders it
    "kill": kill_section,
    "growth": growth_section,
    "fuzz": fuzz_section,
}
