"""Figures in the README are rendered from stored results, not typed."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import render  # noqa: E402 - benchmarks are scripts, not a package


@pytest.mark.parametrize("name", render.TABLES)
def test_the_readme_shows_what_was_stored(name):
    text = (ROOT / "README.md").read_text("utf-8")
    table = render.shown(name)
    if table is None:  # then nothing may stand between the marks
        table = "".join(render.marks(name))
    assert table in text
