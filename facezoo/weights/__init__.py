"""Trained networks: those that facezoo ships, and a user's own runs, each with its `Card`.

Nothing is fetched: `manifest.json` names files of this folder.
"""

import importlib

_HOME = {
    "Card": "manifest",
    "get_card": "manifest",
    "list_weights": "manifest",
    "load_model": "loading",  # Keras comes with it
}


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


__all__ = list(_HOME)
