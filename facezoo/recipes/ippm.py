"""Study B: VGG19, MobileNetV3Small and ResNet50 on AffectNet, and a pyramid pooling module.

Reported: VGG19 0.4120, MobileNetV3Small 0.4247, ResNet50 0.4729, ResNet50 with the module
0.5269, on about 28,000 pictures that flips, rotations, shears and zooms made 50,000 (781 steps
of 64); at most 50 epochs, patience 5, learning rate 0.001.

The study names neither optimizer nor ranges nor head, and does not say whether its backbones
were pretrained or frozen: Adam, mild ranges, one dense layer and training everything from
scratch are our choice. So is bfloat16, for processors that have units for it (elsewhere `--set
precision=float32`), but for MobileNetV3Small, whose depthwise convolutions it slows. With
ImageNet's weights: --set builder_args.weights=imagenet. The pictures are augmented anew in every
epoch instead of once, so that an epoch has as many steps as there are batches of pictures, some
400 where the study's had 781.

AffectNet is given out on request; on another data set: facezoo train ippm-resnet50 --dataset
fer2013, and the order of the four networks is then the thing to compare.
"""

import dataclasses

from facezoo.augment import Augmentation
from facezoo.recipes.base import Recipe
from facezoo.recipes.plus import plus

VGG19 = Recipe(
    name="ippm-vgg19",
    summary="VGG19 with global average pooling",
    builder="vgg19",
    dataset="affectnet",
    target="expression-8",
    protocol="random",
    augmentation=Augmentation(flip=True, rotate=15, shear=10, zoom=0.15),
    optimizer="adam",
    learning_rate=0.001,
    batch_size=64,
    epochs=50,
    patience=5,
    precision="mixed_bfloat16",
    reported="accuracy 0.4120 on AffectNet",
)


def _network(name, builder, summary, reported, **changes):
    return dataclasses.replace(
        VGG19, name=name, builder=builder, summary=summary, reported=reported, **changes
    )


RESNET50_IPPM = _network(
    "ippm-resnet50-ippm",
    "resnet50_ippm",
    "ResNet50 with the pyramid module",
    "accuracy 0.5269 on AffectNet",
)
RECIPES = {
    recipe.name: recipe
    for recipe in (
        VGG19,
        _network(
            "ippm-mobilenetv3small",
            "mobilenetv3_small",
            "MobileNetV3Small",
            "accuracy 0.4247 on AffectNet",
            precision="float32",
        ),
        _network("ippm-resnet50", "resnet50", "ResNet50", "accuracy 0.4729 on AffectNet"),
        RESNET50_IPPM,
        # The same network and pictures; all of the 50 epochs that the study allowed.
        plus(
            RESNET50_IPPM,
            "Improved: ResNet50 with the module, AdamW, cosine, EMA, balanced classes",
            augmentation=Augmentation(flip=True, rotate=12, shear=5, zoom=0.12, shift=0.08),
            class_weight="balanced",
            ema=0.999,
            patience=None,
        ),
    )
}
