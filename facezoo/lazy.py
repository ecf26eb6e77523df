"""Packages whose names are imported when they are first used."""

import importlib


def resolver(package, home):
    """Return a `__getattr__` for a package.

    Args:
        package: its `__name__`.
        home: `{public name: module of the package that defines it}`.
    """

    def resolve(name):
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{home[name]}"), name)

    return resolve
