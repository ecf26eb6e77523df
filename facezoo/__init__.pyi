# The types of the public names. They are resolved when first used, which a type checker does
# not see; `make types` holds this file to the code.

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, SupportsIndex, TypeAlias, overload

# untyped in some environments or all: what comes from them is then Any
import keras  # type: ignore[import-not-found, import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-not-found, import-untyped, unused-ignore]
import tensorflow as tf  # type: ignore[import-not-found, import-untyped, unused-ignore]
from matplotlib.figure import Figure
from PIL import Image

__version__: str
__all__ = [
    "Audit",
    "Augmentation",
    "Card",
    "ArchiveError",
    "CollapseWarning",
    "DatasetNotFound",
    "DatasetSpec",
    "Detection",
    "FaceDataset",
    "FacePrediction",
    "FacezooError",
    "Hosts",
    "LabelSet",
    "LabelSetMismatch",
    "OnnxNetwork",
    "Outcome",
    "ParallelError",
    "PictureError",
    "Pictures",
    "PixelError",
    "PixelModel",
    "Plan",
    "ProtocolError",
    "RandomAugmentation",
    "Range",
    "Recognizer",
    "Recipe",
    "RecipeError",
    "ResultsError",
    "Report",
    "RunError",
    "RunFolder",
    "Schedule",
    "Split",
    "StoreError",
    "Study",
    "Space",
    "TrainingDiverged",
    "TuningError",
    "TuningResult",
    "UnknownName",
    "WeightsError",
    "audit",
    "augmented",
    "build_model",
    "describe_models",
    "draw_face",
    "evaluate",
    "export",
    "get_card",
    "get_recipe",
    "get_space",
    "get_spec",
    "grad_cam",
    "list_datasets",
    "list_models",
    "list_recipes",
    "list_weights",
    "load_dataset",
    "load_model",
    "make_pipeline",
    "nearest_neighbour",
    "occlusion_map",
    "prepare",
    "reproduce",
    "train",
    "tune",
    "__version__",
]

_Path: TypeAlias = str | os.PathLike[str]
_Shape: TypeAlias = tuple[int, int, int]
_AnyShape: TypeAlias = tuple[int | None, int | None, int]
_Pictures: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float32]
_Labels: TypeAlias = npt.NDArray[np.int64 | np.float32]
_Rows: TypeAlias = slice | npt.NDArray[np.bool_] | npt.NDArray[np.integer] | Sequence[int]
_Photo: TypeAlias = _Path | bytes | bytearray | memoryview | Image.Image | _Pictures
_Box: TypeAlias = tuple[int, int, int, int]
_Callbacks: TypeAlias = Sequence[keras.callbacks.Callback]

_Softmax: TypeAlias = Literal["softmax"] | None
_Pooling: TypeAlias = Literal["max", "average"]
_Head: TypeAlias = Literal["average", "max", "flatten"]
_Stem: TypeAlias = Literal["pooled", "strided", "full"]
_Study: TypeAlias = Literal["quick", "full", "stored"]
_Metric: TypeAlias = Literal["accuracy", "log_loss"]
_Expression: TypeAlias = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]

# Errors

class FacezooError(ValueError): ...
class UnknownName(FacezooError): ...
class DatasetNotFound(FacezooError): ...
class ArchiveError(FacezooError): ...
class StoreError(FacezooError): ...
class ProtocolError(FacezooError): ...
class LabelSetMismatch(FacezooError): ...
class PixelError(FacezooError): ...
class PictureError(FacezooError): ...
class RecipeError(FacezooError): ...
class RunError(FacezooError): ...
class ParallelError(FacezooError): ...
class ResultsError(FacezooError): ...
class TuningError(FacezooError): ...
class TrainingDiverged(FacezooError): ...
class WeightsError(FacezooError): ...
class CollapseWarning(UserWarning): ...

# Data

@dataclasses.dataclass(frozen=True)
class LabelSet:
    name: str
    classes: tuple[str, ...]

    def __init__(self, name: str, classes: Iterable[str]) -> None: ...
    def __len__(self) -> int: ...
    def index(self, name: str) -> int: ...
    def encode(self, names: Iterable[str]) -> npt.NDArray[np.int64]: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LabelSet: ...

class Pictures:
    array: _Pictures
    rows: npt.NDArray[np.intp]

    def __init__(self, array: _Pictures, rows: npt.ArrayLike | None = None) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: SupportsIndex | _Rows) -> _Pictures: ...
    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]: ...
    @property
    def shape(self) -> tuple[int, int, int, int]: ...
    @property
    def dtype(self) -> np.dtype[np.uint8]: ...
    @property
    def ndim(self) -> Literal[4]: ...

class Split:
    images: Pictures
    labels: _Labels
    label_set: LabelSet
    name: str

    def __init__(
        self,
        images: Pictures | _Pictures,
        labels: npt.ArrayLike,
        table: pd.DataFrame | Callable[[], pd.DataFrame] | None,
        label_set: LabelSet,
        name: str = "",
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def table(self) -> pd.DataFrame: ...
    @property
    def classes(self) -> npt.NDArray[np.int64]: ...
    def counts(self) -> dict[str, int]: ...
    def take(self, rows: _Rows) -> Split: ...

@dataclasses.dataclass(frozen=True)
class FaceDataset:
    name: str
    protocol: str
    target: str
    seed: int
    fold: int | None
    label_set: LabelSet
    train: Split
    validation: Split
    test: Split
    note: str = ""
    fingerprint: str = ""

    @property
    def input_shape(self) -> _Shape: ...
    def limited(self, count: int, seed: int = 0) -> FaceDataset: ...

@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    name: str
    title: str
    page: str
    license: str
    citation: str
    layout: str
    options: dict[str, Any]
    picture_shape: Callable[[dict[str, Any]], _Shape]
    read: Callable[[Any, dict[str, Any]], Iterable[Any]]
    columns: tuple[str, ...]
    targets: dict[str, Any]
    protocols: dict[str, Any]
    expected: dict[str, dict[str, int]] = ...
    dynamic_target: Callable[[str], Any] | None = None
    in_memory: Callable[[], tuple[_Pictures, pd.DataFrame]] | None = None
    needs_archive: bool = True
    survey: Callable[[Any, dict[str, Any]], dict[str, Any]] | None = None
    adapt: Callable[[DatasetSpec, dict[str, Any]], DatasetSpec] | None = None
    @property
    def published(self) -> int: ...
    def is_whole(self, pictures: int) -> bool: ...

@dataclasses.dataclass(frozen=True, eq=False)
class Audit:
    dataset: FaceDataset
    prepared: int
    counts: dict[str, dict[str, int]]
    published: list[dict[str, Any]]
    rejected: dict[str, Any]
    threshold: float
    copies: list[dict[str, Any]]
    totals: dict[str, Any]
    groups: list[dict[str, Any]]
    pairs: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]: ...
    def summary(self) -> list[str]: ...
    def tables(self) -> list[tuple[str, list[dict[str, Any]]]]: ...
    def to_markdown(self, *, figures: Iterable[str] = ()) -> str: ...
    def figures(self) -> Iterator[tuple[str, Figure]]: ...

def list_datasets() -> list[str]: ...
def get_spec(name: str) -> DatasetSpec: ...
def load_dataset(
    name: str,
    *,
    target: str | None = None,
    protocol: str | None = None,
    seed: int = 0,
    fold: int | None = None,
    root: _Path | None = None,
) -> FaceDataset: ...
def prepare(
    name: str,
    path: _Path | None = None,
    *,
    root: _Path | None = None,
    progress: Callable[[int, int | None], object] | None = None,
    **options: Any,
) -> dict[str, Any]: ...
def audit(
    name: str,
    *,
    target: str | None = None,
    protocol: str | None = None,
    seed: int = 0,
    root: _Path | None = None,
    threshold: float = 0.99,
    progress: Callable[[int, int], object] | None = None,
) -> Audit: ...
def draw_face(
    *,
    expression: _Expression,
    pose: Literal["left", "right", "straight", "up"] = "straight",
    eyes: Literal["open", "sunglasses"] = "open",
    person: int = 0,
    seed: int = 0,
    size: int | tuple[int, int] = 48,
    channels: Literal[1, 3] = 1,
) -> _Pictures: ...
def nearest_neighbour(data: FaceDataset) -> float: ...

# Augmentation and batches

class _Draws(NamedTuple):
    matrices: Any = None
    gains: Any = None
    boxes: Any = None

@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    flip: bool = False
    rotate: float = 0
    shear: float = 0
    zoom: float = 0
    shift: float = 0
    fill: Literal["nearest", "reflect", "constant"] = "nearest"
    brightness: float = 0
    erase: float = 0

    @property
    def moves(self) -> bool: ...
    def draw(self, n: int, height: int, width: int, rng: np.random.Generator) -> _Draws: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Augmentation: ...
    def from_uniform(self, uniform: Any, height: int, width: int, xp: Any) -> _Draws: ...

class RandomAugmentation(keras.layers.Layer):  # type: ignore[misc, unused-ignore]
    augmentation: Augmentation
    seed: int

    def __init__(
        self, augmentation: Augmentation | Mapping[str, Any], seed: int = 0, **kwargs: Any
    ) -> None: ...
    def call(self, images: Any, training: bool = False) -> Any: ...
    def compute_output_spec(self, images: Any, training: bool = False) -> Any: ...
    def get_config(self) -> dict[str, Any]: ...

def augmented(images: _Pictures, augmentation: Augmentation, seed: int = 0) -> _Pictures: ...
def make_pipeline(
    split: Split,
    batch_size: int,
    *,
    augmentation: Augmentation | None = None,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
    mixup: float = 0.0,
) -> tf.data.Dataset: ...

# Recipes, training and search

@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    kind: Literal["constant", "cosine", "plateau"] = "constant"
    warmup_epochs: int = 0
    factor: float = 0.5
    patience: int = 5
    floor: float = 0.0

@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    name: str
    builder: str
    dataset: str
    summary: str = ""
    builder_args: dict[str, Any] = ...
    target: str | None = None
    protocol: str | None = None
    limit: int | None = None
    augmentation: Augmentation | None = None
    mixup: float = 0.0
    label_smoothing: float = 0.0
    teacher: str | list[str] | None = None
    teacher_share: float = 0.5
    class_weight: Literal["balanced"] | None = None
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop", "nadam", "adagrad", "lion"] = "adam"
    optimizer_args: dict[str, Any] = ...
    learning_rate: float = 0.001
    schedule: Schedule = ...
    ema: float = 0.0
    batch_size: int = 32
    epochs: int = 50
    patience: int | None = None
    monitor: Literal["val_loss", "val_accuracy"] = "val_loss"
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    seed: int = 0
    split_seed: int | None = None
    deterministic: bool = False
    reported: str = ""

    @property
    def trained(self) -> Recipe: ...
    @property
    def drawn_with(self) -> int: ...
    @property
    def can_go_on(self) -> bool: ...
    def with_epochs(self, epochs: int) -> Recipe: ...
    def lengthened(self, epochs: int) -> Recipe: ...
    def begins(self, other: Recipe) -> bool: ...
    @property
    def teachers(self) -> list[str]: ...
    def ema_of(self, pictures: int) -> float: ...
    def override(self, settings: Mapping[str, Any]) -> Recipe: ...
    def on_dataset(self, name: str, target: str | None = None) -> Recipe: ...
    def smoke(self) -> Recipe: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Recipe: ...

@dataclasses.dataclass(frozen=True)
class Range:
    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool: ...
    def count(self) -> int | None: ...
    def number(self, place: int) -> float: ...
    def numbers(self) -> list[float] | None: ...
    def to_json(self) -> dict[str, Any]: ...

@dataclasses.dataclass(frozen=True)
class Space:
    fields: dict[str, Range | tuple[Any, ...]]

    def __init__(self, fields: Mapping[str, Range | Sequence[Any]]) -> None: ...
    def check(self, recipe: Recipe) -> None: ...
    def count(self) -> int | None: ...
    def cell(self, number: int) -> dict[str, Any]: ...
    def cells(self) -> list[dict[str, Any]]: ...
    def without(self, names: Iterable[str]) -> Space: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Space: ...
    @classmethod
    def from_file(cls, path: _Path) -> Space: ...

class RunFolder:
    path: Path

    def __init__(self, path: _Path) -> None: ...
    def __fspath__(self) -> str: ...
    @classmethod
    def create(cls, path: _Path, recipe: Recipe, seeds: list[int] | None = None) -> RunFolder: ...
    @classmethod
    def create_timed(
        cls, folder: _Path, recipe: Recipe, seeds: list[int] | None = None
    ) -> RunFolder: ...
    @classmethod
    def find(
        cls,
        folder: _Path,
        recipe: Recipe,
        seeds: list[int] | None = None,
        *,
        shorter: bool = False,
    ) -> RunFolder | None: ...
    @property
    def recipe(self) -> Recipe: ...
    @property
    def seeds(self) -> list[RunFolder]: ...
    @property
    def state(self) -> dict[str, Any] | None: ...
    @property
    def metrics(self) -> dict[str, Any]: ...
    @property
    def history(self) -> pd.DataFrame: ...
    def read_json(self, name: str) -> Any: ...
    def write_json(self, name: str, value: Any) -> None: ...
    def write_text(self, name: str, text: str) -> None: ...
    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None: ...
    def write_figure(self, name: str, figure: Figure) -> None: ...
    def write_file(self, name: str, save: Callable[[str], object]) -> str: ...
    def locked(self) -> contextlib.AbstractContextManager[None]: ...
    def lengthen(self, epochs: int) -> None: ...
    def discard(self) -> None: ...

@dataclasses.dataclass(frozen=True)
class Hosts:
    coordinator: str
    count: int
    number: int

@dataclasses.dataclass(frozen=True, eq=False)
class TuningResult:
    study: str
    metric: _Metric
    value: float
    best: dict[str, Any]
    recipe: Recipe
    trials: pd.DataFrame
    folder: Path
    winner: RunFolder | None = None

def list_recipes() -> list[str]: ...
def get_recipe(name: Recipe | _Path) -> Recipe: ...
def get_space(recipe: Recipe) -> Space: ...
@overload
def train(
    recipe: Recipe | _Path | None = None,
    *,
    runs: _Path = "runs",
    root: _Path | None = None,
    seeds: int | None = None,
    resume: _Path | None = None,
    epochs: int | None = None,
    evaluate: bool = True,
    deterministic: bool = False,
    devices: int | Literal["all"] | None = None,
    hosts: None = None,
    callbacks: _Callbacks = (),
) -> RunFolder: ...
@overload
def train(
    recipe: Recipe | _Path | None = None,
    *,
    runs: _Path = "runs",
    root: _Path | None = None,
    seeds: int | None = None,
    resume: _Path | None = None,
    epochs: int | None = None,
    evaluate: bool = True,
    deterministic: bool = False,
    devices: Literal["all"] | None = None,
    hosts: Hosts | None,
    callbacks: _Callbacks = (),
) -> RunFolder | None: ...
def tune(
    recipe: Recipe | _Path | None = None,
    space: Space | Mapping[str, Any] | None = None,
    *,
    method: Literal["bayes", "grid", "random", "gp"] | None = None,
    trials: int | None = None,
    timeout: float | None = None,
    study: str | None = None,
    storage: _Path | None = None,
    metric: _Metric | None = None,
    pruner: Literal["median", "hyperband"] | None = None,
    jobs: int = 1,
    seeds: int = 5,
    runs: _Path = "runs/tune",
    root: _Path | None = None,
    callbacks: _Callbacks = (),
    told: Callable[[int, int, float | None], object] | None = None,
) -> TuningResult: ...

# Evaluation and a closer look

@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    label_set: LabelSet
    n: int
    accuracy: float
    accuracy_interval: list[float]
    macro_f1: float
    balanced_accuracy: float
    ece: float
    log_loss: float
    per_class: dict[str, dict[str, Any]]
    confusion_matrix: npt.NDArray[np.int64]
    copies: int | None
    without_copies: dict[str, Any] | None
    worst: list[dict[str, Any]]
    reliability: list[dict[str, Any]]
    kl_to_votes: float | None = None
    accuracy_by_agreement: list[dict[str, Any]] | None = None
    note: str = ""
    data: str = ""

    @property
    def headline(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Report: ...
    def to_markdown(self, *, title: str = "Evaluation") -> str: ...

def evaluate(
    source: _Path,
    *,
    dataset: str | None = None,
    target: str | None = None,
    protocol: str | None = None,
    whole: bool = False,
    merge: Mapping[str, str] | None = None,
    root: _Path | None = None,
) -> Report: ...
def grad_cam(
    model: PixelModel,
    image: _Pictures,
    *,
    class_index: int | None = None,
    layer: str | None = None,
) -> _Floats: ...
def occlusion_map(
    model: PixelModel,
    image: _Pictures,
    *,
    class_index: int | None = None,
    patch: int | None = None,
    stride: int | None = None,
    fill: int | Literal["mean"] = "mean",
) -> _Floats: ...

# The studies

@dataclasses.dataclass(frozen=True)
class Plan:
    recipe: Recipe
    seeds: int = 1
    changed: str = ""
    elsewhere: tuple[str, ...] = ()
    cut_from: int | None = None

    @property
    def asked(self) -> int: ...
    @property
    def numbers(self) -> list[int]: ...
    def trained_as(self, row: Mapping[str, Any]) -> bool: ...
    def ran_as(self, row: Mapping[str, Any]) -> bool: ...
    @property
    def name(self) -> str: ...
    def within(self, epochs: int | None) -> Plan: ...
    def quick(self) -> Plan | None: ...

@dataclasses.dataclass(frozen=True)
class Outcome:
    plan: Plan
    run: RunFolder | None = None
    row: dict[str, Any] | None = None
    refused: str = ""

class Study:
    name: str
    root: _Path | None
    profile: Literal["quick", "full"]
    outcomes: dict[str, Outcome]
    runs: Path
    out: Path

    def __init__(
        self,
        name: str,
        profile: _Study | None = None,
        *,
        folder: _Path | None = None,
        root: _Path | None = None,
    ) -> None: ...
    @property
    def plans(self) -> list[Plan]: ...
    def run(self, callbacks: _Callbacks = ()) -> pd.DataFrame: ...
    def data(self, plan: str | None = None, seed: int = 0) -> FaceDataset: ...
    def report(self, plan: str | None = None, seed: int = 0) -> Report: ...
    def history(self, plan: str | None = None, seed: int = 0) -> pd.DataFrame: ...
    def kept_epoch(self, plan: str | None = None) -> int | None: ...
    def epochs(self, plan: str | None = None) -> str: ...
    def model(self, plan: str | None = None, seed: int = 0) -> PixelModel: ...
    def difference(self, one: str, other: str) -> tuple[float, float, float]: ...
    def elsewhere(self) -> pd.DataFrame: ...

def reproduce(
    study: str | None = None,
    *,
    profile: Literal["full", "quick"] = "full",
    epochs: int | None = None,
    resume: bool = False,
    runs: _Path | None = None,
    out: _Path | None = None,
    root: _Path | None = None,
    callbacks: _Callbacks = (),
    begun: Callable[[Plan], object] | None = None,
) -> list[Outcome]: ...

# Weights and photographs

@dataclasses.dataclass(frozen=True)
class Card:
    name: str
    trained_by: dict[str, Any]
    label_set: LabelSet
    input_shape: _Shape
    protocol: str
    fingerprint: str
    temperature: float = 1.0
    metrics: dict[str, Any] = ...
    files: dict[str, dict[str, Any]] = ...
    facts: dict[str, Any] = ...

    @property
    def recipe(self) -> Recipe: ...
    def to_dict(self) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Card: ...

class OnnxNetwork:
    label_set: LabelSet
    input_shape: _Shape
    name: str

    def __init__(self, path: _Path, *, threads: int | None = None) -> None: ...
    def predict(self, pictures: _Pictures) -> _Floats: ...

@dataclasses.dataclass(frozen=True)
class Detection:
    box: _Box
    score: float

@dataclasses.dataclass(frozen=True)
class FacePrediction:
    box: _Box
    box_score: float
    label: str
    score: float
    probabilities: dict[str, float]

    def to_dict(self) -> dict[str, Any]: ...

@dataclasses.dataclass(frozen=True)
class TrackedFace(FacePrediction):
    track: int = 0

@dataclasses.dataclass(frozen=True)
class Frame:
    number: int
    seconds: float
    picture: _Pictures
    faces: list[TrackedFace]

class Video:
    source: _Path | int
    rate: float
    size: tuple[int, int]
    length: int | None
    broken: bool

    def __init__(self, source: _Path | int) -> None: ...
    def __iter__(self) -> Iterator[_Pictures]: ...
    def __enter__(self) -> Video: ...
    def __exit__(self, *raised: object) -> None: ...

def recognize_frames(
    recognizer: Recognizer,
    frames: Iterable[_Pictures],
    *,
    rate: float | None = None,
    every: int = 1,
    smoothing: float = 0.7,
) -> Iterator[Frame]: ...

class HaarDetector:
    smallest: int | None
    longest: int
    neighbours: int
    tilts: tuple[float, ...]

    def __init__(
        self,
        *,
        smallest: int | None = None,
        longest: int = ...,
        neighbours: int = ...,
        tilts: Iterable[float] = ...,
    ) -> None: ...
    def detect(self, picture: _Pictures) -> list[Detection]: ...

class _Detector(Protocol):
    def detect(self, picture: _Pictures, /) -> list[Detection]: ...

class Recognizer:
    detector: _Detector
    min_score: float
    mirror: bool
    margin: float
    on_no_face: Literal["empty", "raise", "whole_image"]
    channel_order: Literal["rgb", "bgr"]
    threads: int
    label_set: LabelSet
    input_shape: _Shape

    def __init__(
        self,
        weights: _Path = "facezoo_base",
        *,
        detector: Literal["haar", "whole"] | _Detector = "haar",
        runtime: Literal["onnx", "keras"] | None = None,
        margin: float = ...,
        min_score: float = 0.0,
        mirror: bool = False,
        on_no_face: Literal["empty", "raise", "whole_image"] = "empty",
        channel_order: Literal["rgb", "bgr"] = "rgb",
        threads: int | None = None,
    ) -> None: ...
    def predict(self, image: _Photo) -> list[FacePrediction]: ...
    def predict_batch(self, images: Iterable[_Photo]) -> list[list[FacePrediction]]: ...
    @overload
    def predict_each(
        self, images: Iterable[_Photo], errors: Literal["skip"] = "skip"
    ) -> Iterator[list[FacePrediction] | FacezooError]: ...
    @overload
    def predict_each(
        self, images: Iterable[_Photo], errors: Literal["raise"]
    ) -> Iterator[list[FacePrediction]]: ...
    def find(self, image: _Photo) -> list[tuple[Detection, _Pictures]]: ...
    def detect(self, picture: _Pictures) -> list[Detection]: ...
    def answer(self, faces: _Pictures) -> _Floats: ...
    def predictions(
        self, found: Sequence[Detection], probabilities: Sequence[_Floats] | _Floats
    ) -> list[FacePrediction]: ...
    def read(self, image: _Photo) -> _Pictures: ...

def list_weights(folder: _Path = ...) -> list[str]: ...
def get_card(name: str, folder: _Path = ...) -> Card: ...
def load_model(source: _Path, *, folder: _Path = ...) -> PixelModel: ...
def export(
    source: _Path | PixelModel,
    path: _Path | None = None,
    *,
    format: Literal["onnx", "litert", "saved_model"] = "onnx",
    half: bool = False,
) -> Path: ...

# Networks

class PixelModel(keras.Model):  # type: ignore[misc, unused-ignore]
    card: Card  # of what load_model returned

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        *,
        label_set: LabelSet | None = None,
        **kwargs: Any,
    ) -> None: ...
    @property
    def label_set(self) -> LabelSet | None: ...
    @label_set.setter
    def label_set(self, label_set: LabelSet | Mapping[str, Any] | None) -> None: ...
    def get_config(self) -> dict[str, Any]: ...
    def check_pixels(self, pixels: Any) -> Any: ...
    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any: ...
    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any: ...
    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any: ...
    def predict(self, x: Any, *args: Any, **kwargs: Any) -> _Floats: ...
    def train_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any: ...
    def test_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any: ...
    def predict_on_batch(self, x: Any) -> Any: ...

def list_models(filter: str = "*") -> list[str]: ...
def describe_models() -> list[dict[str, Any]]: ...
def build_model(name: str, **arguments: Any) -> PixelModel: ...
def build_efficientnetb0(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    pooling: _Head = "average",
    dropout: float = 0.0,
    trainable_layers: int | None = None,
    resize_to: tuple[int, int] | None = None,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_expw_cnn(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    filters: Sequence[int] = (32, 64),
    dense: int = 128,
    dropout: float = 0.5,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_facex_cnn(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    dropout: float = 0.25,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_facex_efficientnetb0(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    trainable_layers: int | None = None,
    double_rescale: bool = False,
    dropout: float = 0.25,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_facex_vgg16(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    trainable_layers: int | None = None,
    dropout: float = 0.25,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_facezoo_base(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    filters: Sequence[int] = (48, 80, 128, 160),
    blocks: Sequence[int] = (1, 2, 3, 1),
    stem: _Stem = "pooled",
    squeeze: float = 0.25,
    separable: bool = False,
    stochastic_depth: float = 0.2,
    dropout: float = 0.3,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_facezoo_small(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    filters: Sequence[int] = (32, 64, 96, 128),
    blocks: Sequence[int] = (1, 2, 3, 1),
    stem: _Stem = "pooled",
    squeeze: float = 0.25,
    separable: bool = False,
    stochastic_depth: float = 0.1,
    dropout: float = 0.2,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_lenet5(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    filters: Sequence[int] = (6, 16),
    dense: Sequence[int] = (120, 84),
    kernel_size: int = 5,
    activation: str = "relu",
    pooling: _Pooling = "max",
    batch_norm: bool = False,
    dropout: float = 0.2,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_mini_xception(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    l2: float = 0.01,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_mobilenetv3_small(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    alpha: float = 1.0,
    pooling: _Head = "average",
    dropout: float = 0.0,
    trainable_layers: int | None = None,
    resize_to: tuple[int, int] | None = None,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_pooling_base(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    pooling: _Pooling = "max",
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_pooling_strong(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    pooling: _Pooling = "max",
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_pooling_strongest(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    dense: Sequence[int] = (1024,),
    dropout: float = 0.5,
    pooling: _Pooling = "max",
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_resnet50(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    pooling: _Head = "average",
    dropout: float = 0.0,
    trainable_layers: int | None = None,
    resize_to: tuple[int, int] | None = None,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_resnet50_ippm(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    filters: int = 128,
    factors: Sequence[int] = (1, 2, 4),
    kernel_sizes: Sequence[int] = (1, 3, 5),
    literal: bool = False,
    trainable_layers: int | None = None,
    resize_to: tuple[int, int] | None = None,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_vgg19(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    pooling: _Head = "average",
    dropout: float = 0.0,
    trainable_layers: int | None = None,
    resize_to: tuple[int, int] | None = None,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
def build_vgg19_ippm(
    input_shape: _AnyShape = (48, 48, 1),
    num_classes: int = 7,
    *,
    filters: int = 128,
    factors: Sequence[int] = (1, 2, 4),
    kernel_sizes: Sequence[int] = (1, 3, 5),
    literal: bool = False,
    trainable_layers: int | None = None,
    resize_to: tuple[int, int] | None = None,
    weights: _Path | None = None,
    classifier_activation: _Softmax = "softmax",
) -> PixelModel: ...
