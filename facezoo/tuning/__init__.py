"""Hyperparameter search: a recipe, a space and an Optuna study; `tune` runs it.

Words: a trial *counts* once it is done, pruned, or failed for a reason of its own; it is *live*
while a worker is at it; it is set *aside*, untrained, where its setting is another's or one too
many. The names below are resolved when first used, so that a worker starts quietly.
"""

from facezoo.lazy import resolver

_HOME = {"TuningResult": "result", "tune": "searching"}

__getattr__ = resolver(__name__, _HOME)
__all__ = list(_HOME)
