"""docs/weights.md: tables of the shipped networks, from the manifest and the measurements."""

import json
import statistics

from pages import ROOT, made_by
from render_cards import WRITTEN, interval, mean_of_seeds, trained_for

from facezoo.reproduction.page import trained_on
from facezoo.tables import markdown_table
from facezoo.weights import get_card, list_weights
from facezoo.weights.manifest import FOLDER

PARTS = ("validation", "test")
COLUMNS = (
    "weights",
    "tested on",
    "accuracy",
    "95 % interval",
    "without copies",
    "with its mirror image",
    "calibration error",
    "MB",
    "ms alone",
    "ms in 64",
)


def weights_page(results=ROOT / "results", folder=FOLDER):
    """Return the whole of docs/weights.md, or None while nothing is shipped."""
    if not list_weights(folder):
        return None
    stored = results / "weights.json"
    speed = json.loads(stored.read_text("utf-8")) if stored.exists() else {"rows": []}
    paragraphs = [
        WRITTEN,
        "# Weights",
        "What `facezoo.load_model(name)` and `facezoo predict --weights name` know, all of it "
        "inside the package; a builder's name alone stands for its *default*. Accuracy is of test "
        "pictures that chose nothing; *without copies* leaves out those that are byte for byte in "
        "training; *with its mirror image* averages the answers for a face and its mirror image "
        "(`Recognizer(mirror=True)`, `predict --mirror`), for twice the time. Calibration "
        "error: expected, before and after one temperature that was fitted on validation "
        "pictures. MB of the .onnx file; milliseconds a face on onnxruntime with two threads, "
        "alone and in a batch of 64.",
        weights_table(speed, folder, "weights/"),
    ]
    if speed["rows"]:
        paragraphs.append(made_by(speed, "weights"))
    paragraphs += _beside(folder)
    if (results / "fer.json").exists():
        paragraphs += beside_fer(json.loads((results / "fer.json").read_text("utf-8")), folder)
    if (results / "ablations.json").exists():
        paragraphs += _ablations(json.loads((results / "ablations.json").read_text("utf-8")))
    if (results / "trainings.json").exists():
        paragraphs += _trainings(json.loads((results / "trainings.json").read_text("utf-8")))
    return "\n\n".join(paragraphs) + "\n"


def weights_table(speed, folder=FOLDER, cards="docs/weights/"):
    """Return a row for every shipped network.

    Args:
        speed: what results/weights.json holds.
        folder: of the manifest.
        cards: folder of the cards, seen from the page that the table stands in.
    """
    onnx = [row for row in speed["rows"] if row["file"] == "onnx"]
    taken = {row["name"]: row["milliseconds"] for row in onnx}
    defaults = json.loads((folder / "manifest.json").read_text("utf-8"))["defaults"].values()
    shipped = [get_card(name, folder) for name in list_weights(folder)]
    rows = [_row(card, card.name in defaults, taken.get(card.name), cards) for card in shipped]
    return markdown_table(COLUMNS, rows)


def _beside(folder):
    """How the networks for the same test pictures bear what spoils them, side by side."""
    cards = _of_fer2013(folder)
    if len(cards) < 2:
        return []
    spoilt = [card.metrics["spoilt"] for card in cards]
    others = [_by_size(card.metrics.get("elsewhere", {})) for card in cards]
    hows = dict.fromkeys(how for one in spoilt for how in one)
    sets = dict.fromkeys(data for one in others for data in one)
    rows = [(how, *(_accuracy(one.get(how)) for one in spoilt)) for how in hows]
    rows += [(data, *(_accuracy(one.get(data)) for one in others)) for data in sets]
    notes = {
        data: dict.fromkeys(
            one[data]["note"] for one in others if data in one and one[data]["note"]
        )
        for data in sets
    }
    notes = [f"{data}: {'; '.join(found)}" for data, found in notes.items() if found]
    return [
        "## Bad pictures and other pictures",
        "Accuracy, with its 95 % interval: on the test pictures as they are, on the same spoilt "
        f"(`facezoo.robustness`; {trained_for(cards)}), and on whole sets of other pictures, by "
        "the names of their classes.",
        markdown_table(("pictures", *(card.name for card in cards)), rows),
        *([f"{'. '.join(notes)}."] if notes else []),
    ]


def beside_fer(stored, folder):
    """What the package fer answers for the pictures of the cards."""
    theirs = {(row["network"], row["data"]): row for row in stored["rows"]}
    sizes = {row["data"]: row["n"] for row in stored["rows"]}
    rows = [
        (name, *(_accuracy(theirs[name, each]) for each in sizes))
        for name in dict.fromkeys(row["network"] for row in stored["rows"])
    ]
    for card in _of_fer2013(folder):
        found = {"fer2013": card.metrics["test"], **card.metrics.get("elsewhere", {})}
        same = {each: found[each] for each, n in sizes.items() if found.get(each, {}).get("n") == n}
        rows.append((card.name, *(_accuracy(same.get(each)) for each in sizes)))
    return [
        "## Beside fer",
        markdown_table(
            ("network", *(f"{each}, {n:,} pictures" for each, n in sizes.items())), rows
        ),
        f"fer {stored['version']}, the network alone, on the same pictures; accuracy with its 95 % "
        "interval. PublicTest was among the pictures that chose the epoch of fer's network, and "
        "chose nothing here; the other sets are new to both. " + made_by(stored, "beside_fer"),
    ]


def _of_fer2013(folder):
    """The cards of the networks that are tested on PublicTest's seven expressions."""
    cards = [get_card(name, folder) for name in list_weights(folder)]
    return [c for c in cards if (c.protocol, c.recipe.target) == ("fer2013/public", "expression")]


def _by_size(elsewhere):
    """Figures on other data that could be measured, keyed by what was prepared of them."""
    return {
        f"{name}, {one['n']:,} pictures": one
        for name, one in elsewhere.items()
        if "refused" not in one
    }


def _accuracy(figures):
    return f"{figures['accuracy']:.3f} ({interval(figures)})" if figures else "-"


def _ablations(stored):
    """What each part of the recipe gives, the best first."""
    found = {}
    for row in stored["rows"]:
        found.setdefault(row["what"], []).append(row)
    means = {what: statistics.mean(r["accuracy"] for r in rows) for what, rows in found.items()}
    rows = [
        (
            what,
            f"{means[what]:.3f}",
            f"{means[what] - means['the recipe']:+.3f}",
            f"{statistics.mean(r['log_loss'] for r in found[what]):.3f}",
            len(found[what]),
        )
        for what in sorted(means, key=means.get, reverse=True)
    ]
    budget = stored["budget"]
    return [
        "## What each part of the recipe gives",
        markdown_table(("changed", "accuracy", "difference", "log loss", "seeds"), rows),
        f"`facezoo_small` on the same {budget['pictures']:,} pictures for {budget['epochs']} "
        "epochs, one part of the recipe changed at a time, on validation pictures; PublicTest was "
        "not opened. So short a training underrates what pays late, "
        "and between rows of one seed a point is within chance. " + made_by(stored, "ablations"),
    ]


def _trainings(stored):
    """Trainings of one network, with what each changed."""
    columns = ["weights", "changed", "taught by", "their share", "seed", "epochs"]
    columns += [f"{part} {what}" for part in PARTS for what in ("accuracy", "log loss")]
    rows = [
        (
            row["weights"],
            "; ".join(f"{name} {value}" for name, value in _fields(row["changed"])) or "-",
            ", ".join(f"`{name}`" for name in row["teachers"]) or "-",
            f"{row['share']:.0%}" if row["teachers"] else "-",
            row["seed"],
            row["epochs"],
            *(f"{row[part][key]:.3f}" for part in PARTS for key in ("accuracy", "log_loss")),
            trained_on(row["environment"]),
        )
        for row in stored["rows"]
    ]
    return [
        "## What was tried for facezoo_base",
        markdown_table([*columns, "trained on"], rows),
        "One network on the same pictures; what each changed of the recipe "
        "`facezoo-small-fer2013`, stored by `python benchmarks/trainings.py`. Pupils have a share "
        "of their labels from the answers of teachers. "
        f"Validation pictures judge ({stored['rows'][0]['validation']['n']:,}, so that 0.01 of "
        "accuracy between two rows says little; log loss tells more).",
    ]


def _fields(changed):
    """(name, value) of changes, arguments of the builder and the optimizer by their own names."""
    for name, value in changed.items():
        yield from value.items() if isinstance(value, dict) else [(name.split(".")[-1], value)]


def _row(card, default, taken, cards):
    test, mirrored = card.metrics["test"], card.metrics.get("with_flip")
    copies = test["without_copies"]
    before = card.metrics["uncalibrated"]["test"]["ece"]
    return (
        f"[{card.name}]({cards}{card.name}.md){', *default*' if default else ''}",
        f"{card.protocol}, {card.recipe.target}",
        f"{test['accuracy']:.3f}{_beside_it(card)}",
        interval(test),
        f"{copies['accuracy']:.3f}" if copies else "-",
        f"{mirrored['accuracy']:.3f}" if mirrored else "-",
        f"{before:.3f}, {test['ece']:.3f}",
        f"{card.files['onnx']['bytes'] / 1e6:.2f}",
        f"{taken['1']:.2f}" if taken else "-",
        f"{taken['64']:.3f}" if taken else "-",
    )


def _beside_it(card):
    """What else the accuracy of a network may be: of several seeds, against a majority's label."""
    found, seeds = card.metrics.get("majority"), card.metrics.get("seeds", ())
    told = f"; {found['accuracy']:.3f} where a majority agrees" if found else ""
    return told + (f"; {mean_of_seeds(card)} over {len(seeds)} seeds" if seeds else "")
