"""Calibration: probabilities that mean what they say, by one temperature.

Temperature scaling: Guo et al. 2017, arXiv:1706.04599. Dividing the scores under the softmax by
one number changes no answer, only how sure it is. The number is fitted on validation pictures.
"""

import keras
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from facezoo.errors import WeightsError

RANGE = (0.05, 20.0)  # of temperatures
SURE = 0.5  # standard deviation of the log temperature that is expected before any picture
TINY = float(np.finfo(np.float32).tiny)  # what a softmax that rounded to 0 is taken for


def fit_temperature(probabilities, labels):
    """Return the temperature under which the labels are likeliest.

    Few pictures say little, so that temperatures far from 1 are held to be unlikely beforehand;
    and pictures that are all answered rightly cannot tell how sure is sure enough, so that they
    never make a network surer.

    Args:
        probabilities: float (N, K), rows sum to 1, of pictures that fitted no weight.
        labels: integers (N,), or vote distributions (N, K).

    Returns:
        float in `RANGE`; above 1 for a network that was too sure of itself.
    """
    scores = np.log(np.maximum(np.asarray(probabilities, np.float64), TINY))
    labels = np.asarray(labels)
    votes = np.eye(scores.shape[1])[labels] if labels.ndim == 1 else labels

    def loss(log_temperature):
        likely = -(votes * log_softmax(scores / np.exp(log_temperature), axis=1)).sum()
        return likely + log_temperature**2 / (2 * SURE**2)

    found = minimize_scalar(loss, bounds=np.log(RANGE), method="bounded")
    all_right = labels.ndim == 1 and (scores.argmax(axis=1) == labels).all()
    return max(1.0, float(np.exp(found.x))) if all_right else float(np.exp(found.x))


def set_temperature(model, temperature):
    """Divide a model's scores by a temperature, within the last weights before its softmax.

    Args:
        model: Keras model that ends in a dense layer or a convolution, with softmax or followed
            by it, averages in between.
        temperature: number above 0; 1 changes nothing.

    Raises:
        WeightsError: another ending.
    """
    if temperature == 1:
        return
    last = next(layer for layer in reversed(model.layers) if not _passes(layer))
    if not isinstance(last, (keras.layers.Dense, keras.layers.Conv2D)):
        raise WeightsError(
            f"Got a model that ends in {type(last).__name__}; expected a dense layer or a "
            "convolution, whose weights a temperature can be folded into. Calibrate its answers."
        )
    last.set_weights([weights / temperature for weights in last.get_weights()])


def _passes(layer):
    """Whether a factor of what a layer is given is one of the scores under the softmax."""
    if isinstance(layer, keras.layers.Activation):
        return layer.activation in (keras.activations.softmax, keras.activations.linear)
    return isinstance(layer, (keras.layers.Dropout, keras.layers.GlobalAveragePooling2D))
