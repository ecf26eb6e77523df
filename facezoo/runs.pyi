from typing import Any

from facezoo import RunFolder as RunFolder

def __getattr__(name: str) -> Any: ...
