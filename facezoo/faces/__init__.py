"""Photographs: faces found, cut out and answered for. Nothing here imports Keras by itself."""

from facezoo.lazy import resolver

_HOME = {
    "Detection": "detection",
    "FacePrediction": "recognizer",
    "Frame": "video",
    "HaarDetector": "detection",
    "Recognizer": "recognizer",
    "TrackedFace": "video",
    "Video": "video",
    "WholePicture": "detection",
    "crop_face": "detection",
    "recognize_frames": "video",
}

__getattr__ = resolver(__name__, _HOME)
__all__ = list(_HOME)
