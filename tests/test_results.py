"""Figures in the README are rendered from stored results, not typed."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def benchmark(name):
    """Import benchmarks/<name>.py, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["cmu"])
def test_the_readme_shows_what_was_stored(name):
    results = ROOT / "results" / f"{name}.json"
    module = benchmark(name)
    shown = module.table(json.loads(results.read_text("utf-8")))
    readme = (ROOT / "README.md").read_text("utf-8")
    assert module.BEGIN + shown + module.END in readme
