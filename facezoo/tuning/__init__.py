"""Hyperparameter search: a recipe, a space and an Optuna study; `tune` runs it."""

from facezoo.tuning.result import TuningResult
from facezoo.tuning.tune import tune

__all__ = ["TuningResult", "tune"]
