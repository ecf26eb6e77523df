from typing import Any

from facezoo import Hosts as Hosts

def __getattr__(name: str) -> Any: ...
