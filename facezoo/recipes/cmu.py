"""Study A: LeNet-5 on CMU Face Images.

Reported: expression ~0.85 accuracy, `mitchell` ~0.90 precision; no split, no trial and no
number of filters is published. The study names its search space (learning rate, batch
size, filters, dropout, optimizer) and these recipes start inside it; what the study
"modified" in LeNet-5 is ours to choose and said in `facezoo.models.lenet5`; so are the rate's
cosine and the augmentation, of which it names none.

The default protocol is `random80`: photographs of one size. The study's ~0.85 for
expression is what remembering photographs gives under `all-sizes` (`--set
protocol=all-sizes`), where smaller copies of the tested ones are in training: the README
has all protocols side by side.

Cost: one to two minutes each on two cores. Command: facezoo train cmu-lenet5-pose
"""

import dataclasses

from facezoo.augment import Augmentation
from facezoo.recipes.base import Recipe, Schedule
from facezoo.recipes.plus import plus
from facezoo.recipes.space import Space

# Heads are roughly centred in these photographs; ranges are our choice, small enough to
# keep every label. A mirrored face turns pose left into right, so pose is never flipped.
UPRIGHT = Augmentation(rotate=5, shear=3, zoom=0.05, shift=0.05, brightness=0.1)
MIRRORED = dataclasses.replace(UPRIGHT, flip=True)

POSE = Recipe(
    name="cmu-lenet5-pose",
    summary="LeNet-5 tells the pose: left, right, straight, up",
    builder="lenet5",
    builder_args={"filters": [8, 16], "batch_norm": True, "dropout": 0.2},
    dataset="cmu_faces",
    target="pose",
    protocol="random80",
    augmentation=UPRIGHT,
    optimizer="adam",
    learning_rate=0.001,
    schedule=Schedule(kind="cosine"),
    batch_size=16,
    epochs=50,  # by validation, mostly of people left out: 25 were too few
)
EXPRESSION = dataclasses.replace(
    POSE,
    name="cmu-lenet5-expression",
    summary="LeNet-5 tells the expression: neutral, happy, sad, angry",
    target="expression",
    augmentation=MIRRORED,
    epochs=25,
    reported="accuracy ~0.85",
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        POSE,
        EXPRESSION,
        dataclasses.replace(
            POSE,
            name="cmu-lenet5-eyes",
            summary="LeNet-5 tells open eyes from sunglasses",
            target="eyes",
            augmentation=MIRRORED,
        ),
        dataclasses.replace(
            POSE,
            name="cmu-lenet5-identity",
            summary="LeNet-5 tells 20 people apart, a textbook task",
            target="identity",
            augmentation=MIRRORED,
            epochs=25,
        ),
        dataclasses.replace(
            POSE,
            name="cmu-lenet5-mitchell",
            summary="LeNet-5 tells the user id mitchell from the rest, a textbook task",
            target="is:mitchell",
            augmentation=MIRRORED,
            epochs=25,
            reported="precision ~0.90",
        ),
        # The same network, pictures, batch and epochs.
        plus(
            EXPRESSION,
            "Improved: LeNet-5 with AdamW, warm-up, softer labels, EMA",
            augmentation=dataclasses.replace(MIRRORED, erase=0.1),
            ema=0.98,
        ),
    )
}

# The study names these five and their values, but no number of filters: three sizes of our
# choice, 1998's, that of the recipes above and twice as many.
STUDY_SPACE = Space.from_dict(
    {
        "learning_rate": [0.001, 0.005, 0.01],
        "batch_size": [16, 32, 64],
        "builder_args.filters": [[6, 16], [8, 16], [16, 32]],
        "builder_args.dropout": [0.2, 0.4],
        "optimizer": ["sgd", "adam", "rmsprop"],
    }
)
SPACES = {name: STUDY_SPACE for name in RECIPES if name.startswith("cmu-lenet5-")}
