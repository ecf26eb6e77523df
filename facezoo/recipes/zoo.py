"""The weights that facezoo ships: one recipe for every network of `facezoo weights`.

What a network of 48x48 gray faces wants, whatever its size: pictures mirrored, turned, moved,
enlarged and partly covered; a rate that rises for three epochs and falls as a cosine; softened
labels; weight decay; and the moving average of the weights in place of the last ones. A seeded
tenth of FER2013's Training chooses the epoch and fits the temperature; PublicTest
chooses nothing.

`mini_xception`, the field's baseline, and LeNet-5, the floor, get the same recipe, so that what
differs is the network.

`-taught` learns half from the labels and half from the answers of `facezoo_base.fer2013-v1`,
which soften the label of a picture that carries a wrong one. That network knows the same training
pictures and no other, so its pupils draw their parts by its seed. Four facezoo_bases taught so, by
it or by two networks, had a lower log loss than the first and were right as often, within the
spread of seeds (docs/weights.md), so that the shipped one was taught by labels alone.

Twice the covering, lighter and darker pictures, mixed ones, 80 epochs in place of 60, and a block
more in each of the first three stages with a faster decay gave facezoo_base a lower log loss too,
and no more right answers (docs/weights.md).

`-ferplus` learns the votes of FER+'s ten annotators; no other recipe
sees them. LeNet-5 for CMU's pose and eyes is study A's own recipe, in `cmu.py`.

Command: facezoo train facezoo-base-fer2013
"""

import dataclasses

from facezoo.augment import Augmentation
from facezoo.recipes.base import Recipe, Schedule

SMALL = Recipe(
    name="facezoo-small-fer2013",
    summary="facezoo_small for seven expressions",
    builder="facezoo_small",
    dataset="fer2013",
    target="expression",
    protocol="public",
    augmentation=Augmentation(flip=True, rotate=12, zoom=0.12, shift=0.08, erase=0.1),
    label_smoothing=0.1,
    optimizer="adamw",
    optimizer_args={"weight_decay": 0.02},
    learning_rate=0.003,
    schedule=Schedule(kind="cosine", warmup_epochs=3),
    ema=0.998,
    batch_size=128,
    epochs=60,
    monitor="val_accuracy",
    precision="mixed_bfloat16",
)


def _network(name, builder, summary, **changes):
    return dataclasses.replace(SMALL, name=name, builder=builder, summary=summary, **changes)


BASE = _network("facezoo-base-fer2013", "facezoo_base", "facezoo_base for seven expressions")
TAUGHT = {"teacher": "facezoo_base.fer2013-v1", "label_smoothing": 0.0, "split_seed": 0}
RECIPES = {
    recipe.name: recipe
    for recipe in (
        SMALL,
        BASE,
        _network(
            "facezoo-small-fer2013-taught",
            "facezoo_small",
            "facezoo_small, taught by facezoo_base",
            **TAUGHT,
        ),
        _network(
            "facezoo-base-fer2013-taught",
            "facezoo_base",
            "facezoo_base, taught by one trained before it",
            **TAUGHT,
        ),
        _network(
            "mini-xception-fer2013", "mini_xception", "The field's baseline, by the same recipe"
        ),
        _network("lenet5-fer2013", "lenet5", "LeNet-5, the floor, by the same recipe"),
        dataclasses.replace(
            BASE,
            name="facezoo-base-ferplus",
            summary="facezoo_base for eight expressions, from the votes of FER+",
            dataset="ferplus",
            target="votes",
            label_smoothing=0.0,  # votes are soft already
        ),
    )
}
