from typing import Any

from facezoo import (
    Detection as Detection,
    FacePrediction as FacePrediction,
    Frame as Frame,
    HaarDetector as HaarDetector,
    Recognizer as Recognizer,
    TrackedFace as TrackedFace,
    Video as Video,
    recognize_frames as recognize_frames,
)

def __getattr__(name: str) -> Any: ...
