"""Trained networks: those that facezoo ships, and a user's own runs, each with its `Card`.

Nothing is fetched: `manifest.json` names files of this folder.
"""

from facezoo.lazy import resolver

_HOME = {
    "Card": "manifest",
    "get_card": "manifest",
    "list_weights": "manifest",
    "load_model": "loading",  # Keras comes with it
}

__getattr__ = resolver(__name__, _HOME)
__all__ = list(_HOME)
