"""Answers for photographs as rows, as a CSV file, and drawn into the photographs."""

import csv

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facezoo.files import replacing

BOX = ("left", "top", "width", "height")
FACE = (*BOX, "box_score", "label", "score")
LINE = 0.006  # of the picture's longer side
TEXT = 0.03
COLOURS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189))


def face_row(face):
    """Return a face as a row: box in pixels, label, and a probability `p_<class>` a class."""
    return {
        **dict(zip(BOX, face.box, strict=True)),
        "box_score": face.box_score,
        "label": face.label,
        "score": face.score,
        **{f"p_{name}": share for name, share in face.probabilities.items()},
    }


def rows(name, faces):
    """Return a dict for every face of a picture; one without a face where there is none.

    Args:
        name: of the picture.
        faces: list of `FacePrediction`.

    Returns:
        list of `{"file", "face" (from 1), ...}` with what `face_row` gives.
    """
    told = [{"file": name, "face": n, **face_row(face)} for n, face in enumerate(faces, 1)]
    return told or [{"file": name, "face": 0}]


def table(results):
    """Return answers for many pictures as a pandas DataFrame, a row a face.

    Args:
        results: (name, list of `FacePrediction`) of every picture.

    Returns:
        DataFrame with the columns of `rows`; a picture without a face is a row with face 0.
    """
    import pandas as pd  # which photographs alone do not need

    return pd.DataFrame([row for name, faces in results for row in rows(name, faces)])


def csv_writer(file, place, classes):
    """Return a `csv.DictWriter` that wrote its header.

    Args:
        file: text file.
        place: names of the columns that say which face it is, such as ("file", "face").
        classes: names of the classes.
    """
    columns = (*place, *FACE, *(f"p_{name}" for name in classes))
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    return writer


def annotated(picture, faces, *, numbered=False):
    """Return a picture with its faces framed and named.

    Args:
        picture: uint8 (height, width, 1 or 3).
        faces: list of `FacePrediction`.
        numbered: begin each name with the face's number in the list, from 1.

    Returns:
        PIL.Image.Image, RGB.
    """
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).convert("RGB")
    draw = ImageDraw.Draw(image)
    longer = max(image.size)
    line, size = max(1, round(LINE * longer)), max(10, round(TEXT * longer))
    font = ImageFont.load_default(size)
    for number, (face, colour) in enumerate(zip(faces, _colours(), strict=False), 1):
        left, top, width, height = face.box
        draw.rectangle((left, top, left + width, top + height), outline=colour, width=line)
        said = f"{number}. " * numbered + f"{face.label} {face.score:.0%}"
        text = draw.textbbox((left, top), said, font=font, anchor="lb")
        if text[1] < 0:  # no room above: inside
            text = draw.textbbox((left, top + line), said, font=font, anchor="lt")
        draw.rectangle((text[0], text[1], text[2] + line, text[3] + line), fill=colour)
        draw.text((text[0], text[1]), said, font=font, fill="white", anchor="lt")
    return image


def _colours():
    while True:
        yield from COLOURS


def save_picture(path, picture):
    """Write a Pillow picture or a uint8 array, in the form that the path's ending names."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    with replacing(path) as beside:
        picture.save(beside)
