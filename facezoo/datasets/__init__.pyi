from typing import Any

from facezoo import (
    FaceDataset as FaceDataset,
    Pictures as Pictures,
    Split as Split,
    get_spec as get_spec,
    list_datasets as list_datasets,
    load_dataset as load_dataset,
)

def __getattr__(name: str) -> Any: ...
