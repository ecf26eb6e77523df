from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from facezoo import LabelSet as LabelSet

EXPRESSION_7: LabelSet
EXPRESSION_8: LabelSet
EXPRESSION_6: LabelSet
CKPLUS_EXPRESSION: LabelSet
AFFECTNET_EXPRESSION: LabelSet
CMU_EXPRESSION: LabelSet
POSE: LabelSet
EYES: LabelSet
CMU_PEOPLE: LabelSet

def canonical(name: str) -> str: ...
def remap(
    source: LabelSet, target: LabelSet, *, merge: Mapping[str, str] | None = None
) -> npt.NDArray[np.int64]: ...
def __getattr__(name: str) -> Any: ...
