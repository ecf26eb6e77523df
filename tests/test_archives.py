import io
import stat
import tarfile
import zipfile

import pytest

from conftest import write_zip
from facezoo.datasets import archives
from facezoo.datasets.archives import Archive
from facezoo.errors import ArchiveError, DatasetNotFound, FacezooError, PictureError

MEMBERS = {"a/one.txt": b"1", "a/two.txt": b"22"}


def write_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_folder(path, members):
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("write", [write_zip, write_tar, write_folder])
def test_every_kind_walks_over_the_same_members(tmp_path, write):
    with Archive(write(tmp_path / "archive", MEMBERS)) as archive:
        assert archive.names == sorted(MEMBERS)
        assert {name: read() for name, read in archive.walk()} == MEMBERS
        assert [name for name, _ in archive.walk(lambda n: "two" in n)] == ["a/two.txt"]
        assert archive.read("a/two.txt") == b"22"


@pytest.mark.parametrize("write", [write_zip, write_tar, write_folder])
def test_source_tells_one_archive_from_another(tmp_path, write):
    first, second = (write(tmp_path / n, m) for n, m in (("a", MEMBERS), ("b", {"x": b"123"})))
    with Archive(first) as one, Archive(second) as other:
        assert one.source()["sha256"] != other.source()["sha256"]
        assert one.source() == one.source()


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "C:/out.txt"])
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_path_that_leaves_is_refused_with_its_name(tmp_path, write, name):
    path = write(tmp_path / "evil", {**MEMBERS, name: b"x"})
    with pytest.raises(ArchiveError, match="out.txt"):
        Archive(path)


def test_a_link_in_a_tar_is_refused(tmp_path):
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        link = tarfile.TarInfo("a/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(ArchiveError, match="a/link"):
        Archive(tmp_path / "evil.tar")


def test_a_link_in_a_zip_is_refused(tmp_path):
    link = zipfile.ZipInfo("a/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="a/link"):
        Archive(tmp_path / "evil.zip")


def test_a_link_out_of_a_folder_is_refused(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ArchiveError, match="link"):
        Archive(tmp_path / "folder")


@pytest.mark.parametrize("data", [b"", b"not an archive", b"PK\x03\x04broken"])
def test_no_archive_says_so(tmp_path, data):
    (tmp_path / "faces.zip").write_bytes(data)
    with pytest.raises(ArchiveError, match="faces.zip"):
        Archive(tmp_path / "faces.zip")


def test_a_truncated_zip_says_so(tmp_path):
    path = write_zip(tmp_path / "faces.zip", MEMBERS)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ArchiveError, match="faces.zip"):
        Archive(path)


def test_a_truncated_tar_says_so(tmp_path):
    path = write_tar(tmp_path / "faces.tar.gz", {"a": bytes(range(256)) * 400})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FacezooError, match="faces.tar.gz"):
        Archive(path)


def test_nothing_there_points_to_the_docs(tmp_path):
    with pytest.raises(DatasetNotFound, match="data/README.md"):
        Archive(tmp_path / "missing.zip")


def test_an_encrypted_member_is_refused(tmp_path):
    path = write_zip(tmp_path / "locked.zip", MEMBERS)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        data[start + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="encrypted"):
        Archive(path)


def test_a_member_larger_than_the_limit_is_cut_off(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.pgm", bytes(1_000_000))
    with Archive(path) as archive, pytest.raises(PictureError, match="more than 1,000 bytes"):
        archive.read("zeros.pgm", limit=1000)


def test_a_damaged_member_is_a_picture_error(tmp_path):
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.pgm", bytes(range(256)) * 50)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with Archive(path) as archive, pytest.raises(PictureError, match="unreadable"):
        archive.read("a.pgm")


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    with pytest.raises(ArchiveError, match="more than 1 members"):
        Archive(write_zip(tmp_path / "many.zip", MEMBERS))
