from typing import Any

from facezoo import RandomAugmentation as RandomAugmentation, augmented as augmented

def __getattr__(name: str) -> Any: ...
