"""The studies reproduced: what is run of each, the stored rows, and the page of all.

The names below are resolved when first used, so that a misspelt study is refused before
Keras starts.
"""

from facezoo.lazy import resolver

_HOME = {
    "KEY": "page",
    "Outcome": "running",
    "Plan": "studies",
    "STUDIES": "studies",
    "Study": "study",
    "plans": "studies",
    "project_folder": "study",
    "read_results": "results",
    "read_transfer": "results",
    "reproduce": "running",
    "results_page": "page",
    "study_table": "page",
}

__getattr__ = resolver(__name__, _HOME)
__all__ = list(_HOME)
