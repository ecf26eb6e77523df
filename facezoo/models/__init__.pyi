from typing import Any

from facezoo import (
    build_efficientnetb0 as build_efficientnetb0,
    build_expw_cnn as build_expw_cnn,
    build_facex_cnn as build_facex_cnn,
    build_facex_efficientnetb0 as build_facex_efficientnetb0,
    build_facex_vgg16 as build_facex_vgg16,
    build_facezoo_base as build_facezoo_base,
    build_facezoo_small as build_facezoo_small,
    build_lenet5 as build_lenet5,
    build_mini_xception as build_mini_xception,
    build_mobilenetv3_small as build_mobilenetv3_small,
    build_model as build_model,
    build_pooling_base as build_pooling_base,
    build_pooling_strong as build_pooling_strong,
    build_pooling_strongest as build_pooling_strongest,
    build_resnet50 as build_resnet50,
    build_resnet50_ippm as build_resnet50_ippm,
    build_vgg19 as build_vgg19,
    build_vgg19_ippm as build_vgg19_ippm,
    describe_models as describe_models,
    list_models as list_models,
)

def __getattr__(name: str) -> Any: ...
