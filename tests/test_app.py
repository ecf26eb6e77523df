"""The page to try a network on, in a process of its own: Gradio leaves event loops open."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from facezoo.errors import FacezooError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="gradio is not installed"
)
SCRIPT = """
import json, sys, urllib.request
sys.path.insert(0, sys.argv[1])
import numpy as np
import gradio
from gradio_client import Client, handle_file
from pathlib import Path
from PIL import Image
from test_faces import PEOPLE, Network, photo
from facezoo import app
from facezoo.faces import recognizer
from facezoo.faces.detection import HaarDetector

recognizer.open_network = lambda weights, runtime, threads: Network()
page = app.build_app("some.onnx")
(look,) = {f.fn for f in page.fns.values() if getattr(f.fn, "__name__", "") == "look"}
picture = photo(PEOPLE[:2])
framed, faces, _ = look(picture, "some.onnx")
try:
    look(picture / 255, "some.onnx")
except gradio.Error as error:
    refused = str(error)
page, address = app.serve("some.onnx", port=0)
html = urllib.request.urlopen(address).read().decode()
Image.fromarray(picture).save(sys.argv[2])
client = Client(address, verbose=False)
served, _ = client.predict(handle_file(sys.argv[2]), "some.onnx", api_name="/look")
served = Path(served["path"] if isinstance(served, dict) else served).is_file()
refusals = []
for options in ({"host": "999.1.1.1"}, {"port": int(address.rstrip("/").rpartition(":")[2])}):
    try:
        app.serve("some.onnx", **options)
    except ValueError as error:
        refusals.append(str(error))
page.close()
print(json.dumps({
    "same": faces == [f.to_dict() for f in recognizer.Recognizer().predict(picture)],
    "served": served,
    "faces": len(faces),
    "framed": bool(framed.shape == picture.shape and (framed != picture).any()),
    "nothing": look(None, "some.onnx"),
    "none": look(photo(()), "some.onnx")[1:],
    "refused": refused,
    "refusals": refusals,
    "address": address,
    "elsewhere": [w for w in ("googleapis", "gstatic", "cdnjs") if w in html],
    "examples": [len(HaarDetector().detect(app.example(faces))) for faces in app.EXAMPLES],
}))
"""


def test_the_page_answers_as_the_library_does(tmp_path):
    tests, picture = str(Path(__file__).parent), str(tmp_path / "photo.png")
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, tests, picture]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["same"] and told["framed"] and told["faces"] == 2
    assert told["nothing"] == [None, [], ""] and told["none"] == [[], "No face found."]
    assert "expected a picture" in told["refused"]
    assert told["address"].startswith("http://127.0.0.1:")
    assert told["served"] and told["elsewhere"] == []
    host, port = told["refusals"]
    assert "Got host 999.1.1.1" in host and "Got port" in port
    assert min(told["examples"]) >= 1


def test_a_page_without_weights_is_refused(monkeypatch):
    from facezoo import app

    monkeypatch.setattr(app, "_gradio", lambda: None)
    monkeypatch.setattr(app, "list_weights", list)
    with pytest.raises(FacezooError, match="--weights"):
        app.build_app()
