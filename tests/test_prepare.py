import errno
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from conftest import cmu_photos, write_zip
from facezoo.datasets import load_dataset, store
from facezoo.datasets.prepare import prepare
from facezoo.datasets.store import PreparedSet, writing
from facezoo.errors import ArchiveError, FacezooError, RecipeError, StoreError, UnknownName
from facezoo.files import exchanged
from facezoo.pictures import decode

FEW = {name: data for name, data in cmu_photos(["mitchell"]).items() if "happy" in name}


def leftovers(home):
    return [p for p in (home / "datasets").glob(".*") if not p.name.endswith(".lock")]


def test_prepared_pictures_are_the_archive_s(cmu, cmu_zip):
    prepared = PreparedSet("cmu_faces")
    table = prepared.table()
    row = int(table.index[table["native"] == 1][7])
    wanted = decode(cmu_photos()[table["file"][row]])
    np.testing.assert_array_equal(prepared.images[row], wanted)
    assert isinstance(prepared.images, np.memmap)


def test_dataset_json_counts_and_tells_differences(cmu):
    assert cmu["pictures"] == 1280
    assert cmu["counts"]["scale"] == {"2": 640, "4": 640}
    assert "scale 1: 0, published 624" in cmu["differences"]
    assert cmu["source"]["name"] == "faces.zip" and len(cmu["source"]["sha256"]) == 64


def test_bad_pictures_are_rejected_by_name_and_the_rest_goes_on(tmp_path, home):
    good = dict(FEW)
    bad = {
        "faces/mitchell/mitchell_up_sad_open_2.pgm": b"",
        "faces/mitchell/mitchell_up_sad_open_4.pgm": next(iter(FEW.values()))[:50],
        "faces/mitchell/mitchell_up_sad_open_2.bad": b"whatever",
        "faces/nobody/nobody_up_sad_open_2.pgm": next(iter(FEW.values())),
        "faces/mitchell/mitchell_up_sad_open_2_copy.pgm": next(iter(FEW.values())),
    }
    info = prepare("cmu_faces", write_zip(tmp_path / "faces.zip", {**good, **bad}))
    assert info["pictures"] == len(good)
    assert {r["file"] for r in info["rejected"]["files"]} == set(bad)
    reasons = {r["file"].rpartition("/")[2]: r["reason"] for r in info["rejected"]["files"]}
    assert "zero bytes" in reasons["mitchell_up_sad_open_2.pgm"]
    assert "unknown subject 'nobody'" in reasons["nobody_up_sad_open_2.pgm"]


@pytest.mark.parametrize("members", [{"CK+48/happy/S001.png": b"x"}, {"readme": b"x"}])
def test_the_archive_of_another_set_is_refused(tmp_path, home, members):
    with pytest.raises(ArchiveError, match="expected faces/<userid>"):
        prepare("cmu_faces", write_zip(tmp_path / "other.zip", members))
    assert leftovers(home) == [] and not (home / "datasets" / "cmu_faces").exists()


def test_a_failure_leaves_the_older_set_untouched(tmp_path, cmu, home):
    before = (home / "datasets" / "cmu_faces" / "dataset.json").read_bytes()
    with pytest.raises(ArchiveError):
        prepare("cmu_faces", write_zip(tmp_path / "other.zip", {"a.txt": b"x"}))
    assert (home / "datasets" / "cmu_faces" / "dataset.json").read_bytes() == before
    assert len(load_dataset("cmu_faces").train) > 0


def test_preparing_again_replaces_the_set(tmp_path, cmu):
    info = prepare("cmu_faces", write_zip(tmp_path / "few.zip", FEW))
    assert PreparedSet("cmu_faces").info["pictures"] == info["pictures"] == len(FEW)


def test_an_archive_in_an_archive_says_what_to_unpack(tmp_path):
    outer = write_zip(tmp_path / "cmu.zip", {"faces.tar.gz": b"x", "faces.data.html": b"x"})
    with pytest.raises(ArchiveError, match="Unpack it and pass 'faces.tar.gz'"):
        prepare("cmu_faces", outer)


def test_other_processes_decode_many_pictures_in_order(tmp_path, monkeypatch):
    photos = cmu_photos(["mitchell", "tammo", "an2i"])
    names = sorted(photos)
    photos[names[150]] = photos[names[150]][:50]
    archive = write_zip(tmp_path / "faces.zip", photos)
    alone = prepare("cmu_faces", archive)
    monkeypatch.setattr("facezoo.datasets.prepare.FEW", 64)
    shared = prepare("cmu_faces", archive)
    assert shared["images_sha256"] == alone["images_sha256"]
    assert shared["rejected"] == alone["rejected"] and shared["rejected"]["count"] == 1
    assert list(PreparedSet("cmu_faces").table()["file"]) == names[:150] + names[151:]


def test_a_decoding_process_that_is_killed_says_so(cmu_zip, home, monkeypatch):
    monkeypatch.setattr("facezoo.datasets.prepare.FEW", 0)
    monkeypatch.setattr("facezoo.datasets.prepare.decode_all", lambda tasks: os._exit(9))
    with pytest.raises(FacezooError, match="ended from outside"):
        prepare("cmu_faces", cmu_zip)
    assert leftovers(home) == []


@pytest.mark.usefixtures("heed_ctrl_c")
def test_ctrl_c_at_the_terminal_reaches_the_decoding_processes_too(home):
    script = (
        "import sys, facezoo.datasets.prepare as prepare; from facezoo.cli import main\n"
        "prepare.FEW, joined = 0, prepare._joined\n"
        "prepare._joined = lambda *chunk: (print('decoding', flush=True), joined(*chunk))[1]\n"
        "sys.argv = ['facezoo', 'prepare', 'synthetic', '--people', '300']; main()"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True, **pipes)
    assert process.stdout.readline() == "decoding\n"
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 2
    # the pool's threads may have a word of their own
    assert "facezoo: Interrupted; nothing is left half-written.\n" in told
    assert leftovers(home) == []


def test_ctrl_c_while_other_processes_decode_leaves_nothing(cmu_zip, home, monkeypatch):
    def press(seen, _):
        if seen > 200:
            raise KeyboardInterrupt

    monkeypatch.setattr("facezoo.datasets.prepare.FEW", 64)
    with pytest.raises(KeyboardInterrupt):
        prepare("cmu_faces", cmu_zip, progress=press)
    assert leftovers(home) == [] and not (home / "datasets" / "cmu_faces").exists()
    assert prepare("cmu_faces", cmu_zip)["pictures"] == 1280


def test_ctrl_c_leaves_nothing(tmp_path, cmu_zip, home):
    def press(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("cmu_faces", cmu_zip, progress=press)
    assert leftovers(home) == [] and not (home / "datasets" / "cmu_faces").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_cannot_be_written_says_so(cmu_zip, home, monkeypatch, number):
    def full(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store.StoreWriter, "add", full)
    with pytest.raises(StoreError, match=f"{os.strerror(number)}.*FACEZOO_HOME"):
        prepare("cmu_faces", cmu_zip)
    assert leftovers(home) == []


def test_a_killed_prepare_is_cleared_by_the_next(cmu_zip, home):
    script = (
        "import os, signal, sys; from facezoo.datasets.prepare import prepare\n"
        "prepare('cmu_faces', sys.argv[1], progress=lambda *_: os.kill(os.getpid(), 9))"
    )
    dead = subprocess.run([sys.executable, "-c", script, str(cmu_zip)])
    assert dead.returncode == -signal.SIGKILL
    assert len(leftovers(home)) == 1
    prepare("cmu_faces", cmu_zip)
    assert leftovers(home) == []


def test_a_prepare_killed_while_it_replaces_a_set_leaves_a_whole_one(tmp_path, cmu, cmu_zip):
    places = tmp_path / "one", tmp_path / "other"
    for place in places:
        place.mkdir()
    if not exchanged(*places):
        pytest.skip("this system cannot swap two folders")
    script = """if True:
        import os, pathlib, sys
        from facezoo.datasets.prepare import prepare

        rename = pathlib.Path.rename
        pathlib.Path.rename = lambda *a: rename(*a) and os.kill(os.getpid(), 9)
        prepare("cmu_faces", sys.argv[1], scale=4)
    """
    subprocess.run([sys.executable, "-c", script, str(cmu_zip)])
    assert PreparedSet("cmu_faces").table().shape[0] == 1280


def test_two_at_once_end_with_one_good_set(cmu_zip, home):
    errors = []

    def work():
        try:
            prepare("cmu_faces", cmu_zip)
        except Exception as error:
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == [] and leftovers(home) == []
    assert PreparedSet("cmu_faces").table().shape[0] == 1280


def test_scale_resizes_and_marks_what_was_native(cmu_zip):
    info = prepare("cmu_faces", cmu_zip, scale=4)
    assert info["picture_shape"] == [30, 32, 1]
    table = PreparedSet("cmu_faces").table()
    assert (table["native"] == (table["scale"] == 4)).all()


def test_options_are_checked_before_anything_is_read(cmu_zip):
    with pytest.raises(RecipeError, match="scale 3"):
        prepare("cmu_faces", cmu_zip, scale=3)
    with pytest.raises(UnknownName, match="Did you mean 'scale'"):
        prepare("cmu_faces", cmu_zip, scales=2)
    with pytest.raises(ArchiveError, match="facezoo prepare cmu_faces PATH"):
        prepare("cmu_faces")
    with pytest.raises(ArchiveError, match="drawn by the program"):
        prepare("synthetic", cmu_zip)


def damage_format(folder):
    info = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**info, "format": 99}))


@pytest.mark.parametrize(
    "damage",
    [
        damage_format,
        lambda f: (f / "dataset.json").write_text("{"),
        lambda f: (f / "dataset.json").write_text("[]"),
        lambda f: (f / "dataset.json").unlink(),
        lambda f: (f / "images.npy").write_bytes((f / "images.npy").read_bytes()[:-1]),
        lambda f: np.save(f / "images.npy", np.zeros((1280, 60, 64, 1))),
        lambda f: np.save(f / "images.npy", np.array([{}], dtype=object), allow_pickle=True),
        lambda f: (f / "table.csv").write_text("file,native\na,1\n"),
        lambda f: (f / "table.csv").write_text(""),
    ],
)
def test_a_damaged_set_says_prepare_again(cmu, home, damage):
    damage(home / "datasets" / "cmu_faces")
    with pytest.raises(StoreError, match="Prepare it again"):
        load_dataset("cmu_faces")


def test_the_writer_refuses_another_shape(home):
    with pytest.raises(StoreError, match="uint8"), writing("x", (4, 4, 1), ("file",)) as writer:
        writer.add(np.zeros((4, 5, 1), np.uint8), {"file": "a"})
    assert leftovers(home) == []


def test_an_unfinished_writer_leaves_nothing(home):
    with writing("x", (4, 4, 1), ("file",)) as writer:
        writer.add(np.zeros((4, 4, 1), np.uint8), {"file": "a"})
    assert leftovers(home) == [] and not (home / "datasets" / "x").exists()


def test_the_official_archive_has_its_624_photographs(official):
    info = prepare("cmu_faces", official("cmu_faces/faces.zip"))
    assert info["counts"]["scale"]["2"] == info["counts"]["scale"]["4"] == 624
    assert info["rejected"]["count"] == 0
    assert len(info["counts"]["subject"]) == 20
