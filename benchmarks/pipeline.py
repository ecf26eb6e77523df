"""Pictures a second through the augmenting pipeline, beside what Keras offers.

    python benchmarks/pipeline.py [--json FILE] [--pictures 16384] [--rounds 5]

All three flip, rotate, shear, zoom and shift 48x48x1 pictures in batches of 128, in the same
ranges, shuffled, with prefetch(2):
    facezoo: `make_pipeline`, one matrix and one resampling;
    keras layers: five preprocessing layers, one after the other, on batches in tf.data;
    ImageDataGenerator: Keras' old generator, picture by picture in Python.
One process, contenders in turn, a fresh iterator a sample; the first round warms up and is
not counted. Ratios are taken within a round, since the speed of a shared machine wanders.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import statistics
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from facezoo.augment import Augmentation
from facezoo.backend import processor
from facezoo.datasets.base import Split
from facezoo.labels import EXPRESSION_7
from facezoo.pipeline import make_pipeline

BATCH = 128
RANGES = Augmentation(flip=True, rotate=15, shear=10, zoom=0.1, shift=0.1)
AIMS = {"keras layers": 4, "ImageDataGenerator": 10}  # how many times faster facezoo is to be


def facezoo_data(images, labels):
    """`make_pipeline`: uint8 out."""
    split = Split(images, labels, None, EXPRESSION_7)
    return make_pipeline(split, BATCH, augmentation=RANGES, shuffle=True)


def layers_data(images, labels):
    """Five Keras layers on batches: float32 out."""
    options = {"fill_mode": "nearest"}
    chain = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(RANGES.rotate / 360, **options),
            keras.layers.RandomShear(x_factor=math.tan(math.radians(RANGES.shear)), **options),
            keras.layers.RandomZoom(RANGES.zoom, **options),
            keras.layers.RandomTranslation(RANGES.shift, RANGES.shift, **options),
        ]
    )

    def augment(batch, classes):
        return chain(tf.cast(batch, tf.float32), training=True), classes

    data = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images)).batch(BATCH)
    return data.map(augment, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def generator_data(images, labels):
    """Keras' ImageDataGenerator: float32 out."""
    generator = ImageDataGenerator(
        horizontal_flip=True,
        rotation_range=RANGES.rotate,
        shear_range=RANGES.shear,
        zoom_range=RANGES.zoom,
        width_shift_range=RANGES.shift,
        height_shift_range=RANGES.shift,
        fill_mode="nearest",
    )

    def epoch():
        flow = generator.flow(images, labels, batch_size=BATCH)
        for i in range(len(flow)):
            yield flow[i]

    specs = (
        tf.TensorSpec((None, *images.shape[1:]), tf.float32),
        tf.TensorSpec((None,), tf.int64),
    )
    return tf.data.Dataset.from_generator(epoch, output_signature=specs).prefetch(2)


def pictures_per_second(data):
    """Iterate once, from a fresh iterator to its end."""
    start, pictures = time.perf_counter(), 0
    for _, labels in data:
        pictures += len(labels)
    return pictures / (time.perf_counter() - start)


def measure(pictures, rounds):
    """Return {contender: [pictures a second, a round each]}."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (pictures, 48, 48, 1), np.uint8)
    labels = rng.integers(0, 7, pictures)
    contenders = {
        "facezoo": facezoo_data(images, labels),
        "keras layers": layers_data(images, labels),
        "ImageDataGenerator": generator_data(images, labels),
    }
    rates = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, data in contenders.items():
            rate = pictures_per_second(data)
            if turn:
                rates[name].append(rate)
    return rates


def summarise(rates):
    """Return medians, extremes and facezoo's median ratio to each contender."""
    rows = {}
    for name, values in rates.items():
        ratios = [ours / other for ours, other in zip(rates["facezoo"], values, strict=True)]
        rows[name] = {
            "pictures_per_second": round(statistics.median(values)),
            "lowest": round(min(values)),
            "highest": round(max(values)),
            "facezoo_is_faster_by": round(statistics.median(ratios), 2),
            "aim": AIMS.get(name),
        }
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures here")
    parser.add_argument("--pictures", type=int, default=16384)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    result = {
        "hardware": processor(),
        "date": datetime.date.today().isoformat(),
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
        "rounds": arguments.rounds,
        "contenders": summarise(measure(arguments.pictures, arguments.rounds)),
    }
    print(f"{result['hardware']}, {result['date']}, {arguments.rounds} rounds, batch {BATCH}")
    print(f"{'48x48x1, five motions':24}{'pictures/s':>12}{'range':>18}{'facezoo':>10}{'aim':>6}")
    for name, row in result["contenders"].items():
        spread = f"{row['lowest']}-{row['highest']}"
        aim = f"{row['aim']}x" if row["aim"] else ""
        ratio = f"{row['facezoo_is_faster_by']}x"
        print(f"{name:24}{row['pictures_per_second']:>12}{spread:>18}{ratio:>10}{aim:>6}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
