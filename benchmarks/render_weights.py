"""docs/weights.md and a card for every shipped network, from the manifest and the measurements."""

import json
import shlex
import statistics

from pages import ROOT, made_by

from facezoo.datasets import get_spec
from facezoo.recipes import get_recipe
from facezoo.report import MEASURES, markdown_table
from facezoo.weights import get_card, list_weights
from facezoo.weights.manifest import FOLDER

MISUSE = """A label says what annotators would call the look of a face in a picture. It does not
say what a person feels, thinks, intends or is, and must not be used to judge, sort or watch
people. The pictures are of whoever was found on the web or posed in a laboratory: age, skin, sex
and culture are not evenly represented and not recorded, so nobody knows how much worse the network
is for those who are missing. Posed and acted faces are louder than those of daily life."""
PART = 0.75  # of the published pictures, under which a card says how many there are
OPENED = {  # by kind of file
    "keras": "`facezoo.load_model`, in Keras",
    "onnx": "`facezoo.Recognizer` and `facezoo predict`, on onnxruntime",
    "onnx-int8": "`facezoo.OnnxNetwork`, by its path; slower where a processor lacks 8-bit units",
}
SEEDS = (
    "*mean of seeds* is of the same training with other seeds (first weights, order, "
    "augmentation), with its standard deviation; the one with the highest validation accuracy is "
    "shipped; "
)
PARTS = ("validation", "test")
WRITTEN = "<!-- Written by python benchmarks/weights.py; do not edit. -->"
COLUMNS = (
    "weights",
    "tested on",
    "accuracy",
    "95 % interval",
    "mean of seeds",
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
        "inside the package; a builder's name alone stands for its *default*. Accuracy is of "
        f"test pictures that chose nothing; {SEEDS if _seeded(folder) else ''}*without copies* "
        "leaves out pictures that are "
        "byte for byte in training; *with its mirror image* averages the answers for a face "
        "and its mirror image (`Recognizer(mirror=True)`, `predict --mirror`), for twice the "
        "time. Calibration error: expected, before and after one temperature that was fitted "
        "on validation pictures. MB of the .onnx file; milliseconds a face on onnxruntime "
        "with two threads, alone and in a batch of 64.",
        weights_table(speed, folder, "weights/"),
    ]
    if speed["rows"]:
        paragraphs.append(made_by(speed, "weights"))
    paragraphs += _beside(folder)
    if (results / "ablations.json").exists():
        paragraphs += _ablations(json.loads((results / "ablations.json").read_text("utf-8")))
    if (results / "teaching.json").exists():
        paragraphs += _teaching(json.loads((results / "teaching.json").read_text("utf-8")))
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
    table = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    if not _seeded(folder):
        del table["mean of seeds"]
    return markdown_table(tuple(table), list(zip(*table.values(), strict=True)))


def _beside(folder):
    """How the networks for the same test pictures bear what spoils them, side by side."""
    cards = [get_card(name, folder) for name in list_weights(folder)]
    cards = [c for c in cards if (c.protocol, c.recipe.target) == ("fer2013/public", "expression")]
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
        f"(`facezoo.robustness`; {_trained_for(cards)}), and on whole sets of other pictures, by "
        "the names of their classes.",
        markdown_table(("pictures", *(card.name for card in cards)), rows),
        *(f"{'. '.join(notes)}." for _ in notes[:1]),
    ]


def _by_size(elsewhere):
    """Figures on other data that could be measured, keyed by what was prepared of them."""
    return {
        f"{name}, {one['n']:,} pictures": one
        for name, one in elsewhere.items()
        if "refused" not in one
    }


def _trained_for(cards):
    """What the trainings had of the faults."""
    erased = {c.recipe.augmentation.erase if c.recipe.augmentation else 0 for c in cards}
    covered = min(erased)
    if covered:
        return (
            f"training covered up to {covered:.0%} of a picture, and knew none of the other faults"
        )
    return "nothing was trained for it"


def _accuracy(figures):
    return f"{figures['accuracy']:.3f} ({_interval(figures)})" if figures else "-"


def _seeded(folder):
    """Whether any card tells of several seeds."""
    return any(get_card(name, folder).metrics.get("seeds") for name in list_weights(folder))


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
        "not opened. So short a training underrates what pays late. "
        + made_by(stored, "ablations"),
    ]


def _teaching(stored):
    """A network that was taught beside the same network that was not."""
    columns = ["recipe", "seed", "epochs"]
    columns += [f"{part} {what}" for part in PARTS for what in ("accuracy", "log loss")]
    rows = [
        (
            f"`{row['recipe']}`",
            row["seed"],
            row["epochs"],
            *(f"{row[part][key]:.3f}" for part in PARTS for key in ("accuracy", "log_loss")),
        )
        for row in stored["rows"]
    ]
    return [
        "## What a teacher gives",
        markdown_table(columns, rows),
        f"The same network and pictures; the first row is the teacher, `{stored['teacher']}`. "
        "Pupils have half of their labels from its answers, in place of label smoothing. "
        "Validation pictures judge: one seed against two, so that accuracies this close say "
        "nothing. The pupils: " + made_by(stored, "teaching"),
    ]


def _row(card, default, taken, cards):
    test, mirrored = card.metrics["test"], card.metrics.get("with_flip")
    copies = test["without_copies"]
    before = card.metrics["uncalibrated"]["test"]["ece"]
    return (
        f"[{card.name}]({cards}{card.name}.md){', *default*' if default else ''}",
        f"{card.protocol}, {card.recipe.target}",
        f"{test['accuracy']:.3f}{_of_a_majority(card)}",
        _interval(test),
        _mean(card),
        f"{copies['accuracy']:.3f}" if copies else "-",
        f"{mirrored['accuracy']:.3f}" if mirrored else "-",
        f"{before:.3f}, {test['ece']:.3f}",
        f"{card.files['onnx']['bytes'] / 1e6:.2f}",
        f"{taken['1']:.2f}" if taken else "-",
        f"{taken['64']:.3f}" if taken else "-",
    )


def _of_a_majority(card):
    found = card.metrics.get("majority")
    return f"; {found['accuracy']:.3f} where a majority agrees" if found else ""


def _mean(card):
    tested = [row["test"]["accuracy"] for row in card.metrics.get("seeds", ())]
    if not tested:
        return "-"
    return f"{statistics.mean(tested):.3f} ± {statistics.stdev(tested):.3f}"


def card_page(card):
    """Return a card as Markdown; its two figures lie beside it."""
    test = card.metrics["test"]
    height, width, channels = card.input_shape
    paragraphs = [
        WRITTEN,
        f"# {card.name}",
        f"`{card.recipe.builder}` for {width}x{height} pixels, {'gray' if channels == 1 else 'RGB'}"
        f"; {len(card.label_set)} classes: {', '.join(card.label_set.classes)}. Accuracy "
        f"{test['accuracy']:.3f} ({_interval(test)}) on {test['n']:,} pictures of "
        f"{card.protocol}, macro F1 {test['macro_f1']:.3f}.{_majority(card)}{_seeds(card)}",
        "## What it is for, and what not",
        "Telling how faces in pictures look, for counting, searching and playing, where a wrong "
        "answer hurts nobody. " + MISUSE,
        "## How it was made",
        _made(card),
        "To train it again (on a GPU with `KERAS_BACKEND=jax` in front):",
        f"```\n{_again(card)}\n```",
        "## Files in facezoo/weights",
        markdown_table(("file", "MB", "accuracy", "opened by"), _files(card)),
        "## By class",
        markdown_table(
            ("class", "precision", "recall", "F1", "pictures"),
            [(n, *map(test["per_class"][n].get, MEASURES)) for n in card.label_set.classes],
        ),
        f"![confusion matrix]({card.name}-confusion.png)",
        "## Calibration",
        _calibration(card),
        f"![reliability diagram]({card.name}-reliability.png)",
        "## Bad pictures",
        f"The same test pictures, spoilt (`facezoo.robustness`); {_trained_for([card])}.",
        markdown_table(
            ("pictures", "accuracy", "95 % interval", "macro F1"),
            [_figures(how, one) for how, one in card.metrics["spoilt"].items()],
        ),
    ]
    others = card.metrics.get("elsewhere", {})
    if others:
        paragraphs += [
            "## Other pictures",
            "Whole data sets that trained nothing, by the names of their classes.",
            markdown_table(
                ("data", "accuracy", "95 % interval", "macro F1", "calibration error", "to know"),
                [
                    (*_figures(name, one), _error(one), _known(name, one))
                    for name, one in others.items()
                ],
            ),
        ]
    return "\n\n".join(paragraphs) + "\n"


def _majority(card):
    """What a network of votes comes to against one label a picture, as others report it."""
    one = card.metrics.get("majority")
    if one is None:
        return ""
    return (
        f" Against the label of the majority, where there is one: {one['accuracy']:.3f} "
        f"({_interval(one)}) on {one['n']:,}."
    )


def _seeds(card):
    """What the same training came to with other seeds."""
    rows = card.metrics.get("seeds")
    if not rows:
        return ""
    each = ", ".join(f"{row['test']['accuracy']:.3f} of seed {row['seed']}" for row in rows)
    return (
        f" Mean over {len(rows)} seeds: {_mean(card)} ({each}, as trained); these weights are of "
        "the one with the highest validation accuracy."
    )


def _made(card):
    recipe, facts = card.recipe, card.facts
    spec, made = get_spec(recipe.dataset), facts["trained"]
    return (
        f"Trained on {spec.title} under `{card.protocol}`, target `{recipe.target}`, by the recipe "
        f"`{recipe.name}`, seed {facts['seed']}, {facts['epochs']} epochs, on "
        f"{made['processor']}, Keras {made['keras']} on {made['backend']}, {made['date'][:10]}, "
        f"commit {facts['commit']}.{_teacher(card)} Validation pictures chose the epoch and "
        f"the temperature. The pictures' licence: {facts['license']}. What it allows of weights "
        f"that learnt from them is not settled; see {spec.page}."
    )


def _files(card):
    """A row for every file: its size, what it gets of the same test pictures, who opens it."""
    found = {kind: card.metrics[kind]["test"] for kind in card.files if kind != "keras"}
    found["keras"] = card.metrics["test"]["accuracy"]
    return [
        (f"`{e['file']}`", f"{e['bytes'] / 1e6:.2f}", f"{found[kind]:.3f}", OPENED[kind])
        for kind, e in card.files.items()
    ]


def _again(card):
    """The command that trains a card's recipe, as it was trained."""
    told = ("summary", "reported")
    usual = get_recipe(card.recipe.name).to_dict()
    changed = {k: v for k, v in card.trained_by.items() if k not in told and usual[k] != v}
    if gone := _gone(card):
        teachers = ["RUN" if name in gone else name for name in card.recipe.teachers]
        changed["teacher"] = teachers[0] if isinstance(card.recipe.teacher, str) else teachers
    words = {k: v if isinstance(v, str) else json.dumps(v) for k, v in changed.items()}
    settings = [f"--set {shlex.quote(f'{name}={word}')}" for name, word in words.items()]
    return " ".join(["facezoo train", card.recipe.name, *settings])


def _teacher(card):
    """Who taught a network, and where that network is."""
    recipe = card.recipe
    if not recipe.teacher:
        return ""
    taken = ", not shipped any more: take a run of the same recipe as RUN below"
    names = [f"`{name}`{taken if name in _gone(card) else ''}" for name in recipe.teachers]
    return (
        f" It learnt {1 - recipe.teacher_share:.0%} from the labels and {recipe.teacher_share:.0%} "
        f"from the answers of {'; '.join(names)}."
    )


def _gone(card):
    """The teachers that are not shipped, or not any more."""
    builders = {name.partition(".")[0] for name in list_weights()}  # stand for their defaults
    return [name for name in card.recipe.teachers if name not in {*list_weights(), *builders}]


def _calibration(card):
    before, after = card.metrics["uncalibrated"]["test"], card.metrics["test"]
    return (
        f"Temperature {card.temperature:.3f}, folded into the last layer. On test pictures the "
        f"expected calibration error is {before['ece']:.3f} before and {after['ece']:.3f} after, "
        f"the log loss {before['log_loss']:.3f} and {after['log_loss']:.3f}."
    )


def _figures(name, one):
    if "refused" in one:
        return name, "-", "-", "-"
    return name, f"{one['accuracy']:.3f}", _interval(one), f"{one['macro_f1']:.3f}"


def _error(one):
    return f"{one['ece']:.3f}" if "ece" in one else "-"


def _known(name, one):
    subjects = one.get("subjects")
    by_subject = (
        f"by subject {subjects['mean']:.3f} ± {subjects['std']:.3f} ({subjects['n']} people)"
        if subjects
        else ""
    )
    counted = f"{one['n']:,} pictures" if "n" in one else ""
    if counted and one["n"] < PART * get_spec(name).published:
        counted += f" (the published set has {get_spec(name).published:,})"
    return "; ".join(filter(None, (counted, by_subject, one.get("note"), one.get("refused"))))


def _interval(figures):
    low, high = figures["accuracy_interval"]
    return f"{low:.3f} to {high:.3f}"
