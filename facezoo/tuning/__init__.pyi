from typing import Any

from facezoo import (
    TuningResult as TuningResult,
    tune as tune,
)

def __getattr__(name: str) -> Any: ...
