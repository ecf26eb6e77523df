"""Safe reading of what people download: a zip, a tar (also compressed), a folder, a CSV.

Nothing is ever unpacked to disk: members are read one by one into memory, each up to a
limit that does not trust the archive's own headers. An archive with a member that would
leave its folder, or a link, is refused whole before anything is read from it, and so is one
that unpacks to many times its own size.
"""

import csv
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from facezoo.errors import ArchiveError, DatasetNotFound, FacezooError, PictureError

MAX_MEMBER = 64 * 2**20  # bytes of one picture or small text; readers of CSVs stream
MAX_MEMBERS = 3_000_000
MAX_UNPACKED = 100  # times the archive's own bytes, and `MAX_MEMBER`; numbers as text reach 5
MAX_HEADER = 2**14  # bytes of an extended header of a tar: a long name, times and owners
MEMBER = 2**10  # bytes that a member counts for besides its own: headers are not free
MAX_LINE = 2**17  # characters of a CSV's line: a row of fer2013.csv has 9,300 at most
DAMAGED = (  # what the standard library raises over broken archives
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,  # names that are no UTF-8, negative offsets
    OverflowError,
    RuntimeError,  # what zipfile calls a member with a password
)
EXTENDED = (  # types of a tar's headers that tarfile reads into memory, however large
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Header(tarfile.TarInfo):
    """A tar's header that is refused before tarfile believes its size."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in EXTENDED and header.size > MAX_HEADER):
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header


class Archive:
    """An opened archive: `names` of its files, and `walk` over their bytes.

    Use as a context manager. Paths are relative, with forward slashes.

    Args:
        path: a .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz file, a folder, or a plain
            .csv file, which is then the only member.

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
        with open(self.path, "rb") as file:
            if file.read(2) == b"PK":
                raise self._damaged("it ends too early")
        if self.path.suffix.lower() == ".csv":
            return "file", {self.path.name: self.path}
        raise ArchiveError(
            f"Got {self.path.name!r} ({self.path.stat().st_size:,} bytes), which is no zip, tar, "
            "folder or .csv; expected the archive as downloaded. Unpack a 7z, rar or gz first and "
            "pass what was in it; download anything else again."
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
            name = by_member.pop(member.name, None)  # a name that comes twice counts once
            if name is not None and (wanted is None or wanted(name)):
                yield name, lambda name=name: self.read(name)

    def read(self, name, limit=MAX_MEMBER):
        """Return the bytes of a member; `PictureError` where it is damaged or too large."""
        try:
            with self.open(name) as stream:
                data = stream.read(limit + 1)
        except DAMAGED as error:
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

    def csv_rows(self, name, required):
        """Yield `(number, {column: text})` of every row of a CSV member, row 0 first.

        Only a line is in memory at a time. Names of columns are stripped and lower case;
        a BOM, CRLF, quotes and blank lines are fine. A row that is too short or too long
        comes as `(number, reason)`, so that the numbers of the others stay right.

        Raises:
            ArchiveError: a column of `required` is missing, or the member is damaged.
        """
        try:
            with io.TextIOWrapper(self.open(name), "utf-8-sig", errors="replace") as text:
                lines = _lines(text)
                header = [c.strip().lower() for c in _fields(next(lines, "") or "")]
                if missing := [column for column in required if column not in header]:
                    raise ArchiveError(
                        f"Got {name!r} with the columns {', '.join(header) or '(none)'}; expected "
                        f"{', '.join(required)}, and {missing[0]} is missing. Pass the file as "
                        "downloaded."
                    )
                for number, line in enumerate(lines):
                    yield number, _row(header, line)
        except ArchiveError:
            raise
        except DAMAGED as error:
            raise self._damaged(error) from None

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
        for folder, _, files in os.walk(self.path, onerror=self._unreadable):
            for file in files:
                path = Path(folder, file)
                if path.is_symlink() and not path.resolve().is_relative_to(self.path.resolve()):
                    raise self._unsafe(str(path.relative_to(self.path)), "a link out of the folder")
                name = path.relative_to(self.path).as_posix()
                # a name that is no UTF-8 could not be written to table.csv
                members[name.encode("utf-8", "backslashreplace").decode()] = path
        return members

    def _unreadable(self, error):
        raise ArchiveError(
            f"Got {error.strerror!r} for the folder {error.filename!r}; expected one that can be "
            "read. Change its permissions."
        )

    def _zip_members(self):
        try:
            self._handle = zipfile.ZipFile(self.path)
            infos = self._handle.infolist()
        except DAMAGED as error:
            raise self._damaged(error) from None
        self._check_unpacked(sum(info.file_size + MEMBER for info in infos))
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
        members, unpacked = {}, 0
        try:
            self._handle = _open_tar(self.path)
            for member in self._handle:
                if not (member.isfile() or member.isdir()) or member.issparse():
                    raise self._unsafe(member.name, "a link, device or sparse file")
                self._check_name(member.name)
                if member.size < 0:  # an extended header may say so, and lead back for ever
                    raise self._damaged(f"a member of {member.size:,} bytes")
                unpacked += member.size + MEMBER
                self._check_unpacked(unpacked)  # before tarfile passes over what it unpacks
                if member.isfile():
                    members[str(PurePosixPath(member.name))] = member
                if len(members) > MAX_MEMBERS:
                    break
        except FacezooError:
            raise
        except DAMAGED as error:
            raise self._damaged(error) from None
        return self._limited(members)

    def _check_unpacked(self, total):
        most = MAX_MEMBER + MAX_UNPACKED * self.path.stat().st_size
        if total > most:
            raise ArchiveError(
                f"Got {self.path.name!r} of {self.path.stat().st_size:,} bytes, which unpacks to "
                f"more than {most:,}; expected pictures or tables, which hardly shrink. Download "
                "it from the official page; if it is right, unpack it and pass the folder."
            )

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
        _open_tar(path).close()
    except DAMAGED:
        return False
    return True


def _open_tar(path):
    return tarfile.open(path, tarinfo=_Header)


def _lines(text):
    """Yield the lines that are not blank; None for one longer than `MAX_LINE`."""
    while line := text.readline(MAX_LINE):
        part = line
        while len(part) == MAX_LINE and not part.endswith("\n"):
            line, part = None, text.readline(MAX_LINE)
        if line is None or line.strip():
            yield line


def _fields(line):
    if '"' in line:
        return next(csv.reader([line]))
    return line.rstrip("\n").split(",")  # 17 times as fast as the reader on rows of pixels


def _row(header, line):
    """A line -> `{column: text}`, or the reason why not."""
    if line is None:
        return f"a line of more than {MAX_LINE:,} characters"
    fields = _fields(line)
    if len(fields) != len(header):
        return f"{len(fields)} columns, not {len(header)}"
    return dict(zip(header, fields, strict=True))
