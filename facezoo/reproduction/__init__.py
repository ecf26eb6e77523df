"""The studies reproduced: what is run of each, the stored rows, and the page of all.

The names below are resolved when first used, so that a misspelt study is refused before
Keras starts.
"""

import importlib

_HOME = {
    "Outcome": "running",
    "Plan": "studies",
    "STUDIES": "studies",
    "Study": "study",
    "plans": "studies",
    "project_folder": "study",
    "read_results": "results",
    "reproduce": "running",
    "results_page": "page",
    "study_table": "page",
}


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


__all__ = list(_HOME)
