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
        builder_args={"filters": [8, 16], "batch_norm": True, "dropout": 0.0},
        dataset="synthetic",
        target="expression",
        augmentation=Augmentation(flip=True),
        schedule=Schedule(kind="cosine"),
        batch_size=32,
        epochs=12,
    ),
}
