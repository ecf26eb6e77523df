from typing import Any

from facezoo import (
    ArchiveError as ArchiveError,
    CollapseWarning as CollapseWarning,
    DatasetNotFound as DatasetNotFound,
    FacezooError as FacezooError,
    LabelSetMismatch as LabelSetMismatch,
    ParallelError as ParallelError,
    PictureError as PictureError,
    PixelError as PixelError,
    ProtocolError as ProtocolError,
    RecipeError as RecipeError,
    ResultsError as ResultsError,
    RunError as RunError,
    StoreError as StoreError,
    TrainingDiverged as TrainingDiverged,
    TuningError as TuningError,
    UnknownName as UnknownName,
    WeightsError as WeightsError,
)

def __getattr__(name: str) -> Any: ...
