"""Kernels that TensorFlow trains quicker with than with those that Keras takes.

A layer stays Keras' own, and so does what it computes, but for rounding, and what is saved of it.
`benchmarks/kernels.py` measures what each is worth.
"""

import functools

import keras

from facezoo import backend

VECTOR = 16  # channels that a processor takes at once; the kernels want whole ones
SMALL = 36  # places of a map up to which a matrix product is the quicker gradient of a kernel


def quicken(model):
    """Give a model's layers quicker kernels for training, on processors and TensorFlow alone.

    Batch normalisation, which Keras composes of a dozen operations in float32, each a pass over
    the maps, is one operation, also in bfloat16. The gradient of a bfloat16 convolution's kernel
    over small maps is a matrix product, for oneDNN takes one row of a map after another and fills
    a fifth of what the processor multiplies at once.

    Args:
        model: Keras model, before it is compiled; layers inside layers are gone into.
    """
    if keras.backend.backend() != "tensorflow" or backend.jit_compile_default() is not False:
        return  # XLA, which GPUs train with, makes kernels of its own
    for layer in model._flatten_layers():  # `layers` lacks those inside layers
        if type(layer) is keras.layers.BatchNormalization and _fusible(layer):
            layer.call = functools.partial(_normalize, layer)
        elif type(layer) is keras.layers.Conv2D and _plain(layer):
            layer.convolution_op = functools.partial(_convolve, layer)


def _fusible(layer):
    if not layer.built:
        return False
    plain = layer.scale and layer.center and not (layer.renorm or layer.synchronized)
    maps = layer.input_spec.ndim == 4 and layer.axis in (-1, 3)
    kept = layer.variable_dtype == "float32" and layer.compute_dtype != "float64"
    return plain and maps and kept and layer.gamma.shape[0] % VECTOR == 0


def _plain(layer):
    ordinary = layer.groups == 1 and layer.strides == layer.dilation_rate == (1, 1)
    return ordinary and layer.data_format == "channels_last" and layer.compute_dtype == "bfloat16"


def _normalize(layer, inputs, training=None, mask=None):
    """Stand in for the `call` of a `BatchNormalization` over (batch, h, w, c)."""
    if not training or not layer.trainable or mask is not None:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    import tensorflow as tf

    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=layer.gamma,
        offset=layer.beta,
        mean=[],
        variance=[],
        epsilon=layer.epsilon,
    )
    count = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
    variance *= (count - 1) / count  # Keras keeps the batch's own, without Bessel's correction
    for kept, found in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        kept.assign(kept * layer.momentum + found * (1 - layer.momentum))
    return outputs


def _convolve(layer, inputs, kernel):
    """Stand in for `convolution_op`: (batch, h, w, c) and (k, l, c, d) -> (batch, h', w', d)."""
    height, width, channels = inputs.shape[1:]
    if None in (height, width) or height * width > SMALL or channels < VECTOR:
        return type(layer).convolution_op(layer, inputs, kernel)
    import tensorflow as tf

    padding = layer.padding.upper()

    @tf.custom_gradient
    def convolve(inputs, kernel):
        outputs = tf.nn.conv2d(inputs, kernel, 1, padding)

        def gradient(upstream):
            of_inputs = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(inputs),
                filter=kernel,
                out_backprop=upstream,
                strides=[1, 1, 1, 1],
                padding=padding,
            )
            upstream = tf.ensure_shape(upstream, outputs.shape)
            return of_inputs, _kernel_gradient(inputs, upstream, kernel.shape, padding)

        return outputs, gradient

    return convolve(inputs, tf.convert_to_tensor(kernel))


def _kernel_gradient(inputs, upstream, shape, padding):
    """Multiply what each place of the kernel saw, (places of maps, k * l * c), by `upstream`.

    `tf.image.extract_patches` gathers the same, slower than slices do.
    """
    import tensorflow as tf

    high, wide, channels, filters = shape
    if padding == "SAME":
        around = [[0, 0], *([(side - 1) // 2, side // 2] for side in (high, wide)), [0, 0]]
        inputs = tf.pad(inputs, around)
    rows, columns = upstream.shape[1:3]
    seen = [
        tf.reshape(inputs[:, y : y + rows, x : x + columns], (-1, channels))
        for y in range(high)
        for x in range(wide)
    ]
    upstream = tf.reshape(upstream, (-1, filters))
    return tf.reshape(tf.matmul(tf.concat(seen, 1), upstream, transpose_a=True), shape)
