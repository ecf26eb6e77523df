"""Study C: a small CNN on Expression in-the-Wild (ExpW).

Reported: 0.5017 on its validation pictures, after training on 29,000 with 1,000 held back;
"happy" good, "disgust" and "fear" bad. No width is published (ours: 32, 64, dense 128, dropout
0.5). The study augmented its pictures and does not say how: `expw-cnn` does not, `expw-plus`
does, with the random occlusion and brightness that the study wished for. Here no photograph is
in two parts, a tenth selects the epoch, and the test part is opened once.

Command: facezoo train expw-cnn
"""

from facezoo.augment import Augmentation
from facezoo.recipes.base import Recipe
from facezoo.recipes.plus import plus

CNN = Recipe(
    name="expw-cnn",
    summary="Two convolutions and a hidden layer",
    builder="expw_cnn",
    dataset="expw",
    target="expression",
    protocol="grouped",
    optimizer="adam",
    learning_rate=0.001,
    batch_size=32,
    epochs=50,
    reported="accuracy 0.5017 on validation pictures",
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        CNN,
        # The same network, pictures, batch and epochs.
        plus(
            CNN,
            "Improved: occlusion, brightness, moved pictures, AdamW, cosine, EMA",
            augmentation=Augmentation(
                flip=True, rotate=10, zoom=0.1, shift=0.08, brightness=0.2, erase=0.15
            ),
            optimizer_args={"weight_decay": 0.02},
            ema=0.99,
            class_weight="balanced",
        ),
    )
}
