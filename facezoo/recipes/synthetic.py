"""Recipes on drawn faces: they need no download, so demos and first steps use them.

Cost: under a minute on two cores. Command: facezoo train synthetic-lenet5-expression
"""

from facezoo.augment import Augmentation
from facezoo.recipes.base import Recipe, Schedule

RECIPES = {
    "synthetic-lenet5-expression": Recipe(
        name="synthetic-lenet5-expression",
        summary="LeNet-5 on drawn faces of people it has not met: seven expressions",
        builder="lenet5",
        builder_args={"filters": [16, 32], "dropout": 0.2},
        dataset="synthetic",
        target="expression",
        augmentation=Augmentation(flip=True, rotate=5, zoom=0.05, shift=0.05),
        schedule=Schedule(kind="cosine"),
        learning_rate=0.002,
        batch_size=64,
        epochs=10,
    ),
}
