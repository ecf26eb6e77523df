"""A card for every shipped network, from the manifest."""

import json
import shlex
import statistics

from pages import changes

from facezoo.datasets import get_spec
from facezoo.report import MEASURES
from facezoo.tables import markdown_table
from facezoo.weights import list_weights

WRITTEN = "<!-- Written by python benchmarks/weights.py; do not edit. -->"
USE = """Telling how faces in pictures look, for counting, searching and playing, where a wrong
answer hurts nobody. A label says what annotators would call the look of a face in a picture. It
does not say what a person feels, thinks, intends or is, and must not be used to judge, sort or
watch people. The pictures are of whoever was found on the web or posed in a laboratory: age, skin,
sex and culture are not evenly represented and not recorded, so nobody knows how much worse the
network is for those who are missing. Posed and acted faces are louder than those of daily life."""
EXAMPLE = """An example of a small task that a small network solves, for teaching. It learnt from
whole photographs of a few people's head and shoulders in one room: `facezoo predict --detector
whole` gives it such; faces that a frontal cascade cuts out are no pictures of its kind. It must not
be used to judge, sort or watch people."""
OPENED = {  # by kind of file
    "keras": "`facezoo.load_model`, in Keras",
    "onnx": "`facezoo.Recognizer` and `facezoo predict`, on onnxruntime",
    "onnx-int8": "`facezoo.OnnxNetwork`, by its path; slower where a processor lacks 8-bit units",
}


def card_page(card):
    """Return a card as Markdown; its two figures lie beside it."""
    test = card.metrics["test"]
    height, width, channels = card.input_shape
    paragraphs = [
        WRITTEN,
        f"# {card.name}",
        f"`{card.recipe.builder}` for {width}x{height} pixels, {'gray' if channels == 1 else 'RGB'}"
        f"; {len(card.label_set)} classes: {', '.join(card.label_set.classes)}. Accuracy "
        f"{test['accuracy']:.3f} ({interval(test)}) on {test['n']:,} pictures of "
        f"{card.protocol}, macro F1 {test['macro_f1']:.3f}.{_majority(card)}{_seeds(card)}",
        "## What it is for, and what not",
        EXAMPLE if card.recipe.dataset == "cmu_faces" else USE,
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
        f"The same test pictures, spoilt (`facezoo.robustness`); {trained_for([card])}.",
        markdown_table(
            ("pictures", "accuracy", "95 % interval", "macro F1", "calibration error"),
            [_figures(how, one) for how, one in card.metrics["spoilt"].items()],
        ),
    ]
    others = card.metrics.get("elsewhere", {})
    if others:
        paragraphs += [
            "## Other pictures",
            "All pictures at hand of sets that trained nothing, by the names of their classes.",
            markdown_table(
                ("data", "accuracy", "95 % interval", "macro F1", "calibration error", "to know"),
                [(*_figures(name, one), _known(name, one)) for name, one in others.items()],
            ),
        ]
    return "\n\n".join(paragraphs) + "\n"


def trained_for(cards):
    """What the trainings had of the faults."""
    covered, bright = (
        min(getattr(card.recipe.augmentation, fault, 0) for card in cards)  # 0 without any
        for fault in ("erase", "brightness")
    )
    known = [f"covered up to {covered:.0%} of a picture"] if covered else []
    known += [f"changed the brightness of pictures by up to {bright:.0%}"] if bright else []
    if known:
        return f"training {' and '.join(known)}, and knew none of the other faults"
    return "nothing was trained for it"


def mean_of_seeds(card):
    """Mean test accuracy of a card's seeds, and its standard deviation."""
    tested = [row["test"]["accuracy"] for row in card.metrics["seeds"]]
    return f"{statistics.mean(tested):.3f} ± {statistics.stdev(tested):.3f}"


def _majority(card):
    """What a network of votes comes to against one label a picture, as others report it."""
    one = card.metrics.get("majority")
    if one is None:
        return ""
    return (
        f" Against the label of the majority, where there is one: {one['accuracy']:.3f} "
        f"({interval(one)}) on {one['n']:,}."
    )


def _seeds(card):
    """What the same training came to with other seeds."""
    rows = card.metrics.get("seeds")
    if not rows:
        return ""
    each = ", ".join(f"{row['test']['accuracy']:.3f} of seed {row['seed']}" for row in rows)
    return (
        f" Mean over {len(rows)} seeds: {mean_of_seeds(card)} ({each}, as trained); these "
        "weights are of the one with the highest validation accuracy."
    )


def _made(card):
    recipe, facts = card.recipe, card.facts
    spec, made = get_spec(recipe.dataset), facts["trained"]
    free = facts["license"].startswith("CC BY 4.0")
    unsettled = "" if free else "; what it allows of weights that learnt from them is not settled"
    return (
        f"Trained on {spec.title} under `{card.protocol}`, target `{recipe.target}`, by the recipe "
        f"`{recipe.name}`, seed {facts['seed']}, {facts['epochs']} epochs, on "
        f"{made['processor']}, Keras {made['keras']} on {made['backend']}, {made['date'][:10]}; "
        f"released at commit {facts['commit']}.{_teacher(card)} Validation pictures chose the "
        f"epoch and the temperature. The pictures' licence: {facts['license']}{unsettled}; "
        f"see {spec.page}."
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
    changed = changes(card.recipe)
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
        f"the log loss {before['log_loss']:.3f} and {after['log_loss']:.3f}.{_of_votes(card)}"
    )


def _of_votes(card):
    """Why a temperature that was fitted to votes may not lower an error that knows one label."""
    if card.recipe.target != "votes":
        return ""
    return (
        " The temperature is fitted to the shares of the annotators' votes, which are less sure "
        "than the one label that these errors are measured against."
    )


def _figures(name, one):
    if "refused" in one:
        return name, "-", "-", "-", "-"
    accuracy, f1, error = (f"{one[key]:.3f}" for key in ("accuracy", "macro_f1", "ece"))
    return name, accuracy, interval(one), f1, error


def _known(name, one):
    subjects = one.get("subjects")
    by_subject = (
        f"by subject {subjects['mean']:.3f} ± {subjects['std']:.3f} ({subjects['n']} people)"
        if subjects
        else ""
    )
    counted, spec = f"{one['n']:,} pictures" if "n" in one else "", get_spec(name)
    if counted and not spec.is_whole(one["n"]):
        counted += f" (the published set has {spec.published:,})"
    return "; ".join(filter(None, (counted, by_subject, one.get("note"), one.get("refused"))))


def interval(figures):
    low, high = figures["accuracy_interval"]
    return f"{low:.3f} to {high:.3f}"
