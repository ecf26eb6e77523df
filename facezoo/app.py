"""A page to try a network on photographs: boxes, a bar chart a face, and where it looked.

Gradio serves it on this machine alone unless another address is asked for; nothing is sent
anywhere else. Pictures lie in Gradio's temporary folder for little more than an hour, and not
after Ctrl-C; its history of what was asked, in the browser, is off.
"""

import functools
import os
import socket

import numpy as np

from facezoo.datasets.drawing import draw_face
from facezoo.errors import FacezooError, not_installed
from facezoo.faces.recognizer import Recognizer
from facezoo.faces.results import annotated
from facezoo.weights import list_weights

EXAMPLES = (  # what the drawn example pictures show: (expression, person) from left to right
    (("happy", 21), ("surprise", 23)),
    (("sad", 8), ("neutral", 26), ("happy", 45)),
)
EXAMPLE_NAMES = ["Two drawn faces", "Three drawn faces"]
FRAMED = "The picture with every face framed, numbered and named"
SIDE = 150  # pixels of a drawn face
SWEPT = (600, 3600)  # seconds: how often old pictures are deleted, and how old those are


def build_app(weights=None):
    """Return the page as a `gradio.Blocks`, not yet served.

    Args:
        weights: an .onnx file, a run folder or a name that the page begins with; None for the
            first of the shipped ones.

    Raises:
        FacezooError: Gradio is not installed, or there are no weights.
    """
    gradio = _gradio()
    names = [*filter(None, [weights and str(weights)]), *list_weights()]
    if not names:
        raise FacezooError(
            "Got no weights in this version of facezoo; expected some to try. Pass --weights with "
            "an .onnx file or a run folder."
        )
    recognizer = functools.lru_cache(maxsize=4)(Recognizer)
    recognizer(names[0])  # refused before the page is up

    def look(picture, name):
        if picture is None:
            return None, [], ""
        try:
            faces = recognizer(name).predict(picture)
        except FacezooError as error:
            raise gradio.Error(str(error)) from None
        framed = np.asarray(annotated(picture, faces, numbered=True))
        said = "" if faces else "No face found."
        return framed, [face.to_dict() for face in faces], said  # Gradio hashes what it keeps

    with gradio.Blocks(title="facezoo", analytics_enabled=False, delete_cache=SWEPT) as page:
        gradio.Markdown(
            "# facezoo\nWhat faces in a picture look like. Expressions are not feelings: do not "
            "judge anybody by this."
        )
        found = gradio.State([])
        with gradio.Row():
            with gradio.Column():
                sources = ["upload", "clipboard", "webcam"]
                picture = gradio.Image(label="Picture", type="numpy", sources=sources)
                name = gradio.Dropdown(names, value=names[0], label="Weights")
                inside = gradio.Checkbox(label="Show where the answer comes from (Grad-CAM)")
                drawn = [example(faces) for faces in EXAMPLES]
                # Gradio's thumbnails are buttons without a name, silent in a screen reader
                gradio.Examples(drawn, picture, example_labels=EXAMPLE_NAMES)
            with gradio.Column():
                shown = ["fullscreen", "download"]  # "share" sends a picture to Hugging Face
                named = {"label": "Faces", "alt_text": FRAMED}
                framed = gradio.Image(interactive=False, buttons=shown, **named)
                said = gradio.Markdown()
                answers = {"inputs": [picture, name, found, inside]}

                # once there are answers: not when a picture is new and they are of the last one
                @gradio.render(**answers, triggers=[found.change, inside.change])
                def show(picture, name, found, inside):
                    for number, face in enumerate(found, 1):
                        label, key = f"Face {number}", {"key": number, "preserved_by_key": []}
                        gradio.Label(face["probabilities"], label=label, **key)
                        if inside and not name.endswith(".onnx"):
                            figure = _explained(recognizer(name), name, picture, face)
                            gradio.Plot(figure, label=f"{label}, where it looked")
                    if found and inside and name.endswith(".onnx"):
                        gradio.Markdown("An .onnx file cannot be looked into; a run can.")

        for change in (picture.change, name.change):
            change(look, [picture, name], [framed, found, said])
    return page


def serve(weights=None, *, host="127.0.0.1", port=7860):
    """Serve the page in threads of its own.

    Args:
        weights: see `build_app`.
        host: address; "0.0.0.0" for every machine that can reach this one.
        port: 0 or more; 0 for any that is free.

    Returns:
        (page, address): the `gradio.Blocks`, whose `block_thread()` waits for Ctrl-C, and where
        it is served.

    Raises:
        FacezooError: no such host, or the port is taken.
    """
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            what = "host" if isinstance(error, socket.gaierror) else "port"
            raise FacezooError(
                f"Got {what} {host if what == 'host' else port} ({error.strerror}); expected one "
                f"that this machine can serve at. Pass another --{what}."
            ) from None
        free = tried.getsockname()[1]
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    page = build_app(weights)
    # no fonts from elsewhere: the page works without a connection
    theme = _gradio().themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    options = {"server_name": host, "server_port": free, "theme": theme, "run_history": False}
    _, address, _ = page.launch(prevent_thread_lock=True, quiet=True, **options)
    return page, address


def example(faces):
    """Return a drawn picture of faces: uint8 (300, 200 a face, 3) RGB."""
    picture = np.full((300, 200 * len(faces), 3), 120, np.uint8)
    for i, (expression, person) in enumerate(faces):
        face = draw_face(expression=expression, person=person, size=SIDE, channels=3)
        left = 200 * i + 25
        picture[75 : 75 + SIDE, left : left + SIDE] = face
    return picture


def _explained(recognizer, name, picture, face):
    """A figure of the face with Grad-CAM over it; Keras is started for it."""
    from facezoo.explain import grad_cam
    from facezoo.faces.detection import crop_face
    from facezoo.views import overlays
    from facezoo.weights import load_model

    cut = crop_face(picture, face["box"], recognizer.input_shape, recognizer.margin)
    classes = list(face["probabilities"])
    heat = grad_cam(load_model(name), cut, class_index=classes.index(face["label"]))
    return overlays(cut, [heat], [f"{face['label']} {face['score']:.0%}"])


def _gradio():
    try:
        import gradio
    except ModuleNotFoundError:
        raise not_installed("gradio", "the page", "app") from None
    return gradio
