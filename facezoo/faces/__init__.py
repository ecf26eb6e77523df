"""Photographs: faces found, cut out and answered for. Nothing here imports Keras by itself."""

from facezoo.lazy import resolver

_HOME = {
    "Detection": "detection",
    "FacePrediction": "recognizer",
    "HaarDetector": "detection",
    "Recognizer": "recognizer",
    "WholePicture": "detection",
    "crop_face": "detection",
}

__getattr__ = resolver(__name__, _HOME)
__all__ = list(_HOME)
