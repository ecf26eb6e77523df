"""Calibration: probabilities that mean what they say, by one temperature.

Temperature scaling: Guo et al. 2017, arXiv:1706.04599. Dividing the scores under the softmax by
one number changes no answer, only how sure it is. The number is fitted on validation pictures.
"""

import keras
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from facezoo.errors import WeightsError

RANGE = (0.05, 20.0)  # of temperatures; a fit at an end tells of answers that know nothing
TINY = 1e-12  # under it a float32 softmax has rounded to 0


def fit_temperature(probabilities, labels):
    """Return the temperature under which the labels are likeliest.

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
        return -(votes * log_softmax(scores / np.exp(log_temperature), axis=1)).sum(1).mean()

    found = minimize_scalar(loss, bounds=np.log(RANGE), method="bounded")
    return float(np.exp(found.x))


def set_temperature(model, temperature):
    """Divide a model's scores by a temperature, within the weights of its last layer.

    Args:
        model: Keras model that ends in a dense layer with softmax, or in one for scores.
        temperature: number above 0; 1 changes nothing.

    Raises:
        WeightsError: another last layer.
    """
    if temperature == 1:
        return
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Dense):
        raise WeightsError(
            f"Got a model that ends in {type(last).__name__}; expected a dense layer, whose "
            "weights a temperature can be folded into. Calibrate its answers instead."
        )
    last.set_weights([weights / temperature for weights in last.get_weights()])
