from typing import Any

from facezoo import (
    Card as Card,
    get_card as get_card,
    list_weights as list_weights,
    load_model as load_model,
)

def __getattr__(name: str) -> Any: ...
