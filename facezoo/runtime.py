"""An exported network on onnxruntime: pictures in, probabilities out, no Keras in between.

What answers for photographs: it starts, and answers for a single picture, many times faster than
Keras does.
"""

import os
from pathlib import Path

import numpy as np

from facezoo.errors import WeightsError
from facezoo.files import parse_json
from facezoo.labels import LabelSet
from facezoo.pixel_check import check_pixels

METADATA = "facezoo"  # key of the file's metadata, JSON
INPUT, OUTPUT = "pixels", "probabilities"


class OnnxNetwork:
    """A network that `facezoo export` wrote as .onnx.

    Args:
        path: the file.
        threads: of one answer; None for as many as onnxruntime thinks right.

    Attributes:
        label_set: `LabelSet` of the outputs.
        input_shape: (height, width, channels); gray for one channel, else RGB.
        name: of the weights, or of the run that it was exported from.

    Raises:
        WeightsError: no such file, a damaged one, or one that facezoo did not export.

    Example:
        network = OnnxNetwork("facezoo_base.onnx")
        network.predict(faces)  # uint8 (5, 48, 48, 1) -> float32 (5, 7)
    """

    def __init__(self, path, *, threads=None):
        onnxruntime = library()
        path = Path(path)
        if not path.is_file():
            raise WeightsError(
                f"Got {str(path)!r}; expected an .onnx file that exists. Write one with: "
                "facezoo export WEIGHTS --format onnx"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # its advice is for those who build networks
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            written = self._session.get_modelmeta().custom_metadata_map[METADATA]
            facts = parse_json(written)
            self.name = str(facts["name"])
            self.input_shape = tuple(facts["input_shape"])
            self.label_set = LabelSet.from_dict(facts["label_set"])
            self._try()
        except Exception as error:  # onnxruntime has a class of its own for every reason
            reason = str(error).partition("\n")[0][:200] or type(error).__name__
            raise WeightsError(
                f"Got {str(path)!r}, which cannot be opened ({reason}); expected a network that "
                "facezoo exported. Write it again with: facezoo export WEIGHTS --format onnx"
            ) from None

    def predict(self, pictures):
        """Answer for pictures.

        Args:
            pictures: uint8 (N, height, width, channels) of `input_shape`, 0-255.

        Returns:
            float32 (N, K), rows sum to 1, in the order of `label_set`.

        Raises:
            PixelError: other pictures.
        """
        check_pixels(pictures, self.input_shape)
        if not len(pictures):
            return np.empty((0, len(self.label_set)), np.float32)
        return self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(pictures)})[0]

    def _try(self):
        """Raise `ValueError` unless the graph answers for a picture as its papers say."""
        (taken,), (given,) = self._session.get_inputs(), self._session.get_outputs()
        if (taken.name, tuple(taken.shape[1:])) != (INPUT, self.input_shape):
            raise ValueError(f"its input is {taken.name} {taken.shape}")
        if given.name != OUTPUT:
            raise ValueError(f"its output is {given.name}")
        answer = self.predict(np.zeros((1, *self.input_shape), np.uint8))
        if answer.dtype != np.float32 or answer.shape != (1, len(self.label_set)):
            raise ValueError(f"it answers {answer.dtype} {answer.shape}")
        if not np.isfinite(answer).all():
            raise ValueError("it answers NaN: its weights are not numbers")


def library():
    """Return the module onnxruntime, told to send nothing to its makers.

    Its official builds, from 1.31 at the latest, report their use to Microsoft unless this is set
    before they are imported.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # 0.1 s, and only where a network is opened

    return onnxruntime
