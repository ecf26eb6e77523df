from typing import Any

from facezoo import OnnxNetwork as OnnxNetwork

def __getattr__(name: str) -> Any: ...
