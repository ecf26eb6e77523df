"""Study D: four CNNs on FER2013, and whether max pooling beats average pooling.

Reported (two runs): base with max pooling 0.568 / 0.450, with average pooling 0.470 / 0.370,
strong 0.437 / 0.538, strongest 0.590 / 0.608 (the second run with another hidden layer of 4,096
and less dropout). The study trained on all 28,709 Training
pictures for 20 epochs, kept the last weights and tested on all 7,178 of `test/`. Here a tenth
of Training selects the epoch and PublicTest tests (`--set protocol=kaggle` for all of
`test/`), and the first weights are Keras' (uniform Glorot). The strongest network computes in
bfloat16, for processors that have units for it; elsewhere `--set precision=float32`.

Command: facezoo train pooling-base-max
"""

import dataclasses

from facezoo.augment import Augmentation
from facezoo.recipes.base import Recipe
from facezoo.recipes.plus import plus

BASE = Recipe(
    name="pooling-base-max",
    summary="Two 5x5 convolutions with max pooling",
    builder="pooling_base",
    builder_args={"pooling": "max"},
    dataset="fer2013",
    target="expression",
    protocol="public",
    optimizer="sgd",
    learning_rate=0.01,
    batch_size=32,
    epochs=20,
    reported="accuracy 0.568 and 0.450",
)
STRONG = dataclasses.replace(
    BASE,
    name="pooling-strong",
    summary="Three 3x3 convolutions with max pooling",
    builder="pooling_strong",
    builder_args={},
    reported="accuracy 0.437 and 0.538",
)
STRONGEST = dataclasses.replace(
    BASE,
    name="pooling-strongest",
    summary="Four 3x3 convolutions, normalised, with dropout",
    builder="pooling_strongest",
    builder_args={},
    precision="mixed_bfloat16",
    reported="accuracy 0.590",
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        BASE,
        dataclasses.replace(
            BASE,
            name="pooling-base-average",
            summary="Two 5x5 convolutions with average pooling",
            builder_args={"pooling": "average"},
            reported="accuracy 0.470 and 0.370",
        ),
        STRONG,
        STRONGEST,
        # The same pictures. A tenth of the strongest network's multiplications for four times
        # its epochs: two fifths of the computing.
        plus(
            STRONG,
            "Improved: the strong network with AdamW, cosine, augmentation, EMA, 80 epochs",
            augmentation=Augmentation(flip=True, rotate=10, zoom=0.1, shift=0.08),
            learning_rate=0.001,
            batch_size=128,
            epochs=80,
            ema=0.995,
        ),
    )
}
