"""The zoo: every network is one jump away from `BUILDERS`.

Nothing heavy is imported before the first network is built, so that listing is instant.
"""

import fnmatch
import importlib
import json
from pathlib import Path

from facezoo.errors import unknown

BUILDERS = {
    "efficientnetb0": "facezoo.models.efficientnet:build_efficientnetb0",
    "expw_cnn": "facezoo.models.expw_cnn:build_expw_cnn",
    "facex_cnn": "facezoo.models.facex:build_facex_cnn",
    "facex_efficientnetb0": "facezoo.models.facex:build_facex_efficientnetb0",
    "facex_vgg16": "facezoo.models.facex:build_facex_vgg16",
    "facezoo_base": "facezoo.models.facezoo_nets:build_facezoo_base",
    "facezoo_small": "facezoo.models.facezoo_nets:build_facezoo_small",
    "lenet5": "facezoo.models.lenet5:build_lenet5",
    "mini_xception": "facezoo.models.xception:build_mini_xception",
    "mobilenetv3_small": "facezoo.models.mobilenet:build_mobilenetv3_small",
    "pooling_base": "facezoo.models.pooling_cnns:build_pooling_base",
    "pooling_strong": "facezoo.models.pooling_cnns:build_pooling_strong",
    "pooling_strongest": "facezoo.models.pooling_cnns:build_pooling_strongest",
    "resnet50": "facezoo.models.resnet:build_resnet50",
    "resnet50_ippm": "facezoo.models.resnet:build_resnet50_ippm",
    "vgg19": "facezoo.models.vgg:build_vgg19",
    "vgg19_ippm": "facezoo.models.vgg:build_vgg19_ippm",
}

STUDIES = {
    "efficientnetb0": "field",
    "expw_cnn": "C",
    "facex_cnn": "E",
    "facex_efficientnetb0": "E",
    "facex_vgg16": "E",
    "facezoo_base": "ours",
    "facezoo_small": "ours",
    "lenet5": "A",
    "mini_xception": "field",
    "mobilenetv3_small": "B",
    "pooling_base": "D",
    "pooling_strong": "D",
    "pooling_strongest": "D",
    "resnet50": "B",
    "resnet50_ippm": "B",
    "vgg19": "B",
    "vgg19_ippm": "B",
}  # the study that trained the network; "field" for others' networks, "ours" for our own


def list_models(filter="*"):
    """Return the names of the networks, sorted.

    Args:
        filter: a shell pattern such as "resnet*".

    Example:
        >>> list_models("pooling_*")
        ['pooling_base', 'pooling_strong', 'pooling_strongest']
    """
    return sorted(fnmatch.filter(BUILDERS, filter))


def describe_models():
    """Tell what every network is and costs as its builder makes it by default.

    Builds nothing: the figures are stored by benchmarks/models.py and held by a test.

    Returns:
        list of dicts, sorted by name: "name", "study" (see `STUDIES`), "input_shape" as
        [height, width, channels], "weights" (moving averages included), "multiply_adds" of
        one picture (see `facezoo.models.cost`) and "what_it_is".

    Example:
        >>> [row["weights"] for row in describe_models() if row["name"] == "lenet5"]
        [168971]
    """
    costs = json.loads((Path(__file__).parent / "costs.json").read_text("utf-8"))
    return [{"name": name, "study": STUDIES[name], **costs[name]} for name in sorted(BUILDERS)]


def get_builder(name):
    """Return the function that builds network `name`.

    Raises:
        UnknownName: no such network; the message lists those that exist.
    """
    if name not in BUILDERS:
        raise unknown("builder", name, BUILDERS)
    module, function = BUILDERS[name].split(":")
    return getattr(importlib.import_module(module), function)


def build_model(name, **arguments):
    """Build network `name`; `arguments` are its builder's own.

    Args:
        name: one of `list_models()`.
        **arguments: see the builder, such as `help(facezoo.build_lenet5)`.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes).

    Raises:
        UnknownName: no such network.
        TypeError: an argument that the builder does not have.
    """
    return get_builder(name)(**arguments)


def __getattr__(name):
    """Give `build_<name>` of every network, imported when first asked for."""
    if name.startswith("build_") and name.removeprefix("build_") in BUILDERS:
        return get_builder(name.removeprefix("build_"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    """Return the module's names with every `build_<name>`."""
    return sorted([*globals(), *(f"build_{name}" for name in BUILDERS)])
