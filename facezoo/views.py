"""Figures of what `explain.py` finds: maps over pictures, activations, filters.

As in `plots.py`, a figure is a `matplotlib.figure.Figure` that pyplot never hears of. Maps
are laid over the picture in gray: red and opaque where much speaks for a class, blue where
something speaks against it, clear where nothing does.
"""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from facezoo.errors import FacezooError, LabelSetMismatch, PictureError, unknown
from facezoo.explain import METHODS, grad_cam, probabilities
from facezoo.files import replacing
from facezoo.pictures import decode
from facezoo.plots import sample_grid
from facezoo.weights import load_model

WIDTH = 2.9  # inches that a picture with a map over it is wide
MOST = 3  # classes that are drawn where none is named: the most probable ones
SHOWN = 480  # pixels of the longer side that a photo is shown with
OPACITY = 0.75  # of the strongest evidence
OVER, PLAIN = "RdYlBu_r", "viridis"


def overlays(picture, maps, titles, *, title="picture"):
    """Draw a picture and, beside it, maps laid over it.

    Args:
        picture: uint8 (height, width, 1 or 3), 0-255.
        maps: N of float (h, w), as `grad_cam` or `occlusion_map` give them, of any size:
            they are stretched to the picture, and all coloured in one scale, that of their
            largest value or, where it is larger, of their smallest.
        titles: N texts, such as class and probability.
        title: above the picture itself.

    Returns:
        matplotlib.figure.Figure.

    Raises:
        PixelError: `picture` is no picture.
        FacezooError: not one title a map, or maps that are not (h, w).
    """
    maps = [np.asarray(each, np.float32) for each in maps]
    if len(maps) != len(titles) or any(each.ndim != 2 for each in maps):
        shapes = [each.shape for each in maps]
        raise FacezooError(
            f"Got {len(titles)} titles and maps of {shapes}; expected (h, w), a title each. Pass "
            "lists, also for one map: overlays(picture, [map], ['happy'])."
        )
    picture = np.asarray(picture)
    peak = max((np.abs(each).max() for each in maps), default=0) or 1
    panels = [_over(picture, each / peak) for each in maps]
    colour = np.repeat(picture, 3, axis=-1) if picture.shape[-1:] == (1,) else picture
    return sample_grid([colour, *panels], [title, *titles], columns=4, width=WIDTH)


def explained(model, photo, *, method="grad-cam", classes=None):
    """Answer for a photo of one face, and draw where the answer comes from.

    Args:
        model: `PixelModel` with a label set.
        photo: bytes of a picture file. The whole picture is taken as the face, and
            stretched to the model's shape as data sets are.
        method: "grad-cam" or "occlusion".
        classes: names of the classes to draw; None for the three most probable ones.

    Returns:
        (answers, figure): `{class: probability}`, highest first, and a Figure.

    Raises:
        PictureError: the photo cannot be decoded.
        UnknownName: no such method or class.
        LabelSetMismatch: a model without a label set.
    """
    chosen = _chosen(model, method, classes)
    *size, channels = model.input_shape[1:]
    image = decode(photo, channels=channels, size=None if None in size else size)
    answers = probabilities(model, image[None])[0]
    order = np.argsort(-answers, kind="stable")
    names = model.label_set.classes
    maps, titles = [], []
    for k in chosen or order[:MOST]:
        maps.append(METHODS[method](model, image, class_index=int(k)))
        titles.append(f"{names[k]} {answers[k]:.1%}")
        if method == "occlusion":
            titles[-1] += f"\nfalls by {100 * max(maps[-1].max(), 0):.1f} points"
    figure = overlays(_shown(photo), maps, titles, title=f"photo ({method})")
    return {names[k]: float(answers[k]) for k in order}, figure


def class_maps(model, split, *, count=8):
    """Draw where a model finds each class: Grad-CAM over the mean face, no single face shown.

    Args:
        model: `PixelModel` with the split's classes.
        split: `Split`.
        count: pictures a class whose maps are averaged, the first ones.

    Returns:
        matplotlib.figure.Figure; a class without pictures is left out.
    """
    maps, titles = [], []
    for k, name in enumerate(split.label_set.classes):
        rows = np.flatnonzero(split.classes == k)[:count]
        if len(rows):
            pictures = split.images[rows]
            maps.append(np.mean([grad_cam(model, one, class_index=k) for one in pictures], axis=0))
            titles.append(name)
    some = split.images[:: max(1, len(split) // 256)]  # sets may be in the order of classes
    return overlays(np.round(some.mean(axis=0)).astype(np.uint8), maps, titles, title="mean face")


def explain_photos(run, photos, folder=".", *, method="grad-cam", classes=None):
    """Explain a run's answers for photos; write `<folder>/<photo's stem>-<method>.png`.

    A file that exists is never replaced: the next figure of that name ends in -2, -3 ...

    Args:
        run: path of a run folder.
        photos: paths of pictures, each wholly of one face.
        folder: where to write; made if it is not there.
        method, classes: see `explained`.

    Yields:
        (photo, answers, path) for each as it is done, `answers` as of `explained`; then
        (photo, None, reason) for those that cannot be read.

    Raises:
        RunError: no trained model there.
        UnknownName: no such method or class; nothing is written.
        PictureError: none of the photos can be read.
        FacezooError: the folder cannot be written.
    """
    model = load_model(run)
    _chosen(model, method, classes)  # refused before a file is read
    photos, skipped = [Path(photo) for photo in photos], []
    for photo in photos:
        try:
            answers, figure = explained(model, photo.read_bytes(), method=method, classes=classes)
        except (PictureError, OSError) as error:
            skipped.append((photo, None, getattr(error, "strerror", None) or str(error)))
        else:
            yield photo, answers, _write(figure, Path(folder), f"{photo.stem}-{method}")
    if len(skipped) == len(photos):
        raise PictureError(
            f"Got {len(photos)} files, none of which can be read"
            + "".join(f"; {photo}: {reason}" for photo, _, reason in skipped[:3])
            + "; expected pictures of faces. Pass such as photo.jpg."
        )
    yield from skipped


def activation_grid(values, *, limit=64):
    """Draw a layer's maps, a picture a channel, all in one scale: dark low, yellow high.

    Args:
        values: float (h, w, channels), as `explain.activations` gives them.
        limit: how many channels to draw.

    Returns:
        matplotlib.figure.Figure.

    Raises:
        FacezooError: no maps, such as the (units,) of a dense layer.
    """
    values = np.asarray(values, np.float32)
    if values.ndim != 3 or not values.size:
        raise FacezooError(
            f"Got activations of {values.shape}; expected maps (h, w, channels). Take those of a "
            "convolution or of pooling."
        )
    low, high = values.min(), values.max()
    shades = (values - low) / ((high - low) or 1)
    pictures = matplotlib.colormaps[PLAIN](shades.transpose(2, 0, 1)[:limit], bytes=True)
    return sample_grid(pictures[..., :3], [str(i) for i in range(len(pictures))])


def filter_grid(kernel, *, limit=64):
    """Draw a convolution's kernel, all in one scale: gray is 0, white positive.

    Kernels on one or three channels are drawn a picture a filter, others a picture for
    every input of every filter.

    Args:
        kernel: float (height, width, inputs, outputs), as `explain.filters` gives them.
        limit: how many pictures to draw.

    Returns:
        matplotlib.figure.Figure.

    Raises:
        FacezooError: another shape.
    """
    kernel = np.asarray(kernel, np.float32)
    if kernel.ndim != 4 or not kernel.size:
        raise FacezooError(
            f"Got a kernel of {kernel.shape}; expected (height, width, inputs, outputs). Take "
            "that of a convolution, by explain.filters."
        )
    inputs = kernel.shape[2]
    scaled = kernel / (np.abs(kernel).max() or 1)
    pictures = np.round(127.5 + 127.5 * scaled).astype(np.uint8).transpose(3, 0, 1, 2)
    if inputs in (1, 3):
        titles = [str(i) for i in range(len(pictures))]
    else:
        titles = [f"{i} of input {j}" for i in range(len(pictures)) for j in range(inputs)]
        pictures = pictures.transpose(0, 3, 1, 2).reshape(-1, *kernel.shape[:2], 1)
    return sample_grid(pictures[:limit], titles[:limit])


def _chosen(model, method, classes):
    """Indices of the named classes; refuses unknown ones, and an unknown method."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if model.label_set is None:
        raise LabelSetMismatch(
            "Got a model without a label set; expected one that says what its outputs mean. "
            "Set model.label_set."
        )
    return [model.label_set.index(name) for name in classes or ()]


def _write(figure, folder, stem):
    """Write a PNG under a name that is still free; return its path."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path, number = folder / f"{stem}.png", 2
        while True:
            try:
                path.touch(exist_ok=False)  # ours, also where another process draws
                break
            except FileExistsError:
                path, number = folder / f"{stem}-{number}.png", number + 1
        try:
            with replacing(path) as beside:
                figure.savefig(beside, format="png")
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FacezooError(
            f"Got {error.strerror!r} while writing to {str(folder)!r}; expected a folder with room "
            "that can be written. Pass --out with another one."
        ) from None
    return path


def _shown(photo):
    """Bytes -> uint8 (height, width, channels), at most `SHOWN` pixels a side."""
    picture = decode(photo)
    height, width = picture.shape[:2]
    shrink = SHOWN / max(height, width)
    if shrink >= 1:
        return picture
    return decode(photo, size=(max(round(height * shrink), 1), max(round(width * shrink), 1)))


def _over(picture, values):
    """Picture and (h, w) in -1 to 1 -> uint8 (height, width, 3)."""
    height, width = picture.shape[:2]
    values = np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR))
    gray = picture.mean(axis=-1, keepdims=True)
    colour = 255 * matplotlib.colormaps[OVER]((1 + values) / 2)[..., :3]
    share = OPACITY * np.abs(values)[..., None]
    return np.round(gray * (1 - share) + colour * share).astype(np.uint8)
