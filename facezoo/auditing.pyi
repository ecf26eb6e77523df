from typing import Any

from facezoo import Audit as Audit, audit as audit

def __getattr__(name: str) -> Any: ...
