"""A small network as an .onnx file, without Keras and without training."""

import json

import numpy as np

from facezoo.labels import EXPRESSION_7
from facezoo.runtime import INPUT, METADATA, OUTPUT


def write_onnx(path, input_shape=(48, 48, 1), label_set=EXPRESSION_7, *, scale=4e-4):
    """Write one random layer as `facezoo export` writes networks, and return its path.

    Args:
        path: of the .onnx file.
        input_shape: (height, width, channels).
        label_set: `LabelSet` of the answers.
        scale: standard deviation of the weights.
    """
    from onnx import TensorProto, helper, numpy_helper, save

    classes = len(label_set)
    shape = (int(np.prod(input_shape)), classes)
    kernel = np.random.default_rng(0).normal(0, scale, shape).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [INPUT], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["flat"]),
            helper.make_node("MatMul", ["flat", "kernel"], ["scores"]),
            helper.make_node("Softmax", ["scores"], [OUTPUT]),
        ],
        "small",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", *input_shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    facts = {"name": "small", "label_set": label_set.to_dict(), "input_shape": [*input_shape]}
    network.metadata_props.add(key=METADATA, value=json.dumps(facts))
    save(network, path)
    return path
