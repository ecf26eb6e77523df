"""Study E (Facex_1): a CNN of its own, VGG16 and EfficientNetB0 on FER2013.

Reported on all 7,178 of `test/`, which were its validation pictures: CNN 0.60, VGG16 0.64,
EfficientNetB0 0.25 (it answers "happy" for everything: its pixels were scaled twice). Its lower
rate on a plateau and its early stopping watched a figure that does not exist, so neither ever
acted: 65 epochs at a constant rate, the last weights kept. Here a tenth of Training selects the
epoch, which leaves 202 of the study's 224 steps an epoch, and PublicTest tests.

VGG16 and EfficientNetB0 start from ImageNet's weights with their last 8 and 25 layers
trainable, which Keras downloads once. Without a connection train them from scratch: --set
builder_args.weights=null --set builder_args.trainable_layers=null. Differs: each gets the
scaling that it was trained with, where the study gave 0-1 to both; a zoom is the same for both
axes; the CNN and VGG16 compute in bfloat16, for processors that have units for it (elsewhere
`--set precision=float32`).

Command: facezoo train facex-cnn
"""

import dataclasses

from facezoo.augment import Augmentation
from facezoo.recipes.base import Recipe
from facezoo.recipes.plus import plus

CNN = Recipe(
    name="facex-cnn",
    summary="Study E's own CNN, four normalised blocks",
    builder="facex_cnn",
    dataset="fer2013",
    target="expression",
    protocol="public",
    augmentation=Augmentation(flip=True, rotate=20, zoom=0.15, shift=0.2, shear=0.15),
    optimizer="rmsprop",
    learning_rate=0.0001,
    batch_size=128,
    epochs=65,
    precision="mixed_bfloat16",
    reported="accuracy 0.60, macro F1 0.53 on validation pictures",
)
EFFICIENTNET = dataclasses.replace(
    CNN,
    name="facex-efficientnetb0",
    summary="EfficientNetB0 with the scaling that it was trained with",
    builder="facex_efficientnetb0",
    builder_args={"weights": "imagenet", "trainable_layers": 25},
    optimizer="adam",
    learning_rate=0.001,
    precision="float32",  # its depthwise convolutions are slower in bfloat16 on processors
    reported="",
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        CNN,
        dataclasses.replace(
            CNN,
            name="facex-vgg16",
            summary="VGG16 on ImageNet's weights, the last 8 layers trainable",
            builder="facex_vgg16",
            builder_args={"weights": "imagenet", "trainable_layers": 8},
            learning_rate=0.001,
            reported="accuracy 0.64, macro F1 0.61 on validation pictures",
        ),
        EFFICIENTNET,
        dataclasses.replace(
            EFFICIENTNET,
            name="facex-efficientnetb0-collapsed",
            summary="The study's mistake, rebuilt on purpose: pixels scaled twice",
            builder_args={**EFFICIENTNET.builder_args, "double_rescale": True},
            reported="accuracy 0.25: happy for everything",
        ),
        # The same network, pictures and batch; half the epochs, within which the rate falls to
        # zero. No dropout: in so few epochs normalisation and augmentation do its work.
        plus(
            CNN,
            "Improved: the CNN with AdamW, cosine, milder shifts, no dropout, EMA",
            builder_args={"dropout": 0.0},
            epochs=32,
            augmentation=Augmentation(flip=True, rotate=12, zoom=0.12, shift=0.08, erase=0.1),
            learning_rate=0.001,
            ema=0.995,
        ),
    )
}
