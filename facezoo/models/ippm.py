"""The pyramid pooling module of study B, which is a set of parallel convolutions.

Source: study B calls it Inception Pyramid Pooling Module, its source Inverted Pyramid
Pooling Module (Haque et al. 2024, NeuroNet19, doi 10.1038/s41598-024-51867-1):
F_i = Conv_ki(MaxPool_si(UpSample_si(I))), the levels joined, 128 filters each.

Nearest-neighbour upsampling by s writes every value s x s times; max pooling of size and
stride s takes the maximum of those equal values. The two give back their input exactly,
so a level is its convolution alone, and the default leaves the detour out.

Factors, kernel sizes and the way of joining are given nowhere: (1, 2, 4), (1, 3, 5) and
concatenation are our choice. So is the ReLU: without one the levels, the average over
the picture and the classifier would all be linear, and nothing would be gained.
"""

import math

import keras
from keras import layers, ops

from facezoo.errors import FacezooError


@keras.saving.register_keras_serializable(package="facezoo")
class InceptionPyramidPooling(layers.Layer):
    """Parallel levels of upsampling, max pooling and convolution, concatenated.

    Args:
        filters: of the convolution of each level.
        factors: by which each level upsamples, and pools by again.
        kernel_sizes: of the convolution of each level, as many as factors.
        activation: after each convolution; None for the bare formula.
        literal: True computes upsampling and pooling; False, the default, leaves them
            out, which gives the same numbers from the same weights.
        **kwargs: of `keras.layers.Layer`.

    Input and output: (batch, h, w, c) -> (batch, h, w, levels * filters).

    Raises:
        FacezooError: not one kernel size a factor, or a factor below 1.
    """

    def __init__(
        self,
        filters=128,
        factors=(1, 2, 4),
        kernel_sizes=(1, 3, 5),
        *,
        activation="relu",
        literal=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(factors) != len(kernel_sizes) or min(factors, default=0) < 1:
            raise FacezooError(
                f"Got factors={tuple(factors)} and kernel_sizes={tuple(kernel_sizes)}; expected "
                "as many of one as of the other, factors of 1 or more. Give each level both."
            )
        self.filters = filters
        self.factors = tuple(factors)
        self.kernel_sizes = tuple(kernel_sizes)
        self.activation = activation
        self.literal = literal
        policy = self.dtype_policy
        self.convolutions = [
            layers.Conv2D(filters, size, padding="same", activation=activation, dtype=policy)
            for size in kernel_sizes
        ]
        self.upsamplings = [layers.UpSampling2D(factor, dtype=policy) for factor in factors]
        self.poolings = [layers.MaxPooling2D(factor, dtype=policy) for factor in factors]

    def build(self, input_shape):
        """Make the weights of every level; they do not depend on `literal`."""
        for convolution in self.convolutions:
            convolution.build(input_shape)
        self.built = True

    def call(self, x):
        """(batch, h, w, c) -> (batch, h, w, levels * filters)."""
        levels = []
        for i, convolution in enumerate(self.convolutions):
            detour = self.poolings[i](self.upsamplings[i](x)) if self.literal else x
            levels.append(convolution(detour))
        return ops.concatenate(levels, axis=-1)

    def compute_output_shape(self, input_shape):
        """Shape of the input -> shape of the output."""
        return (*input_shape[:-1], self.filters * len(self.factors))

    def multiply_adds(self, input_shape):
        """(h, w, c) -> those of the convolutions; upsampling and pooling have none."""
        kernels = sum(math.prod(convolution.kernel.shape) for convolution in self.convolutions)
        return math.prod(input_shape[:2]) * kernels

    def get_config(self):
        """Return the arguments, ready for JSON."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "factors": list(self.factors),
            "kernel_sizes": list(self.kernel_sizes),
            "activation": self.activation,
            "literal": self.literal,
        }
