"""Commands on photographs and videos: `predict`, `video`, `webcam`, `app`."""

import contextlib
import csv
import glob
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from facezoo.cli.app import Json, command
from facezoo.errors import FacezooError, PictureError
from facezoo.terminal import err, out, progress

PICTURES = {".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


@command
def predict(
    photos: Annotated[list[str], typer.Argument(help="Photographs, folders or patterns.")],
    weights: Annotated[
        str, typer.Option(help="Name of weights, .onnx file, or run folder.")
    ] = "facezoo_base",
    detector: Annotated[
        str, typer.Option(help="haar, or whole: every picture is one face.")
    ] = "haar",
    on_no_face: Annotated[
        str, typer.Option(help="empty, or whole_image: the picture is the face then.")
    ] = "empty",
    top: Annotated[int, typer.Option(min=1, help="Print so many classes a face.")] = 1,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write the photographs with frames here.")
    ] = None,
    crops: Annotated[Path | None, typer.Option(help="Write the faces, cut out, here.")] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help="Write a table, a row a face.")
    ] = None,
    as_json: Json = False,
):
    """Find the faces of photographs and say what they look like."""
    from facezoo.faces.recognizer import Recognizer
    from facezoo.faces.results import rows, write_csv

    names, missing = found_pictures(photos)
    if not names:
        raise PictureError(
            f"Got {', '.join(photos)}, where no picture is; expected photographs or folders of "
            "them. Pass such as photo.jpg."
        )
    recognizer = Recognizer(weights, detector=detector, on_no_face=on_no_face)
    for place in filter(None, (folder, crops, table and table.parent)):
        _make(place)
    every_row, skipped = [], [(name, "No such file or directory") for name in missing]
    with progress() as bar:
        following = bar.track(names, description="photographs")
        for name, faces in recognizer.predict_each(following):
            if isinstance(faces, FacezooError):
                skipped.append((name, str(faces).partition(": " + name)[0]))
                continue
            every_row += rows(name, faces)
            _tell(name, faces, top, as_json)
            _draw(recognizer, name, faces, folder, crops)
    if table is not None:
        with _writing(table):
            write_csv(table, every_row, recognizer.label_set.classes)
    for name, reason in skipped:
        err.print(f"Skipped {name}: {reason}", soft_wrap=True)
    if len(skipped) == len(names) + len(missing):
        raise PictureError(
            f"Got {len(skipped)} files, none of which can be read; expected photographs. Pass "
            "such as photo.jpg."
        )
    return int(bool(skipped))


@command
def video(
    source: Annotated[Path, typer.Argument(help="Video file.")],
    out_path: Annotated[
        Path | None, typer.Option("--out", help="Write the video with frames about faces, .mp4.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help="Write a table, a row a face of every frame.")
    ] = None,
    every: Annotated[
        int, typer.Option(min=1, help="Look for faces in every so many frames; follow between.")
    ] = 1,
    smoothing: Annotated[
        float, typer.Option(min=0, max=0.99, help="How much of a face's answer so far is kept.")
    ] = 0.7,
    weights: Annotated[
        str, typer.Option(help="Name of weights, .onnx file, or run folder.")
    ] = "facezoo_base",
    as_json: Json = False,
):
    """Follow the faces of a video; sound is not kept."""
    from facezoo.faces.recognizer import Recognizer
    from facezoo.faces.video import Video, recognize_frames

    recognizer = Recognizer(weights)
    with Video(source) as frames, contextlib.ExitStack() as files:
        write = _writers(files, frames, out_path, table, recognizer.label_set.classes)
        length, seen, faces = frames.length, 0, set()
        with progress() as bar:
            task = bar.add_task("frames", total=length)
            options = {"rate": frames.rate, "every": every, "smoothing": smoothing}
            for frame in recognize_frames(recognizer, frames, **options):
                write(frame)
                if as_json:
                    _print_frame(frame)
                seen += 1
                faces |= {face.track for face in frame.faces}
                bar.update(task, advance=1)
    if not as_json:
        out.print(f"{seen:,} frames, {len(faces)} faces", soft_wrap=True)
    if frames.broken:
        err.print(
            f"{source} breaks off after {seen:,} of {length:,} frames; what was read is kept.",
            soft_wrap=True,
        )
    return int(frames.broken)


@command
def webcam(
    camera: Annotated[int, typer.Option(min=0, help="Number of the camera.")] = 0,
    every: Annotated[
        int, typer.Option(min=1, help="Look for faces in every so many frames; follow between.")
    ] = 3,
    count: Annotated[
        int | None, typer.Option("--frames", min=1, help="Stop after so many frames.")
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Name of weights, .onnx file, or run folder.")
    ] = "facezoo_base",
):
    """Print what a camera sees as JSON lines, a frame a line, until Ctrl-C."""
    from facezoo.faces.recognizer import Recognizer
    from facezoo.faces.video import Video, limited, recognize_frames

    recognizer = Recognizer(weights)
    with Video(camera) as frames, contextlib.suppress(KeyboardInterrupt):
        options = {"rate": frames.rate, "every": every}
        for frame in recognize_frames(recognizer, limited(frames, count), **options):
            _print_frame(frame)


@command
def app(
    weights: Annotated[
        str | None, typer.Option(help="Name of weights, .onnx file, or run folder.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address that is served at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")] = 7860,
):
    """Serve a page to try a network on photographs, on this machine alone."""
    from facezoo.app import serve

    serve(weights, host=host, port=port)


def _writers(files, frames, out_path, table, classes):
    """Open the files that a video is written to; return what writes a frame to all of them."""
    from facezoo.faces.results import annotated
    from facezoo.faces.video import VideoFile, frame_rows

    columns = ("frame", "seconds", "track", "left", "top", "width", "height", "box_score")
    rows = video_file = None
    if table is not None:
        _make(table.parent)
        beside = files.enter_context(_kept(table))
        file = files.enter_context(beside.open("w", encoding="utf-8", newline=""))
        rows = csv.DictWriter(
            file, (*columns, "label", "score", *classes), restval="", lineterminator="\n"
        )
        rows.writeheader()
    if out_path is not None:
        _make(out_path.parent)
        beside = files.enter_context(_kept(out_path))
        video_file = files.enter_context(VideoFile(beside, frames.size, frames.rate))

    def write(frame):
        if rows is not None:
            rows.writerows(frame_rows(frame))
        if video_file is not None:
            video_file.write(np.asarray(annotated(frame.picture, frame.faces)))

    return write


@contextlib.contextmanager
def _kept(path):
    """`replacing`, which also keeps what was written until Ctrl-C."""
    from facezoo.files import replacing

    stopped = None
    with _writing(path), replacing(path) as beside:
        try:
            yield beside
        except KeyboardInterrupt as error:
            stopped = error
    if stopped is not None:
        raise stopped


def _print_frame(frame):
    faces = [face.to_dict() for face in frame.faces]
    told = {"frame": frame.number, "seconds": round(frame.seconds, 3), "faces": faces}
    print(json.dumps(told), flush=True)


def found_pictures(given):
    """Paths, folders and patterns -> (names of files, names that are not there)."""
    names, missing = [], []
    for one in given:
        path = Path(one)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
            names += [str(p) for p in inside if p.is_file()]
        elif path.exists():
            names.append(one)
        else:
            matched = sorted(glob.glob(one, recursive=True))
            names += matched
            missing += [] if matched else [one]
    return list(dict.fromkeys(names)), missing


def _tell(name, faces, top, as_json):
    if as_json:
        print(json.dumps({"file": name, "faces": [face.to_dict() for face in faces]}))
        return
    if not faces:
        out.print(f"{name}: no face found", soft_wrap=True)
    for face in faces:
        best = sorted(face.probabilities.items(), key=lambda each: -each[1])[:top]
        said = ", ".join(f"{label} {share:.1%}" for label, share in best)
        left, upper, width, height = face.box
        out.print(f"{name}: {said} ({width}x{height} at {left},{upper})", soft_wrap=True)


def _draw(recognizer, name, faces, folder, crops):
    """Write the picture with frames, and the faces, where asked."""
    if folder is None and crops is None:
        return
    from facezoo.faces.detection import crop_face
    from facezoo.faces.results import annotated, save_picture

    picture, stem = recognizer.read(name), Path(name).stem
    if folder is not None:
        with _writing(folder):
            save_picture(_free(folder / f"{stem}.png"), annotated(picture, faces))
    for number, face in enumerate(faces if crops is not None else (), 1):
        cut = crop_face(picture, face.box, recognizer.input_shape, recognizer.margin)
        with _writing(crops):
            save_picture(_free(crops / f"{stem}-{number}.png"), cut)


def _free(path):
    """Return the path, or the first of path-2, path-3 ... that is free."""
    found, number = path, 2
    while found.exists():
        found, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return found


def _make(folder):
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _writing(place):
    try:
        yield
    except OSError as error:
        raise FacezooError(
            f"Got {error.strerror or error} while writing to {str(place)!r}; expected a folder "
            "with room that can be written. Choose another."
        ) from None
