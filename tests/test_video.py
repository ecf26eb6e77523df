"""Videos: every frame told, faces that keep their numbers, and files that break."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from test_faces import PEOPLE, Network

import facezoo
from facezoo.cli import main
from facezoo.errors import PictureError
from facezoo.faces import video
from facezoo.faces.detection import Detection, HaarDetector, overlap
from facezoo.faces.recognizer import Recognizer
from facezoo.faces.tracking import Tracker
from facezoo.faces.video import Video, VideoFile, recognize_frames

SIDE = 100


@pytest.fixture
def network(monkeypatch):
    made = Network()
    monkeypatch.setattr(
        "facezoo.faces.recognizer.open_network", lambda weights, runtime, threads: made
    )
    return made


def frame(*places):
    """uint8 (240, 320, 3) with a drawn face at each (left, top)."""
    picture = np.full((240, 320, 3), 120, np.uint8)
    for person, (left, top) in zip(PEOPLE, places, strict=False):
        face = facezoo.draw_face(expression="happy", person=person, size=SIDE, channels=3)
        picture[top : top + SIDE, left : left + SIDE] = face
    return picture


def moving(count=12):
    """Two faces that move apart, four pixels a frame."""
    return [frame((60 - 4 * i, 20 + 2 * i), (150 + 4 * i, 90)) for i in range(count)]


@pytest.fixture
def film(tmp_path):
    """A video: twelve frames of two faces, then three without any."""
    path = tmp_path / "film.mp4"
    with VideoFile(path, (320, 240), 10.0) as file:
        for picture in [*moving(), frame(), frame(), frame()]:
            file.write(picture)
    return path


class Found:
    """A detector that finds what it is told, and counts how often it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def detect(self, picture):
        boxes = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [Detection(box, 0.9) for box in boxes]


@pytest.mark.parametrize("every", [1, 4])
def test_faces_keep_their_numbers_while_they_move(every):
    tracker = Tracker(HaarDetector(), every=every)
    for i, picture in enumerate(moving()):
        faces = dict(tracker.step(picture))
        assert sorted(faces) == [1, 2]
        centres = {n: (f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for n, f in faces.items()}
        expected = {(60 - 4 * i + 50, 20 + 2 * i + 50), (150 + 4 * i + 50, 90 + 50)}
        for x, y in expected:
            assert min(np.hypot(x - a, y - b) for a, b in centres.values()) < 20


def test_the_detector_is_asked_for_every_nth_frame_only():
    detector = Found([(60, 20, SIDE, SIDE)])
    tracker = Tracker(detector, every=5)
    for picture in moving(11):
        tracker.step(picture)
    assert detector.asked == 3


def test_a_face_that_is_missed_twice_keeps_its_number_and_loses_it_then():
    here, none = [(60, 20, SIDE, SIDE)], []
    tracker = Tracker(Found(here, none, none, here, none, none, none, here))
    numbers = [[n for n, _ in tracker.step(frame((60, 20)))] for _ in range(8)]
    assert numbers == [[1], [], [], [1], [], [], [], [2]]


def test_a_followed_face_that_is_gone_is_not_told_any_more():
    tracker = Tracker(Found([(60, 20, SIDE, SIDE)]), every=10)
    assert len(tracker.step(frame((60, 20)))) == 1
    assert len(tracker.step(frame((64, 20)))) == 1
    assert tracker.step(frame()) == []


def test_answers_are_smoothed_along_a_track(network):
    recognizer = Recognizer(detector=Found([(60, 20, SIDE, SIDE)]))
    pictures = [frame((60, 20)), frame((60, 20)) // 2, frame((60, 20)) // 2]
    raw = list(recognize_frames(recognizer, pictures, smoothing=0.0))
    smooth = list(recognize_frames(recognizer, pictures, smoothing=0.75))
    first, last = (np.array(list(f.faces[0].probabilities.values())) for f in (raw[0], raw[2]))
    told = np.array(list(smooth[1].faces[0].probabilities.values()))
    assert told == pytest.approx(0.75 * first + 0.25 * last, abs=1e-6)
    assert smooth[1].faces[0].score == max(smooth[1].faces[0].probabilities.values())


def test_every_frame_is_told_also_without_a_face(network, film):
    with Video(film) as frames:
        assert (frames.size, frames.rate, frames.length) == ((320, 240), 10.0, 15)
        told = list(recognize_frames(Recognizer(), frames, rate=frames.rate, every=2))
    assert [f.number for f in told] == list(range(15))
    assert told[-1].seconds == 1.4 and told[-1].faces == []
    assert all(sorted(face.track for face in f.faces) == [1, 2] for f in told[:12])
    assert not frames.broken


@pytest.fixture
def shell(network, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        given = ["facezoo", *map(str, arguments), "--weights", "any.onnx"]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err.splitlines()

    return run


def test_the_command_writes_a_table_and_a_video(shell, film, tmp_path):
    code, out, _ = shell("video", film, "--csv", "t/faces.csv", "--out", "o/new.mp4")
    assert code == 0 and out.startswith("15 frames, 2 tracks") and out.count("12 frames") == 2
    with open("t/faces.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 * 2 + 3
    assert [row["track"] for row in rows[-3:]] == ["0", "0", "0"]
    with Video(tmp_path / "o/new.mp4") as drawn, Video(film) as plain:
        pairs = list(zip(drawn, plain, strict=True))
    assert len(pairs) == 15
    changed = [np.abs(a.astype(int) - b).mean() for a, b in pairs]
    assert min(changed[:12]) > 1.5 * max(changed[12:])  # what is drawn, not compression alone
    code, out, _ = shell("video", film, "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert len(told) == 15 and len(told[0]["faces"]) == 2 and told[14]["faces"] == []


def test_a_video_that_breaks_keeps_what_was_read(shell, film, monkeypatch):
    frames = Video.__iter__

    def five(self):
        for i, picture in enumerate(frames(self)):
            if i == 5:
                self.broken = True
                return
            yield picture

    monkeypatch.setattr(Video, "__iter__", five)
    code, out, err = shell("video", film, "--csv", "faces.csv")
    assert code == 1 and out.startswith("5 frames") and "breaks off after 5 of 15" in err[-1]
    with open("faces.csv") as file:
        assert len(list(csv.DictReader(file))) == 10


def test_ctrl_c_keeps_what_was_read(shell, film, monkeypatch):
    frames = Video.__iter__

    def stopped(self):
        for i, picture in enumerate(frames(self)):
            if i == 5:
                raise KeyboardInterrupt
            yield picture

    monkeypatch.setattr(Video, "__iter__", stopped)
    code, _, err = shell("video", film, "--csv", "faces.csv", "--out", "new.mp4")
    assert code == 2 and "Interrupted" in err[-1]
    with open("faces.csv") as file:
        assert len(list(csv.DictReader(file))) == 10
    monkeypatch.setattr(Video, "__iter__", frames)
    with Video("new.mp4") as drawn:
        assert len(list(drawn)) == 5


def test_what_is_no_video_and_no_camera(shell, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name in ("text.mp4", "empty.mp4", "none.mp4"):
        code, out, err = shell("video", name, "--csv", "faces.csv")
        assert (code, out, len(err)) == (2, "", 1) and "expected a video" in err[0]
    assert not (tmp_path / "faces.csv").exists()
    code, _, err = shell("webcam", "--camera", "63")
    assert code == 2 and "camera" in err[-1]


def test_a_file_that_breaks_off_is_told_by_what_it_promised(tmp_path):
    import cv2

    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (320, 240))
    for picture in moving() * 5:
        writer.write(picture)
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with Video(path) as frames:
        count = len(list(frames))
    assert 10 < count < 50 and frames.broken


def test_what_ffmpeg_and_opencv_say_themselves_stays_unsaid(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    script = (
        "import sys; from facezoo.faces.video import Video\n"
        "for source in (sys.argv[1], 63):\n"
        "    try: Video(source)\n"
        "    except ValueError as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "text.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "" and done.stdout.count("expected a") == 2


@pytest.mark.parametrize("every", [10, 30])
def test_a_followed_face_stays_where_it_is_on_a_still_picture(every):
    for side in (90, 101, 117, 150):
        picture = np.full((240, 320, 3), 120, np.uint8)
        picture[20 : 20 + side, 60 : 60 + side] = facezoo.draw_face(
            expression="happy", person=21, size=side, channels=3
        )
        box = (63, 25, side - 7, side - 7)
        tracker = Tracker(Found([box]), every=every)
        boxes = [tracker.step(picture)[0][1].box for _ in range(every)]
        assert max(np.abs(np.subtract(b, box)).max() for b in boxes) <= 1


def test_a_stream_may_change_its_size(network, tmp_path):
    pictures = [frame((60, 20)), np.full((100, 90, 3), 9, np.uint8), frame((60, 20))]
    told = list(recognize_frames(Recognizer(), pictures, every=5))
    assert [len(f.faces) for f in told] == [1, 0, 1]
    with VideoFile(tmp_path / "new.mp4", (320, 240), 10.0) as file:
        for picture in pictures:
            file.write(picture)
    with Video(tmp_path / "new.mp4") as frames:
        assert len(list(frames)) == 3


def test_a_video_that_cannot_be_read_again_is_not_kept(shell, film, tmp_path, monkeypatch):
    monkeypatch.setattr(VideoFile, "_readable", lambda self: False)
    code, _, err = shell("video", film, "--out", "new.mp4", "--csv", "faces.csv")
    assert code == 2 and "new.mp4" in err[-1] and "expected a folder with room" in err[-1]
    assert not list(tmp_path.rglob("new.mp4")) and not list(tmp_path.rglob(".writing-*"))


def test_nothing_that_exists_is_replaced(shell, film):
    before = film.read_bytes()
    code, _, err = shell("video", film, "--out", "new.avi")
    assert code == 2 and "ends in .mp4" in err[-1]
    for option in ("--out", "--csv"):
        code, _, err = shell("video", film, option, film)
        assert code == 2 and "exists" in err[-1] and film.read_bytes() == before


def test_a_truncated_file_is_told(film, tmp_path):
    data = film.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match="no frame can be read"):
        Video(tmp_path / "cut.mp4")


def test_a_camera_is_told_as_json_lines(shell, monkeypatch, film):
    class Camera(Video):
        def __init__(self, source):
            super().__init__(str(film))

    monkeypatch.setattr(video, "Video", Camera)
    code, out, _ = shell("webcam", "--frames", "4")
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["frame"] for line in told] == [0, 1, 2, 3]
    assert [len(line["faces"]) for line in told] == [2] * 4
    assert overlap(told[0]["faces"][0]["box"], told[1]["faces"][0]["box"]) > 0.5
