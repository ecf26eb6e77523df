"""Photographs to answers: faces found, cut out and answered for, from whatever they come as."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import facezoo
from conftest import picture_bytes
from facezoo.cli import main
from facezoo.errors import FacezooError, PictureError, PixelError, UnknownName, WeightsError
from facezoo.faces.detection import Detection, HaarDetector, WholePicture, crop_face, merged
from facezoo.faces.recognizer import Recognizer
from facezoo.faces.results import annotated, table
from facezoo.labels import EXPRESSION_7, POSE, LabelSet

PEOPLE = (8, 14, 23, 26, 45)  # drawn people whom the cascade takes for such at any size
PLACES = ((20, 30), (230, 40), (440, 30), (60, 240), (300, 250))  # left, top


def photo(people=PEOPLE, side=150, channels=3, background=120):
    """uint8 (480, 640, channels) with a drawn face at each of `PLACES`."""
    picture = np.full((480, 640, channels), background, np.uint8)
    for person, (left, top) in zip(people, PLACES, strict=False):
        face = facezoo.draw_face(expression="happy", person=person, size=side, channels=channels)
        picture[top : top + side, left : left + side] = face
    return picture


class Network:
    """Answers by the mean of a face alone, so that every answer tells its picture."""

    label_set, input_shape = EXPRESSION_7, (48, 48, 1)

    def __init__(self):
        self.calls = []

    def predict(self, faces):
        self.calls.append(len(faces))
        scores = np.sin(faces.mean(axis=(1, 2, 3))[:, None] * np.arange(1, 8))
        shares = np.exp(scores)
        return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def network(monkeypatch):
    made = Network()
    monkeypatch.setattr(
        "facezoo.faces.recognizer.open_network", lambda weights, runtime, threads: made
    )
    return made


def test_a_face_and_its_mirror_image_are_answered_for_alike(network, monkeypatch):
    halves = [np.full((480, 640, 3), 30, np.uint8) for _ in range(2)]
    halves[0][:, :320] = halves[1][:, 320:] = 220
    plain = Network.predict
    monkeypatch.setattr(Network, "predict", lambda self, faces: plain(self, faces[:, :, :24]))
    answers = {}
    for mirror in (False, True):
        recognizer = Recognizer(detector="whole", mirror=mirror)
        answers[mirror] = [one.probabilities for (one,) in recognizer.predict_batch(halves)]
    assert answers[False][0] != answers[False][1]
    for name, share in answers[True][0].items():
        mean = np.mean([each[name] for each in answers[False]])
        assert share == pytest.approx(mean) == pytest.approx(answers[True][1][name])


def test_sides_are_not_mirrored(network, monkeypatch):
    monkeypatch.setattr(Network, "label_set", POSE)
    with pytest.raises(FacezooError, match="Got mirror=True for weights of left"):
        Recognizer(mirror=True)


def centres(found):
    return {(f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for f in found}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [100, 150])
def test_faces_are_found_where_they_are(channels, side):
    found = HaarDetector().detect(photo(side=side, channels=channels))
    assert len(found) == len(PEOPLE)
    for left, top in PLACES:
        apart = [np.hypot(x - left - side / 2, y - top - side / 2) for x, y in centres(found)]
        assert min(apart) < side / 5
    assert all(0 <= f.score <= 1 and min(f.box) >= 0 for f in found)
    sizes = [f.box[2] * f.box[3] for f in found]
    assert sizes == sorted(sizes, reverse=True)


def test_a_large_picture_is_searched_small_and_told_in_its_own_pixels():
    large = np.asarray(Image.fromarray(photo()).resize((2560, 1920)))
    small, found = HaarDetector().detect(photo()), HaarDetector().detect(large)
    assert len(found) == len(small)
    for one, other in zip(sorted(centres(found)), sorted(centres(small)), strict=True):
        assert one == pytest.approx(np.multiply(other, 4), abs=30)


def test_small_faces_beside_a_large_one_are_found_where_they_are_asked_for():
    picture = photo(side=60)
    large = np.asarray(Image.fromarray(photo(PEOPLE[2:3], side=150)).crop((0, 0, 200, 200)))
    picture[280:480, 0:200] = large
    found = {n: HaarDetector(smallest=n, tilts=()).detect(picture) for n in (None, 20, 100)}
    assert len(found[None]) < len(found[20]) and len(found[100]) == 1
    assert found[None][0].box[2] == pytest.approx(found[20][0].box[2], rel=0.3)  # the large one


def test_small_faces_can_be_left_out():
    picture = photo(side=60)
    assert len(HaarDetector(tilts=()).detect(picture)) >= 3
    assert HaarDetector(smallest=200, tilts=()).detect(picture) == []


def test_a_tilted_face_is_found_by_turning_the_picture():
    face = Image.fromarray(photo(PEOPLE[2:3])).rotate(32, fillcolor=(120, 120, 120))
    upright, turning = HaarDetector(tilts=()), HaarDetector(tilts=(-32, 32))
    assert upright.detect(np.asarray(face)) == []
    assert len(turning.detect(np.asarray(face))) == 1


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((10, 10, 3), np.uint8),
        np.zeros((1, 1, 1), np.uint8),
        np.zeros((9, 900, 3), "uint8"),
    ],
)
def test_tiny_pictures_hold_no_face(picture):
    assert HaarDetector().detect(picture) == []
    assert WholePicture().detect(picture) == [
        Detection((0, 0, picture.shape[1], picture.shape[0]), 1.0)
    ]


def test_overlapping_boxes_are_one_face():
    boxes = [((0, 0, 10, 10), 0.5), ((1, 1, 10, 10), 0.9), ((30, 0, 10, 10), 0.2)]
    assert merged(boxes) == [boxes[1], boxes[2]]
    part = ((3, 3, 4, 4), 0.8)  # an eye, say
    assert merged([*boxes, part]) == [boxes[1], boxes[2]]


def test_a_face_is_cut_out_square_and_within_the_picture():
    rows, columns = np.indices((100, 200))
    picture = np.stack([columns, rows, rows * 0], axis=-1).astype(np.uint8)
    cut = crop_face(picture, (50, 20, 40, 40), (40, 40, 3), margin=0).astype(int)
    assert cut[0, 0, :2] == pytest.approx((50, 20), abs=1)
    assert cut[-1, -1, :2] == pytest.approx((89, 59), abs=1)
    wide = crop_face(picture, (50, 20, 40, 20), (40, 40, 3), margin=0).astype(int)  # a square
    assert wide[0, 0, :2] == pytest.approx((50, 10), abs=1)
    moved = crop_face(picture, (180, 80, 20, 20), (20, 20, 3), margin=1.0).astype(int)
    assert moved[0, 0, :2] == pytest.approx((160, 60), abs=2)  # twice as large, moved inside
    gray = crop_face(picture, (0, 0, 200, 100), (48, 48, 1))
    assert gray.shape == (48, 48, 1) and gray.dtype == np.uint8


def test_the_answer_is_the_same_however_a_picture_comes(network, tmp_path):
    picture = photo()
    path = tmp_path / "photo.png"
    Image.fromarray(picture).save(path)
    rgb = Recognizer()
    expected = rgb.predict(path)
    assert len(expected) == 5 and network.calls == [5]
    for image in (str(path), path.read_bytes(), Image.open(path), picture):
        assert rgb.predict(image) == expected
    assert Recognizer(channel_order="bgr").predict(picture[..., ::-1]) == expected
    gray = photo(channels=1)
    assert rgb.predict(gray) == rgb.predict(gray[..., 0])
    assert rgb.predict_batch([path, np.zeros((50, 50, 3), np.uint8), picture]) == [
        expected,
        [],
        expected,
    ]
    assert Recognizer(threads=1).predict_batch([path, path]) == [expected, expected]


def test_an_upright_photograph_is_what_a_viewer_shows(network):
    turned = Image.fromarray(photo()).transpose(Image.Transpose.ROTATE_270)
    exif = Image.Exif()
    exif[0x0112] = 8  # turn by 90 degrees to the left to see it upright
    stream = io.BytesIO()
    turned.save(stream, "PNG", exif=exif)
    assert Recognizer().predict(stream.getvalue()) == Recognizer().predict(photo())


def test_predictions_are_plain_and_say_what_they_are(network):
    face = Recognizer().predict(photo(PEOPLE[:1]))[0]
    assert list(face.probabilities) == list(EXPRESSION_7.classes)
    assert sum(face.probabilities.values()) == pytest.approx(1)
    assert face.score == face.probabilities[face.label] == max(face.probabilities.values())
    assert json.loads(json.dumps(face.to_dict())) == face.to_dict()
    assert {type(v) for v in (*face.probabilities.values(), face.score, face.box_score)} == {float}
    with pytest.raises(AttributeError):
        face.label = "sad"


def test_many_pictures_are_answered_for_at_once_and_in_order(network):
    recognizer = Recognizer(detector="whole", threads=3)
    pictures = [np.full((8 + i, 9, 3), i, np.uint8) for i in range(150)]
    found = [face.box[3] for (face,) in recognizer.predict_batch(pictures)]
    assert found == [8 + i for i in range(150)]
    assert network.calls == [64, 64, 22]


def test_a_picture_is_read_only_shortly_before_its_turn(network):
    given = []

    def endless():
        while True:
            given.append(1)
            yield np.zeros((9, 9, 3), np.uint8)

    answers = Recognizer(detector="whole", threads=2).predict_each(endless())
    next(answers)
    assert len(given) < 72
    answers.close()


def test_what_cannot_be_read_is_passed_over_or_raised(network, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    broken = picture_bytes(photo(), "JPEG")[:5000]
    images = [photo(), b"", tmp_path / "text.jpg", broken, tmp_path / "none.jpg", photo() / 255, 7]
    recognizer = Recognizer()
    found = list(recognizer.predict_each(images))
    assert len(found[0]) == 5
    assert [type(error) for error in found[1:]] == [PictureError] * 4 + [PixelError] * 2
    for image, error in zip(images[1:], found[1:], strict=True):
        with pytest.raises(type(error), match="expected") as raised:
            recognizer.predict(image)
        assert str(error) in str(raised.value)
    with pytest.raises(PictureError, match=r"text\.jpg': not a picture"):
        recognizer.predict_batch([photo(), tmp_path / "text.jpg"])


def test_one_lazily_opened_picture_may_come_again_and_again(network, tmp_path):
    Image.fromarray(photo()).save(tmp_path / "photo.png")
    recognizer = Recognizer(threads=4)
    with Image.open(tmp_path / "photo.png") as image:
        found = recognizer.predict_batch([image] * 8)
    assert found == [recognizer.predict(photo())] * 8


def test_a_frame_of_an_animation_is_the_one_it_is_at(network):
    frames = [Image.fromarray(photo(PEOPLE[:n])) for n in (1, 3)]
    stream = io.BytesIO()
    frames[0].save(stream, "PNG", save_all=True, append_images=frames[1:])
    with Image.open(stream) as image:
        image.seek(1)
        assert len(Recognizer().predict(image)) == 3 and image.tell() == 1
    assert len(Recognizer().predict(stream.getvalue())) == 1


@pytest.mark.parametrize(
    "form",
    [
        ("PNG", "I;16"),
        ("JPEG", "CMYK"),
        ("GIF", "P"),
        ("PNG", "RGBA"),
    ],
)
def test_unusual_files_are_read_as_a_viewer_shows_them(network, form):
    kind, mode = form
    image = Image.fromarray(photo(channels=1)[..., 0])
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    elif mode == "CMYK":
        image = image.convert("RGB").convert("CMYK")
    else:
        image = image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, kind)
    found = Recognizer().predict(stream.getvalue())
    assert len(found) >= 4  # JPEG and a palette move a face across the cascade's threshold


def test_no_face_is_an_empty_list_an_error_or_the_whole_picture(network):
    blank = np.full((60, 80, 3), 120, np.uint8)
    assert Recognizer().predict(blank) == []
    with pytest.raises(PictureError, match="no face in 80 x 60 pixels; expected"):
        Recognizer(on_no_face="raise").predict(blank)
    (face,) = Recognizer(on_no_face="whole_image").predict(blank)
    assert face.box == (0, 0, 80, 60)


@pytest.mark.parametrize(
    "options",
    [
        {"on_no_face": "none"},
        {"channel_order": "gbr"},
        {"detector": "mtcnn"},
        {"runtime": "torch"},
        {"weights": "nobody"},
    ],
)
def test_options_that_do_not_exist(options):
    with pytest.raises(UnknownName):
        Recognizer(**{"weights": "nobody.onnx", **options})


@pytest.mark.parametrize("options", [{"threads": -1}, {"margin": "x"}, {"margin": -1}])
def test_numbers_that_cannot_be(network, options):
    with pytest.raises(FacezooError, match=f"Got {next(iter(options))}"):
        Recognizer(**options)
    with pytest.raises(FacezooError, match="Got smallest"):
        HaarDetector(smallest=-3)


def test_a_row_keeps_its_columns_whatever_the_classes_are_called(network, monkeypatch):
    monkeypatch.setattr(Network, "label_set", LabelSet("odd", ("left", "label", "file", *"abcd")))
    recognizer = Recognizer()
    picture = photo(PEOPLE[:1])
    (face,) = recognizer.predict(picture)
    (row,) = table([("photo", [face])]).to_dict("records")
    assert row["left"] == face.box[0] and row["label"] == face.label and row["file"] == "photo"
    assert row["p_left"] == face.probabilities["left"]


@pytest.mark.filterwarnings("ignore")  # of the exporter's own code
def test_keras_and_onnxruntime_answer_alike_and_a_run_plugs_in(tmp_path, few_faces):
    pytest.importorskip("tf2onnx")
    recipe = facezoo.get_recipe("synthetic-lenet5-expression").on_dataset("synthetic", "pose")
    run = facezoo.train(recipe.smoke(), runs=tmp_path / "runs")
    onnx = Recognizer(facezoo.export(run, tmp_path / "pose.onnx"))
    keras = Recognizer(run.path)
    assert onnx.label_set == keras.label_set == POSE
    pairs = zip(onnx.predict(photo()), keras.predict(photo()), strict=True)
    for one, other in pairs:
        assert one.box == other.box
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
    with pytest.raises(FacezooError, match="facezoo export"):
        Recognizer(run.path, runtime="onnx")


def test_files_that_are_no_network(tmp_path):
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(WeightsError, match="cannot be opened"):
        Recognizer(tmp_path / "text.onnx")
    with pytest.raises(FacezooError, match="keras"):
        Recognizer(tmp_path / "text.onnx", runtime="keras")


def test_a_table_has_a_row_for_every_face_and_for_none(network):
    recognizer = Recognizer()
    pictures = {"two": photo(PEOPLE[:2]), "none": photo(())}
    frame = table((name, recognizer.predict(p)) for name, p in pictures.items())
    assert frame["file"].tolist() == ["two", "two", "none"]
    assert frame["face"].tolist() == [1, 2, 0]
    assert frame[[f"p_{name}" for name in EXPRESSION_7.classes]].sum(
        axis=1
    ).tolist() == pytest.approx([1, 1, 0])


def test_frames_are_drawn_about_the_faces(network):
    picture = photo()
    faces = Recognizer().predict(picture)
    changed = (np.asarray(annotated(picture, faces)) != picture).any(axis=2)
    for face in faces:
        left, top, width, height = face.box
        assert changed[top, left : left + width].mean() > 0.9
        assert not changed[top + height // 2, left + width // 2]
    assert annotated(picture[..., :1], []).mode == "RGB"


@pytest.fixture
def shell(network, monkeypatch, capsys, tmp_path):
    """Function (*arguments) -> exit code, stdout, lines of stderr of `facezoo predict`."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        given = ["facezoo", "predict", *map(str, arguments), "--weights", "any.onnx"]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err.splitlines()

    return run


def test_the_command_answers_as_the_library_does(shell, tmp_path):
    Image.fromarray(photo()).save("photo.png")
    Image.fromarray(photo(())).save("blank.jpg")
    expected = Recognizer().predict("photo.png")
    code, out, _ = shell("photo.png", "blank.jpg", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and told == [
        {"file": "photo.png", "faces": [json.loads(json.dumps(f.to_dict())) for f in expected]},
        {"file": "blank.jpg", "faces": []},
    ]
    code, out, _ = shell("photo.png", "--top", "2")
    assert code == 0 and out.count("\n") == 5 and out.count("%") == 10


def test_the_command_writes_pictures_faces_and_a_table(shell, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(photo()).save("in/a.png")
    Image.fromarray(photo(())).save("in/b.png")
    (tmp_path / "in" / "notes.txt").write_text("no picture, and not looked at")
    for name in ("faces", "again"):  # nothing is replaced
        code, _, _ = shell("in", "--out", "o/p", "--crops", "crops", "--csv", f"t/{name}.csv")
        assert code == 0
    before = (tmp_path / "t/faces.csv").read_bytes()
    for name in ("t/faces.csv", "in/a.png"):
        code, _, err = shell("in", "--csv", name)
        assert code == 2 and "exists" in err[-1]
    assert (tmp_path / "t/faces.csv").read_bytes() == before
    assert sorted(p.name for p in (tmp_path / "o/p").iterdir()) == [
        "a-2.png",
        "a.png",
        "b-2.png",
        "b.png",
    ]
    crops = sorted((tmp_path / "crops").iterdir())
    assert len(crops) == 10
    with Image.open(crops[0]) as crop:
        assert crop.size == (48, 48)
    with open("t/faces.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["face"] for row in rows] == ["1", "2", "3", "4", "5", "0"]
    assert float(rows[0]["p_happy"]) == Recognizer().predict("in/a.png")[0].probabilities["happy"]


def test_the_command_names_what_it_skips_and_refuses_in_a_line(shell, tmp_path):
    Image.fromarray(photo()).save("photo.png")
    (tmp_path / "text.jpg").write_text("no picture")
    code, out, err = shell("photo.png", "text.jpg", "none.jpg", "*.gif")
    assert code == 1 and out.count("photo.png") == 5
    assert err == [
        "Skipped none.jpg: No such file or directory",
        "Skipped *.gif: No such file or directory",
        "Skipped text.jpg: not a picture",
    ]
    for arguments in (
        ("text.jpg", "--csv", "faces.csv"),
        ("none.jpg",),
        ("x" * 300,),
        ("photo.png", "--out", "text.jpg/x"),
    ):
        code, _, err = shell(*arguments)
        assert code == 2 and err[-1].startswith("facezoo: Got ") and "expected" in err[-1]
    assert not (tmp_path / "faces.csv").exists()


def test_photographs_need_neither_keras_nor_pandas():
    script = """
import sys
import numpy as np
import facezoo.labels
from facezoo.faces import recognizer, results

class Network:
    label_set, input_shape, predict = facezoo.labels.EXPRESSION_7, (4, 4, 1), None

recognizer.open_network = lambda *arguments: Network
assert facezoo.Recognizer().predict(np.zeros((40, 40, 3), np.uint8)) == []
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert {"keras", "tensorflow", "pandas", "sklearn", "scipy"} & set(done.stdout.split()) == set()
