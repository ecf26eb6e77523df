import numpy as np
import pytest

from conftest import picture_bytes, write_zip
from facezoo.datasets import load_dataset
from facezoo.datasets.prepare import prepare
from facezoo.datasets.store import PreparedSet
from facezoo.errors import ArchiveError, ProtocolError, RecipeError

FOLDERS = ("anger", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
OFFICIAL = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,"
    "facial_landmarks,expression,valence,arousal"
)


def colour(red):
    return picture_bytes(np.full((96, 96, 3), (red, 100, 50), np.uint8), "PNG")


def kaggle(each=10, newline="\n"):
    """The Kaggle archive: in every folder one picture that labels.csv calls another class."""
    members, rows = {}, [",pth,label,relFCs"]
    for i, folder in enumerate(FOLDERS):
        for k in range(each):
            path = f"{folder}/image{k:07}.png"
            label = FOLDERS[(i + 1) % 8] if k == 0 else folder
            members[path] = colour(20 * i)
            rows.append(f"{len(rows) - 1},{path},{label},0.87")
    members["labels.csv"] = ("\ufeff" + newline.join(rows) + newline).encode()
    return members


def reasons(info):
    return {r["file"]: r["reason"] for r in info["rejected"]["files"]}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_csv_s_label_counts_by_default_and_disagreement_is_told(tmp_path, newline):
    archive = write_zip(tmp_path / "archive.zip", kaggle(newline=newline))
    info = prepare("affectnet", archive)
    assert info["pictures"] == 80 and info["picture_shape"] == [96, 96, 3]
    table = PreparedSet("affectnet").table().set_index("file")
    assert table.loc["anger/image0000000.png"].tolist() == ["contempt", "angry", "contempt"]
    assert info["notes"] == [
        "8 of 80 pictures lie in the folder of another class than the CSV gives; the label is the "
        "csv's"
    ]
    info = prepare("affectnet", archive, label="folder")
    table = PreparedSet("affectnet").table().set_index("file")
    assert table.loc["anger/image0000000.png"].tolist() == ["angry", "angry", "contempt"]
    assert info["options"]["label"] == "folder" and "8 of 80" in info["notes"][0]


def test_pictures_keep_their_colours_unless_gray_is_asked_for(tmp_path):
    archive = write_zip(tmp_path / "archive.zip", kaggle(1))
    prepare("affectnet", archive)
    assert PreparedSet("affectnet").images[0, 0, 0].tolist() == [0, 100, 50]
    assert prepare("affectnet", archive, size=48, channels=1)["picture_shape"] == [48, 48, 1]


def test_pictures_and_rows_without_each_other_are_named(tmp_path):
    members = kaggle(2)
    members["fear/new.jpg"] = colour(1)
    del members["happy/image0000001.png"]
    members["labels.csv"] += b"98,sad/image0000001.png,fear,0.5\n99,sad\n"
    members["labels.csv"] += b"100,sad/odd.png,sleepy,0.5\n"
    members["sad/odd.png"] = colour(2)
    info = prepare("affectnet", write_zip(tmp_path / "archive.zip", members))
    assert info["pictures"] == 15
    assert reasons(info) == {
        "labels.csv:18": "a second row of sad/image0000001.png",
        "labels.csv:19": "2 columns, not 4",
        "fear/new.jpg": "no row in the CSV",
        "sad/odd.png": "unknown label 'sleepy'",
        "happy/image0000001.png": "in the CSV, but not in the archive",
    }


def test_folders_are_enough_where_there_is_no_csv_if_one_says_so(tmp_path):
    members = kaggle(2)
    del members["labels.csv"]
    members["misc/other.png"] = colour(1)
    archive = write_zip(tmp_path / "archive.zip", members)
    with pytest.raises(ArchiveError, match="--label folder"):
        prepare("affectnet", archive)
    info = prepare("affectnet", archive, label="folder")
    assert info["pictures"] == 16 and info["notes"] == []
    assert "none of the eight" in reasons(info)["misc/other.png"]
    with pytest.raises(RecipeError, match="'csv' or 'folder'"):
        prepare("affectnet", archive, label="both")


def test_the_official_form_cuts_faces_out_and_leaves_codes_8_to_10(tmp_path):
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[10:50, 30:70] = (200, 150, 100)
    photo = picture_bytes(pixels, "PNG")
    rows = [f"{k}/{k}.png,30,10,40,40,1;2;3,{k},-0.1,0.2" for k in range(12)]
    rows += ["20/a.png,30,x,40,40,1;2,1,0,0", "21/a.png,300,10,40,40,1;2,1,0,0"]
    members = {f"Manually_Annotated_Images/{k}/{k}.png": photo for k in range(12)}
    members |= {f"Manually_Annotated_Images/{k}/a.png": photo for k in (20, 21)}
    members["lists/training.csv"] = "\n".join([OFFICIAL, *rows[:5], ""]).encode()
    members["lists/validation.csv"] = "\n".join([OFFICIAL, *rows[5:], ""]).encode()
    members["lists/other.csv"] = b"a,b\n1,2\n"
    info = prepare("affectnet", write_zip(tmp_path / "official.zip", members))
    prepared = PreparedSet("affectnet")
    codes = dict(zip(prepared.table()["file"], prepared.table()["expression"], strict=True))
    named = {int(file.split("/")[1]): name for file, name in codes.items()}
    assert named == {
        0: "neutral",
        1: "happy",
        2: "sad",
        3: "surprise",
        4: "fear",
        5: "disgust",
        6: "angry",
        7: "contempt",
    }
    assert (prepared.images[:] == (200, 150, 100)).all()
    why = {file.split("/")[-2]: reason for file, reason in reasons(info).items()}
    assert (why["8"], why["9"], why["10"]) == (
        "annotated as none",
        "annotated as uncertain",
        "annotated as no face",
    )
    assert "unknown expression '11'" in why["11"] and "30, x, 40, 40" in why["20"]
    assert "0% lies in the picture" in why["21"]
    assert reasons(info)["lists/other.csv"] == "a CSV without labels of pictures"


def test_random_is_80_10_10_by_class_and_expression_7_has_no_contempt(tmp_path):
    prepare("affectnet", write_zip(tmp_path / "archive.zip", kaggle(20)))
    data = load_dataset("affectnet", seed=1)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [128, 16, 16]
    assert set(data.test.counts().values()) == set(data.validation.counts().values()) == {2}
    files = [f for s in (data.train, data.validation, data.test) for f in s.table["file"]]
    assert len(set(files)) == 160
    seven = load_dataset("affectnet", target="expression-7", seed=1)
    assert "contempt" not in set(seven.train.table["expression"])
    assert [seven.label_set.classes[c] for c in seven.test.labels] == list(
        seven.test.table["expression"]
    )
    assert sum(len(s) for s in (seven.train, seven.validation, seven.test)) == 140


def test_too_few_of_a_class_to_divide_say_so(tmp_path):
    prepare("affectnet", write_zip(tmp_path / "archive.zip", kaggle(1)))
    with pytest.raises(ProtocolError, match="of every class"):
        load_dataset("affectnet")
