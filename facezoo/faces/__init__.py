"""Photographs: faces found, cut out and answered for. Nothing here imports Keras by itself."""

import importlib

_HOME = {
    "Detection": "detection",
    "FacePrediction": "recognizer",
    "HaarDetector": "detection",
    "Recognizer": "recognizer",
    "WholePicture": "detection",
    "crop_face": "detection",
}


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


__all__ = list(_HOME)
