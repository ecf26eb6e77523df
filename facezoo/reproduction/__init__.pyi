from typing import Any

from facezoo import (
    Outcome as Outcome,
    Plan as Plan,
    Study as Study,
    reproduce as reproduce,
)

def __getattr__(name: str) -> Any: ...
