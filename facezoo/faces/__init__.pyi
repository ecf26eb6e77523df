from typing import Any

from facezoo import (
    Detection as Detection,
    FacePrediction as FacePrediction,
    Recognizer as Recognizer,
)

def __getattr__(name: str) -> Any: ...
