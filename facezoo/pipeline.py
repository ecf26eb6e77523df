"""`Split` -> tf.data: whole batches, augmented once, the same bytes for the same arguments.

Reading is one array read a batch in ascending rows; drawing is one numpy call a batch;
resampling runs inside tf.data. Nothing depends on the number of threads.
"""

import keras
import numpy as np
import tensorflow as tf

from facezoo.augment import Draws
from facezoo.augment_layer import apply
from facezoo.batches import batch_rng, check_mixup, epoch_batches, mixed

_PREFETCH = 2  # batches waiting; more only costs memory
_PARALLEL = 2  # batches augmented at once; XLA spreads each over the cores besides


def make_pipeline(
    split, batch_size, *, augmentation=None, shuffle=False, seed=0, epoch=0, mixup=0.0
):
    """Return a tf.data set that gives one epoch of batches at each iteration.

    Iteration k is epoch `epoch + k`: an iteration counts once its last batch was handed
    out. One that stops earlier, or only looks at a batch as Keras does to build a model,
    is begun anew by the next; `fit` thus sees one epoch after the other.

    Args:
        split: `Split` of N pictures, N at least 1, in memory or memory-mapped.
        batch_size: pictures a batch; the last one may be shorter.
        augmentation: `Augmentation`, or None.
        shuffle: False for the split's own order.
        seed: whole number of 0 or more; order and draws come from (seed, epoch) alone.
        epoch: number of the first iteration's epoch.
        mixup: as for `batches.mixed`, done before the augmentation; wants labels (N, K).

    Returns:
        tf.data.Dataset of (uint8 (b, H, W, C), labels (b,) or (b, K)), of known cardinality;
        b is a fixed size if all batches are full.

    Raises:
        RecipeError: a batch size, seed or epoch that is no whole number, or too small.
        FacezooError: an empty split.
    """
    check_mixup(mixup, split)
    batches = epoch_batches(len(split), batch_size, shuffle=shuffle, seed=seed, epoch=epoch)
    size = batch_size if len(split) % batch_size == 0 else None
    names, draw_specs = _draw_specs(augmentation, split, size)

    def read(epoch):
        """Yield (epoch to come after this batch, pictures, labels, draws ...)."""
        epoch = int(epoch)
        order = epoch_batches(len(split), batch_size, shuffle=shuffle, seed=seed, epoch=epoch)
        for i, rows in enumerate(order):
            images, labels = split.images[rows], split.labels[rows]
            images, labels = mixed(images, labels, mixup, seed, epoch, i)
            draws = ()
            if names:
                rng = batch_rng(seed, epoch, i)
                drawn = augmentation.draw(*images.shape[:3], rng)
                draws = tuple(getattr(drawn, name) for name in names)
            yield epoch + (i == len(order) - 1), images, labels, *draws

    def augment(coming, images, labels, *draws):
        drawn = Draws(**dict(zip(names, draws, strict=True)))
        return coming, _apply(augmentation, images, drawn), labels

    specs = (
        tf.TensorSpec((), tf.int64),
        tf.TensorSpec((size, *split.images.shape[1:]), tf.uint8),
        tf.TensorSpec((size, *split.labels.shape[1:]), split.labels.dtype),
        *draw_specs,
    )
    with tf.device("CPU:0"):  # tf.data reads it there, whatever the model runs on
        current = tf.Variable(epoch, dtype=tf.int64, trainable=False)

    def start(_):
        return tf.data.Dataset.from_generator(
            read, output_signature=specs, args=(current.read_value(),)
        )

    def count(coming, images, labels):
        current.assign(tf.maximum(current, coming))
        return images, labels

    data = tf.data.Dataset.from_tensors(0).flat_map(_plain(start))
    if names:
        data = data.map(_plain(augment), num_parallel_calls=_PARALLEL, deterministic=True)
    # counted behind the prefetching, where only what was handed out passes
    data = data.prefetch(_PREFETCH).map(_plain(count))
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # it would run ahead of `count`
    # nothing here is left to tune, and an epoch that ends can wait a minute for the tuner's sleep
    options.autotune.enabled = False
    return data.apply(tf.data.experimental.assert_cardinality(len(batches))).with_options(options)


def _draw_specs(augmentation, split, size):
    """Names and specs of the `Draws` that an augmentation uses; none for None."""
    if augmentation is None:
        return (), ()
    drawn = augmentation.draw(1, *split.images.shape[1:3], np.random.default_rng(0))._asdict()
    used = {name: value for name, value in drawn.items() if value is not None}
    return tuple(used), tuple(
        tf.TensorSpec((size, *value.shape[1:]), tf.float32) for value in used.values()
    )


def _apply(augmentation, images, draws):
    """`apply` within tf.data, also when Keras runs on another backend."""
    if keras.backend.backend() == "tensorflow":
        return apply(augmentation, images, draws)

    def outside(images, *values):
        drawn = Draws(**dict(zip(used, values, strict=True)))
        return keras.ops.convert_to_numpy(apply(augmentation, images, drawn))

    used = {name: value for name, value in draws._asdict().items() if value is not None}
    out = tf.numpy_function(outside, [images, *used.values()], tf.uint8, stateful=False)
    return tf.ensure_shape(out, images.shape)


def _plain(function):
    """Keep AutoGraph out: nothing here branches on tensors, and it warns about lambdas."""
    return tf.autograph.experimental.do_not_convert(function)
