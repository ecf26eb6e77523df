from typing import Any

from facezoo import Report as Report

def __getattr__(name: str) -> Any: ...
