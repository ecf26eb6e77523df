"""Commands on photographs and videos: `predict`, `video`, `webcam`, `app`."""

import collections
import contextlib
import glob
import itertools
import json
import os
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from facezoo.cli.app import Json, command
from facezoo.errors import FacezooError, PictureError
from facezoo.files import replacing
from facezoo.terminal import err, out, progress

LONGEST = 10  # tracks of a video that are told, those of the most frames
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
        str, typer.Option(help="empty, raise, or whole_image: the picture is the face then.")
    ] = "empty",
    min_score: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Leave out boxes of a lower score; sure ones have 0.8 and more."
        ),
    ] = 0.0,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Answer by the mean for a face and its mirror image.")
    ] = False,
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
    from facezoo.faces.results import csv_writer, rows

    if table is not None:
        _refuse_existing(table)
    names, missing = found_pictures(photos)
    if not names:
        raise PictureError(
            f"Got {', '.join(photos)}, where no picture is; expected photographs or folders of "
            "them. Pass such as photo.jpg."
        )
    with _starting(weights):
        recognizer = Recognizer(
            weights,
            detector=detector,
            on_no_face=on_no_face,
            min_score=min_score,
            mirror=mirror,
        )
    for place in filter(None, (folder, crops, table and table.parent)):
        _make(place)
    every_row, skipped = [], [(name, "No such file or directory") for name in missing]
    with progress() as bar:
        answers = zip(names, recognizer.predict_each(names), strict=True)
        for name, faces in bar.track(answers, len(names), description="photographs"):
            try:
                if isinstance(faces, FacezooError):
                    raise faces
                _draw(recognizer, name, faces, folder, crops)
            except PictureError as error:  # also one that is gone when it is to be drawn
                skipped.append((name, str(error)))
                continue
            every_row += rows(name, faces)
            _tell(name, faces, top, as_json)
    if table is not None and every_row:
        with _writing(table), replacing(table) as beside, beside.open("w", newline="") as file:
            csv_writer(file, ("file", "face"), recognizer.label_set.classes).writerows(every_row)
    for name, reason in skipped:
        err.print(f"Skipped {name}: {reason}", soft_wrap=True)
    if len(skipped) == len(names) + len(missing):
        raise PictureError(
            f"Got {', '.join(name for name, _ in skipped[:3])}, and nothing to answer for; "
            "expected photographs. The reasons stand above; pass others."
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
    min_score: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Leave out boxes of a lower score; sure ones have 0.8 and more."
        ),
    ] = 0.0,
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

    for path in filter(None, (out_path, table)):
        _refuse_existing(path)
        _make(path.parent)
    with _starting(weights):
        recognizer = Recognizer(weights, min_score=min_score)
    with Video(source) as frames, _Kept(table) as rows, _Kept(out_path) as drawn:
        writer = _FrameWriter(frames, rows, drawn, recognizer.label_set.classes)
        length, seen, answers = frames.length, 0, collections.defaultdict(list)
        with progress() as bar, writer:
            task = bar.add_task("frames", total=length)
            options = {"rate": frames.rate, "every": every, "smoothing": smoothing}
            for frame in recognize_frames(recognizer, frames, **options):
                writer.write(frame)
                rows.worth = drawn.worth = True
                if as_json:
                    _print_frame(frame)
                seen += 1
                for face in frame.faces:
                    answers[face.track].append(face.label)
                bar.update(task, advance=1)
    if not as_json:
        out.print(f"{seen:,} frames, {len(answers)} tracks of faces", soft_wrap=True)
        for track, labels in sorted(answers.items(), key=lambda each: -len(each[1]))[:LONGEST]:
            often = ", ".join(
                f"{label} {count / len(labels):.0%}"
                for label, count in collections.Counter(labels).most_common(3)
            )
            out.print(f"  face {track}: {len(labels):,} frames, {often}", soft_wrap=True)
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
    from facezoo.faces.video import Video, recognize_frames

    with _starting(weights):
        recognizer = Recognizer(weights)
    seen = 0
    with Video(camera) as frames, contextlib.suppress(KeyboardInterrupt):
        for frame in recognize_frames(recognizer, itertools.islice(frames, count), every=every):
            _print_frame(frame)
            seen += 1
        if seen != count:
            err.print(f"Camera {camera} gave no more pictures after {seen:,}.", soft_wrap=True)
            return 1
    return 0


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

    with _starting(weights):
        page, address = serve(weights, host=host, port=port)
    out.print(f"{address} (Ctrl-C ends it)", soft_wrap=True)
    page.block_thread()


class _FrameWriter(contextlib.ExitStack):
    """Writes frames to a table and a video, where asked; what could not be written is not kept."""

    def __init__(self, frames, table, video, classes):
        from facezoo.faces.results import csv_writer
        from facezoo.faces.video import VideoFile

        super().__init__()
        self.rows = self.drawn = None
        if video.path is not None:
            self.enter_context(_whole(video))
            self.drawn = self.enter_context(VideoFile(video.path, frames.size, frames.rate))
        if table.path is not None:
            self.enter_context(_whole(table))
            file = self.enter_context(table.path.open("w", encoding="utf-8", newline=""))
            self.rows = csv_writer(file, ("frame", "seconds", "track"), classes)

    def write(self, frame):
        """Add a `Frame`."""
        from facezoo.faces.results import annotated
        from facezoo.faces.video import frame_rows

        if self.rows is not None:
            self.rows.writerows(frame_rows(frame))
        if self.drawn is not None:
            self.drawn.write(np.asarray(annotated(frame.picture, frame.faces)))


@contextlib.contextmanager
def _whole(kept):
    """Tell that a `_Kept` could not be written, and keep nothing of it then."""
    with _writing(kept.target):
        try:
            yield
        except OSError:
            kept.worth = False
            raise


class _Kept:
    """A new file that is kept however the block ends, once something worth keeping is in it.

    Args:
        path: the file; None for none.

    Attributes:
        path: where to write meanwhile, or None.
        worth: whether it is to be kept.
    """

    def __init__(self, path):
        self.target, self.path, self.worth = path, None, False

    def __enter__(self):
        if self.target is not None:
            self._replacing = replacing(self.target)
            with _writing(self.target):
                self.path = self._replacing.__enter__()
        return self

    def __exit__(self, *raised):
        if self.path is None:
            return
        if not self.worth:
            self._replacing.__exit__(*raised)
            return
        with _writing(self.target):
            self._replacing.__exit__(None, None, None)


@contextlib.contextmanager
def _starting(weights):
    """Hold back what TensorFlow prints, where a run folder starts it."""
    from facezoo.terminal import starting_keras
    from facezoo.weights.manifest import Card, find_source

    onnx = weights is None or weights.endswith(".onnx")
    quiet = onnx or isinstance(find_source(weights), Card)
    with contextlib.nullcontext() if quiet else starting_keras():
        yield


def _refuse_existing(path):
    if os.path.lexists(path):
        raise FacezooError(f"Got {str(path)!r}, which exists; expected a new file. Choose another.")


def _print_frame(frame):
    faces = [face.to_dict() for face in frame.faces]
    told = {"frame": frame.number, "seconds": round(frame.seconds, 3), "faces": faces}
    print(json.dumps(told), flush=True)


def found_pictures(given):
    """Paths, folders and patterns -> (names of files, names that are not there)."""
    names, missing = [], []
    for one in given:
        if os.path.isdir(one):  # unlike Path's, it takes any text
            inside = sorted(p for p in Path(one).rglob("*") if p.suffix.lower() in PICTURES)
            names += [str(p) for p in inside if p.is_file()]
        elif os.path.exists(one):
            names.append(one)
        else:
            matched = sorted(glob.glob(one, recursive=True))
            names += [found for found in matched if not os.path.isdir(found)]
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
