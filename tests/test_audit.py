"""Copies that were planted, and what an audit says of them."""

import io
import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_cli import facezoo_command, refused

import facezoo
from conftest import picture_bytes, write_zip
from facezoo import auditing, plots
from facezoo.auditing import FIGURES, audit, write_audit
from facezoo.datasets import load_dataset
from facezoo.datasets.audit import find_copies, fingerprints, near_copies, near_pairs
from facezoo.datasets.base import Split
from facezoo.datasets.prepare import prepare
from facezoo.errors import FacezooError, UnknownName
from facezoo.labels import EYES

LAST = -1  # the line "test in train or validation"


@pytest.fixture(scope="module")
def faces():
    """Sixty drawn faces of sixty people, uint8 (60, 48, 48, 1)."""
    draw = facezoo.draw_face
    return np.stack([draw(expression="happy", person=p, seed=p) for p in range(60)])


def split(pictures, labels=None):
    labels = np.zeros(len(pictures), np.int64) if labels is None else labels
    return Split(np.asarray(pictures), labels, None, EYES)


def brighter(picture):
    return np.minimum(picture.astype(int) + 5, 255).astype(np.uint8)


def recompressed(picture):
    stream = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(stream, "JPEG", quality=50)
    return np.asarray(Image.open(stream))[..., None]


def smaller_once(picture):
    small = Image.fromarray(picture[..., 0]).resize((32, 32))
    return np.asarray(small.resize((48, 48)))[..., None]


def found_in(train, test, validation=None, **options):
    empty = split(np.empty((0, 48, 48, 1), np.uint8))
    parts = {"train": train, "validation": validation or empty, "test": test}
    return find_copies(parts, **options)


def figures(line):
    return tuple(line.values())[2:]


@pytest.mark.parametrize("edit", [brighter, recompressed, smaller_once, lambda p: p])
def test_an_edited_photograph_is_a_near_copy_and_nothing_else_is(faces, edit):
    test = split([edit(faces[3]), *faces[40:]])
    assert near_copies(test, split(faces[:40])).tolist() == [True] + [False] * 20


def test_colour_and_size_do_not_matter(faces):
    large = np.asarray(Image.fromarray(faces[3, ..., 0]).resize((96, 96)))
    test = split([np.stack([large] * 3, axis=-1)])
    assert near_copies(test, split(faces)).all()


def test_distinct_drawn_faces_are_no_copies(faces):
    found = found_in(split(faces[:40]), split(faces[40:]))
    assert (found.exact, found.near, found.pairs) == (0, 0, [])


def test_pictures_without_contrast_are_never_near():
    flat = np.zeros((4, 48, 48, 1), np.uint8) + np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    assert not fingerprints(flat).any()
    assert not near_copies(split(flat), split(flat)).any()
    found = found_in(split(flat[[0, 0, 1]]), split(flat[[0, 2]]))
    assert (found.exact, found.near) == (2, 0)


def test_fingerprints_are_correlations(faces):
    prints = fingerprints(faces)
    np.testing.assert_allclose(np.linalg.norm(prints, axis=1), 1, rtol=1e-5)
    pairs = [np.concatenate(p) for p in zip(*near_pairs(prints, threshold=0.7), strict=True)]
    expected = np.argwhere(np.triu(prints @ prints.T > 0.7, 1))
    assert sorted(zip(*pairs[:2], strict=True)) == [tuple(row) for row in expected]
    np.testing.assert_allclose(
        pairs[2], (prints[pairs[0]] * prints[pairs[1]]).sum(axis=1), atol=1e-5
    )


@pytest.mark.parametrize("threshold", [0, 1, -1, 99, float("nan")])
def test_an_impossible_threshold_is_refused(faces, threshold):
    with pytest.raises(FacezooError, match="expected a number between 0 and 1"):
        near_copies(split(faces), split(faces), threshold=threshold)


def test_counts_say_who_copies_whom_and_with_which_label(faces):
    one, two, three = faces[:3]
    train = split([one, one, two, three, *faces[10:20]], np.array([0, 1, 0, 0] + [0] * 10))
    validation = split([brighter(two), faces[20]])
    test = split([one, two, three, brighter(three), faces[21]], np.array([1, 1, 0, 1, 0]))
    found = found_in(train, test, validation)
    lines = {(line["pictures of"], line["with a copy in"]): line for line in found.counts}
    assert figures(lines["train", "train"]) == (2, 2, 0, 0)  # one is there as 0 and as 1
    assert figures(lines["validation", "train"]) == (0, 0, 1, 0)
    assert figures(lines["test", "train"]) == (3, 1, 1, 1)  # two under 0 only; three brightened
    assert figures(lines["test", "validation"]) == (0, 0, 1, 1)
    assert figures(lines["test", "train or validation"]) == (3, 1, 1, 1)
    assert figures(lines["test", "test"]) == (0, 0, 2, 2)  # three and its brighter self
    assert (found.exact, found.near) == (4, 2)
    assert found.conflicts == {"pictures": 2, "rows": 5}
    assert [(p.first, p.second) for p in found.pairs if p.exact] == [
        *((0, 16), (2, 17)),  # of two labels
        (3, 18),
        (0, 1),
    ]
    assert all(p.similarity > 0.99 for p in found.pairs)


def test_copies_in_both_train_and_validation_are_counted_once(faces):
    found = found_in(split(faces[:20]), split(faces[[0, 1, 30]]), split(faces[[0, 40]]))
    assert [line["exact"] for line in found.counts] == [0, 0, 0, 1, 2, 1, 2]


def test_listed_pairs_are_capped_and_counted_whole(faces):
    found = found_in(split(faces), split([*faces, *map(brighter, faces)]), listed=7)
    assert (found.exact, found.near) == (60, 60)
    assert [p.exact for p in found.pairs] == [True] * 7 + [False] * 7


def test_many_near_copies_need_little_memory():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (1, 16, 16, 1))
    many = np.clip(one + rng.integers(-3, 4, (3000, 16, 16, 1)), 0, 255).astype(np.uint8)
    tracemalloc.start()
    found = found_in(split(many[:2000]), split(many[2000:]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.near == 3000 * 2999 // 2
    assert figures(found.counts[LAST])[2] == 1000
    assert peak < 200e6  # of 4.5 million pairs; 36 of 9 million correlations in float32


def test_audit_of_drawn_faces():
    steps = []
    found = audit("synthetic", target="pose", progress=lambda *step: steps.append(step))
    data = load_dataset("synthetic", target="pose")
    assert found.counts == {r: getattr(data, r).counts() for r in found.counts}
    assert found.prepared == 3360 and found.published == []
    assert found.rejected == {"count": 0, "reasons": {}}
    assert figures(found.copies[LAST]) == (0, 0, 0, 0)
    (people,) = found.groups
    assert people["column"] == "subject" and people["test pictures"] == 0
    assert people["train"] + people["validation"] + people["test"] == 120
    assert steps[-1] == (6720, 6720) and steps == sorted(steps)
    assert json.loads(json.dumps(found.to_dict()))["protocol"] == "synthetic/people"
    assert facezoo.audit is auditing.audit


def test_audit_of_a_protocol_that_leaks_finds_the_other_sizes(cmu):
    found = audit("cmu_faces", protocol="all-sizes", threshold=0.8)  # these are of noise
    seen = found.copies[LAST]
    assert seen["near"] > 0.6 * len(found.dataset.test) and seen["near, other label"] == 0
    assert all(p["first"]["file"][:-6] == p["second"]["file"][:-6] for p in found.pairs)
    assert found.groups[0]["of test elsewhere too"] == 20
    assert found.groups[0]["test pictures"] == len(found.dataset.test)
    assert "leaks" in found.to_markdown()


def test_audit_says_which_pictures_it_looked_at(cmu):
    found = audit("cmu_faces")
    assert "640 of 1,280 prepared pictures have a role; the others were not" in found.to_markdown()
    assert found.published[1] == {"what": "scale 2", "prepared": 640, "published": 624}
    people = audit("cmu_faces", protocol="leave-people-out").groups[0]
    assert (people["train"], people["validation"], people["test"]) == (14, 2, 4)
    assert people["of test elsewhere too"] == 0


@pytest.fixture
def own(tmp_path, faces):
    """A prepared "folder:mine" with planted copies and one file that is no picture."""
    members = {}
    for i, face in enumerate(faces):
        part, kind = "train" if i < 40 else "test", "cat" if i % 2 else "dog"
        members[f"{part}/{kind}/{i}.png"] = picture_bytes(face[..., 0], "PNG")
    members["test/cat/copy.png"] = members["train/cat/1.png"]
    members["test/cat/torn.png"] = members["train/dog/2.png"]
    members["test/dog/bright.png"] = picture_bytes(brighter(faces[4])[..., 0], "PNG")
    members["test/dog/broken.png"] = b"no picture"
    return prepare("folder:mine", write_zip(tmp_path / "mine.zip", members))


def test_audit_names_files_labels_and_rejections(own):
    found = audit("folder:mine")
    assert figures(found.copies[LAST]) == (2, 1, 1, 0)
    pairs = {(p["first"]["file"], p["second"]["file"]): p for p in found.pairs}
    assert set(pairs) == {
        ("train/cat/1.png", "test/cat/copy.png"),
        ("train/dog/2.png", "test/cat/torn.png"),
        ("train/dog/4.png", "test/dog/bright.png"),
    }
    torn = pairs["train/dog/2.png", "test/cat/torn.png"]
    assert torn["kind"] == "exact" and torn == found.pairs[0]
    assert (torn["first"]["class"], torn["second"]["class"]) == ("dog", "cat")
    for picture in (torn["first"], torn["second"]):
        part = getattr(found.dataset, picture["split"])
        assert part.table["file"][picture["index"]] == picture["file"]
    assert found.rejected["count"] == 1 and list(found.rejected["reasons"].values()) == [1]
    text = found.to_markdown()
    assert "2 of 23 test pictures are exact copies" in text
    assert "1 of them of another label only; 1 more are near copies" in text
    assert "train/dog/4.png" in text and "Rejected files (1)" in text


def test_faces_of_one_picture_are_a_group(faces):
    def table(files):
        return Split(faces[: len(files)], [0] * len(files), pd.DataFrame({"file": files}), EYES)

    parts = {"train": table(["a", "a", "b"]), "validation": table(["c"]), "test": table(["b", "d"])}
    (row,) = auditing._groups(parts)
    assert row == {
        "column": "file",
        **{"train": 2, "validation": 1, "test": 2},
        **{"of test elsewhere too": 1, "test pictures": 1},
    }
    parts["train"] = table(["a", "e", "f"])
    assert auditing._groups(parts) == []


def test_files_are_written_and_stale_ones_removed(tmp_path, own):
    folder = tmp_path / "a" / "audit"
    written = write_audit(audit("folder:mine"), folder)
    assert {p.name for p in written} == {"report.md", "audit.json", *FIGURES}
    assert sorted(folder.iterdir()) == sorted(written)
    assert all((folder / name).stat().st_size > 5_000 for name in FIGURES)
    assert "](duplicates.png)" in (folder / "report.md").read_text()
    write_audit(audit("synthetic"), folder)
    assert not (folder / "duplicates.png").exists()
    assert "duplicates.png" not in (folder / "report.md").read_text()
    assert json.loads((folder / "audit.json").read_text())["name"] == "synthetic"


def test_nothing_is_left_of_an_audit_that_failed(tmp_path, own, monkeypatch):
    found = audit("folder:mine")

    def fail(split):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plots, "mean_faces", fail)
    with pytest.raises(FacezooError, match="No space left.*Pass --out"):
        write_audit(found, tmp_path / "audit")
    assert not (tmp_path / "audit").exists()


def test_command_prints_and_writes_only_where_told(tmp_path, own):
    printed = facezoo_command("audit", "folder:mine", cwd=tmp_path)
    assert printed.returncode == 0 and printed.stderr == ""
    assert "2 of 23 test pictures are exact copies" in " ".join(printed.stdout.split())
    assert {p.name for p in tmp_path.iterdir()} == {"mine.zip"}
    told = facezoo_command("audit", "folder:mine", "--out", "here", "--json", cwd=tmp_path)
    assert json.loads(told.stdout) == json.loads((tmp_path / "here" / "audit.json").read_text())
    told = facezoo_command("audit", "folder:mine", "--out", "here", cwd=tmp_path)
    assert told.stdout.endswith("here/duplicates.png\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["syntetic"], "Did you mean 'synthetic'"),
        (["fer2013"], "facezoo prepare fer2013 PATH"),
        (["synthetic", "--target", "mood"], "No target 'mood' of 'synthetic'"),
        (["synthetic", "--protocol", "random"], "No protocol 'random' of 'synthetic'"),
        (["synthetic", "--out", __file__], "Pass --out with another one"),
        (["synthetic", "--out", __file__ + "/audit"], "Pass --out with another one"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path, arguments, said):
    assert said in refused("audit", *arguments, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_in_python():
    with pytest.raises(UnknownName, match="No data set 'mnist'"):
        audit("mnist")


@pytest.mark.slow
def test_fer2013_tests_on_280_of_its_training_pictures(official):
    prepare("fer2013", official("fer2013/archive.zip"))
    found = audit("fer2013")
    seen = found.copies[LAST]
    assert len(found.dataset.test) == 3589
    assert (seen["exact"], seen["exact, other label"]) == (280, 7)
    assert 20 <= seen["near"] <= 50
    rows = {row["what"]: row for row in found.published}
    assert rows["split Training"]["prepared"] == rows["split Training"]["published"] == 28709
