"""`facezoo app` as a person meets it: the real command, in headless Chromium."""

import sys
from pathlib import Path

import pytest
from PIL import Image
from test_faces import PEOPLE, photo

from facezoo.faces.recognizer import Recognizer

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import browser
from networks import write_onnx

for name in ("gradio", "onnx", "playwright"):
    pytest.importorskip(name)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.usefixtures("heed_ctrl_c"),
]


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def labels(page):
    return page.get_by_role("heading", level=2).all_inner_texts()


def test_a_picture_is_answered_for_and_nothing_leaves_this_machine(tmp_path):
    network, kept = write_onnx(tmp_path / "small.onnx"), tmp_path / "gradio"
    two, none, shot = (tmp_path / f"{name}.png" for name in ("two", "none", "shot"))
    Image.fromarray(photo(PEOPLE[:2])).save(two)
    Image.fromarray(photo(())).save(none)
    expected = Recognizer(network).predict(two)
    with (
        browser.served(network, GRADIO_TEMP_DIR=str(kept)) as address,
        browser.opened(address) as (page, seen),
    ):
        before = files(kept)  # the drawn examples
        browser.ask(page, two)
        page.get_by_text("Face 2", exact=True).wait_for()
        assert labels(page) == [face.label for face in expected]
        assert page.get_by_text(f"{expected[0].score:.0%}", exact=True).count()
        framed = page.get_by_alt_text(browser.framed_name())
        assert framed.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [640, 480]
        page.screenshot(path=shot)
        with Image.open(shot) as taken:
            assert taken.size == (1280, 900)

        page.get_by_role("checkbox").check()
        page.get_by_text("cannot be looked into").wait_for()
        page.get_by_label("Remove Image").click()
        page.get_by_text("Face 1", exact=True).wait_for(state="detached")
        page.locator("input[type=file]").first.set_input_files(none)
        page.get_by_text("No face found.").wait_for()

        page.set_viewport_size({"width": 400, "height": 800})
        page.get_by_role("button", name="Two drawn faces").press("Enter")
        page.get_by_text("No face found.").wait_for(state="detached")
        page.get_by_text("Face 1", exact=True).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        assert files(kept) > before
    assert (seen.errors, seen.elsewhere) == ([], [])
    assert files(kept) <= before  # no picture outlives the page
