from typing import Any

from facezoo import Augmentation as Augmentation

def __getattr__(name: str) -> Any: ...
