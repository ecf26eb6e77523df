"""Hyperparameter search: a recipe, a space and an Optuna study; `tune` runs it.

Words: a trial *counts* once it is done, pruned, or failed for a reason of its own; it is *live*
while a worker is at it; it is set *aside*, untrained, where its setting is another's or one too
many. The names below are resolved when first used, so that a worker starts quietly.
"""

import importlib

_HOME = {"TuningResult": "result", "tune": "searching"}


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


__all__ = list(_HOME)
