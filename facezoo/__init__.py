"""facezoo: a Keras model zoo for faces.

The public names, each imported when it is first used: `import facezoo` itself loads
neither tensorflow nor cv2.
"""

import importlib

from facezoo.version import __version__

_HOME = {
    "Audit": "auditing",
    "Augmentation": "augment",
    "Card": "weights",
    "ArchiveError": "errors",
    "CollapseWarning": "errors",
    "DatasetNotFound": "errors",
    "DatasetSpec": "datasets.spec",
    "Detection": "faces",
    "FaceDataset": "datasets",
    "FacePrediction": "faces",
    "FacezooError": "errors",
    "Frame": "faces",
    "HaarDetector": "faces",
    "Hosts": "parallel",
    "LabelSet": "labels",
    "LabelSetMismatch": "errors",
    "OnnxNetwork": "runtime",
    "Outcome": "reproduction",
    "ParallelError": "errors",
    "PictureError": "errors",
    "Pictures": "datasets",
    "PixelError": "errors",
    "PixelModel": "models.pixels",
    "Plan": "reproduction",
    "ProtocolError": "errors",
    "RandomAugmentation": "augment_layer",
    "Range": "recipes",
    "Recognizer": "faces",
    "Recipe": "recipes",
    "RecipeError": "errors",
    "ResultsError": "errors",
    "Report": "report",
    "RunError": "errors",
    "RunFolder": "runs",
    "Schedule": "recipes",
    "Split": "datasets",
    "StoreError": "errors",
    "Study": "reproduction",
    "Space": "recipes",
    "TrackedFace": "faces",
    "TrainingDiverged": "errors",
    "TuningError": "errors",
    "TuningResult": "tuning",
    "UnknownName": "errors",
    "Video": "faces",
    "WeightsError": "errors",
    "audit": "auditing",
    "augmented": "augment_layer",
    "build_model": "models",
    "describe_models": "models",
    "draw_face": "datasets.drawing",
    "evaluate": "evaluation",
    "export": "exporting",
    "get_card": "weights",
    "get_recipe": "recipes",
    "get_space": "recipes",
    "get_spec": "datasets",
    "grad_cam": "explain",
    "list_datasets": "datasets",
    "list_models": "models",
    "list_recipes": "recipes",
    "list_weights": "weights",
    "load_dataset": "datasets",
    "load_model": "weights",
    "make_pipeline": "pipeline",
    "nearest_neighbour": "baseline",
    "occlusion_map": "explain",
    "prepare": "datasets.prepare",
    "recognize_frames": "faces",
    "reproduce": "reproduction",
    "train": "training",
    "tune": "tuning",
}  # public name -> module that defines it; every build_<name> comes from models


def __getattr__(name):
    home = _HOME.get(name) or ("models" if name.startswith("build_") else None)
    if home is None:
        raise AttributeError(f"module 'facezoo' has no attribute {name!r}")
    return getattr(importlib.import_module(f"facezoo.{home}"), name)


def __dir__():
    models = importlib.import_module("facezoo.models")
    builders = [f"build_{name}" for name in models.BUILDERS]
    return sorted([*_HOME, *builders, "__version__"])


__all__ = [*_HOME, "__version__"]
