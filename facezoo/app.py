"""A page to try a network on photographs: boxes, a bar chart a face, and where it looked.

Gradio serves it on this machine alone unless another address is asked for; nothing is sent
anywhere else, and no picture is kept.
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
SIDE = 150  # pixels of a drawn face


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
            return None, []
        try:
            faces = recognizer(name).predict(picture)
        except FacezooError as error:
            raise gradio.Error(str(error)) from None
        framed = np.asarray(annotated(picture, faces))
        return framed, [face.to_dict() for face in faces]  # Gradio hashes what it keeps

    with gradio.Blocks(title="facezoo", analytics_enabled=False) as page:
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
                gradio.Examples([example(faces) for faces in EXAMPLES], picture)
            with gradio.Column():
                framed = gradio.Image(label="Faces", interactive=False)

                @gradio.render(inputs=[picture, name, found, inside])
                def show(picture, name, found, inside):
                    if picture is not None and not found:
                        gradio.Markdown("No face found.")
                    for number, face in enumerate(found, 1):
                        gradio.Label(face["probabilities"], label=f"Face {number}")
                        if inside and name.endswith(".onnx"):
                            gradio.Markdown("An .onnx file cannot be looked into; a run can.")
                        elif inside:
                            gradio.Plot(_explained(recognizer(name), name, picture, face))

        for change in (picture.change, name.change):
            change(look, [picture, name], [framed, found])
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
    options = {"server_name": host, "server_port": free, "theme": theme}
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
