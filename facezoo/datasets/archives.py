"""Safe reading of what people download: a zip, a tar (also compressed), or a folder.

Nothing is ever unpacked to disk: members are read one by one into memory, each up to a
limit that does not trust the archive's own headers. An archive with a member that would
leave its folder, or a link, is refused whole before anything is read from it.
"""

import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from facezoo.errors import ArchiveError, DatasetNotFound, PictureError

MAX_MEMBER = 64 * 2**20  # bytes of one picture or small text; readers of CSVs stream
MAX_MEMBERS = 3_000_000


class Archive:
    """An opened archive: `names` of its files, and `walk` over their bytes.

    Use as a context manager. Paths are relative, with forward slashes.

    Args:
        path: a .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz file or a folder.

    Raises:
        DatasetNotFound: nothing lies at `path`.
        ArchiveError: no archive, damaged, encrypted, or unsafe (the member is named).
    """

    def __init__(self, path):
        self.path = Path(path).expanduser()
        if not self.path.exists():
            raise DatasetNotFound(
                f"Got {str(self.path)!r}, where nothing lies; expected a downloaded archive or "
                "folder. Check the path; data/README.md says where each data set is had."
            )
        self._handle = None
        try:
            self.kind, self._members = self._opened()
        except BaseException:
            self.close()
            raise
        self.names = sorted(self._members)

    def _opened(self):
        if self.path.is_dir():
            return "folder", self._folder_members()
        if zipfile.is_zipfile(self.path):
            return "zip", self._zip_members()
        if _is_tar(self.path):
            return "tar", self._tar_members()
        raise ArchiveError(
            f"Got {self.path.name!r} ({self.path.stat().st_size:,} bytes), which is no zip, tar "
            "or folder; expected the archive as downloaded. Download it again, or pass the folder "
            "it was unpacked to."
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file; `with` does it too."""
        if self._handle is not None:
            self._handle.close()

    def walk(self, wanted=None) -> Iterator[tuple[str, Callable[[], bytes]]]:
        """Yield `(name, read)` of each member; `read()` gives its bytes.

        Zips and folders go in the order of names; a tar in its own order, where `read`
        must be called before the next step.

        Args:
            wanted: optional function name -> bool; others are passed over.
        """
        if self.kind != "tar":
            for name in self.names:
                if wanted is None or wanted(name):
                    yield name, lambda name=name: self.read(name)
            return
        by_member = {member.name: name for name, member in self._members.items()}
        for member in self._handle:
            name = by_member.get(member.name)
            if name is not None and (wanted is None or wanted(name)):
                yield name, lambda name=name: self.read(name)

    def read(self, name, limit=MAX_MEMBER):
        """Return the bytes of a member; `PictureError` where it is damaged or too large."""
        try:
            with self.open(name) as stream:
                data = stream.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, tarfile.TarError, EOFError, OSError) as error:
            raise PictureError(f"unreadable ({error})") from None
        if len(data) > limit:
            raise PictureError(f"more than {limit:,} bytes unpacked")
        return data

    def open(self, name):
        """Return a binary stream of a member, for files too large to hold in memory."""
        member = self._members[name]
        if self.kind == "zip":
            return self._handle.open(member)
        if self.kind == "tar":
            return self._handle.extractfile(member)
        return open(member, "rb")

    def source(self):
        """Return `{"name", "kind", "bytes", "sha256"}`: what a prepared set was made from.

        A folder's sha256 is that of its files' names and sizes.
        """
        digest = hashlib.sha256()
        if self.kind == "folder":
            total = 0
            for name in self.names:
                size = self._members[name].stat().st_size
                total += size
                digest.update(f"{name}\0{size}\n".encode())
        else:
            total = self.path.stat().st_size
            with open(self.path, "rb") as file:
                while block := file.read(2**20):
                    digest.update(block)
        return {
            "name": self.path.name,
            "kind": self.kind,
            "bytes": total,
            "sha256": digest.hexdigest(),
        }

    def _folder_members(self):
        members = {}
        for folder, _, files in os.walk(self.path, followlinks=False):
            for file in files:
                path = Path(folder, file)
                if path.is_symlink() and not path.resolve().is_relative_to(self.path.resolve()):
                    raise self._unsafe(str(path.relative_to(self.path)), "a link out of the folder")
                members[path.relative_to(self.path).as_posix()] = path
        return members

    def _zip_members(self):
        try:
            self._handle = zipfile.ZipFile(self.path)
            infos = self._handle.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise self._damaged(error) from None
        members = {}
        for info in infos[: MAX_MEMBERS + 1]:
            if (info.external_attr >> 16) & 0o170000 == 0o120000:
                raise self._unsafe(info.filename, "a link")
            if info.flag_bits & 0x1:
                raise ArchiveError(
                    f"Got {self.path.name!r} with the encrypted member {info.filename!r}; expected "
                    "an archive without a password. Unpack it and pass the folder."
                )
            self._check_name(info.orig_filename)
            if not info.is_dir():
                members[info.filename] = info
        return self._limited(members)

    def _tar_members(self):
        members = {}
        try:
            self._handle = tarfile.open(self.path)  # noqa: SIM115 - closed in __exit__
            for member in self._handle:
                if not (member.isfile() or member.isdir()):
                    raise self._unsafe(member.name, "a link or device")
                self._check_name(member.name)
                if member.isfile():
                    members[str(PurePosixPath(member.name))] = member
                if len(members) > MAX_MEMBERS:
                    break
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise self._damaged(error) from None
        return self._limited(members)

    def _limited(self, members):
        if len(members) > MAX_MEMBERS:
            raise ArchiveError(
                f"Got {self.path.name!r} with more than {MAX_MEMBERS:,} members; expected a data "
                "set of faces. Check that it is the right archive."
            )
        return members

    def _check_name(self, name):
        parts = name.replace("\\", "/").split("/")
        if "\0" in name or ".." in parts or parts[0] == "" or parts[0].endswith(":"):
            raise self._unsafe(name, "a path that leaves its folder")

    def _unsafe(self, name, what):
        return ArchiveError(
            f"Got {self.path.name!r} with the member {name!r}, {what}; expected only plain files "
            "inside the archive's own folder. Nothing was read; download it from the official page."
        )

    def _damaged(self, error):
        return ArchiveError(
            f"Got {self.path.name!r}, which cannot be read ({error}); expected a whole archive. "
            "Download it again."
        )


def _is_tar(path):
    try:
        return tarfile.is_tarfile(path)
    except (OSError, EOFError, zlib.error):
        return False
