"""`prepare`: an official archive, read once, becomes a prepared set.

The reader of the data set names pictures and rejections in order; bytes are read in that
order, decoded by all cores in chunks, and written in order again, so that few pictures
are held at a time. A broken picture is rejected with its name and reason and the rest
goes on.
"""

import collections
import contextlib
import itertools
import os
import signal
import threading
from concurrent.futures.process import BrokenProcessPool

from facezoo.datasets import get_spec
from facezoo.datasets.archives import Archive
from facezoo.datasets.spec import Note, Rejected
from facezoo.datasets.store import writing
from facezoo.errors import ArchiveError, FacezooError, PictureError, unknown
from facezoo.pictures import decode_all

CHUNK = 64  # pictures a task: enough that handing a task over costs nothing
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
WORKERS = 8  # one process reads and writes for all of them, and more would wait for it
FEW = 2000  # pictures that are decoded before other processes are started, a second's work


def prepare(name, path=None, *, root=None, progress=None, **options):
    """Read the archive of a data set and write its prepared form.

    Args:
        name: data set, as `list_datasets` gives it; "folder:mine" (a data set, a colon and
            a name of one's own) keeps another preparation of it under that name.
        path: the archive as downloaded, or the folder it was unpacked to.
        root: folder of prepared sets; None for `$FACEZOO_HOME/datasets`.
        progress: optional function called with the number of files seen so far and the
            number of all, or None where that is not known.
        options: the data set's own, such as scale=2 for "cmu_faces".

    Returns:
        dict: what dataset.json holds: counts, rejections, differences from the published
        counts, source.

    Raises:
        UnknownName: no such data set or option.
        DatasetNotFound, ArchiveError: no archive there, unsafe, or another data set's.
        StoreError: it cannot be written.
    """
    spec = get_spec(name)
    settings = _settings(spec, options)
    shape = spec.picture_shape(settings)
    if path is None:
        if spec.needs_archive:
            todo = f"Download it from {spec.page} and run" if spec.page else "Run"
            raise ArchiveError(
                f"Got no archive for {name!r}; expected its path. {todo}: "
                f"facezoo prepare {name} PATH"
            )
        return _write(spec, None, settings, shape, root, progress)
    if not spec.needs_archive:
        raise ArchiveError(
            f"Got the path {str(path)!r} for {name!r}, which is drawn by the program; expected "
            f"none. Run: facezoo prepare {name}"
        )
    with Archive(path) as archive:
        return _write(spec, archive, settings, shape, root, progress)


def _settings(spec, options):
    for option in options:
        if option not in spec.options:
            raise unknown(f"option of {spec.name!r}", option, spec.options or ["(none)"])
    paths = {k: os.fspath(v) for k, v in options.items() if isinstance(v, os.PathLike)}
    return {**spec.options, **options, **paths}  # all of it goes into dataset.json


def _write(spec, archive, settings, shape, root, progress):
    total = len(archive.names) if archive is not None else None
    facts = spec.survey(archive, settings) if spec.survey is not None else {}
    if spec.adapt is not None:
        spec = spec.adapt(spec, facts)
    notes = []
    crossed = {key: collections.Counter() for key in spec.expected if "/" in key}
    decoded = contextlib.closing(_decoded(spec.read(archive, settings)))
    with writing(spec.name, shape, spec.columns, root) as writer, decoded as chunks:
        seen = 0
        for found in chunks:
            for row, picture in found:
                if isinstance(picture, Note):
                    notes.append(picture.text)
                elif isinstance(picture, Rejected):
                    writer.reject(picture.file, picture.reason)
                else:
                    writer.add(picture, row)
                    for key, counter in crossed.items():
                        counter["/".join(str(row[column]) for column in key.split("/"))] += 1
            seen += len(found)
            if progress is not None:
                progress(seen, total if total and seen <= total else None)  # a CSV: one file
        if writer.count == 0:
            raise _nothing_found(spec, archive, writer)
        return writer.finish(
            {
                **facts,
                "name": spec.name,
                "options": settings,
                "source": archive.source() if archive is not None else None,
                "license": spec.license,
                "label_sets": {n: t.label_set.to_dict() for n, t in spec.targets.items()},
                "notes": notes,
                "differences": _differences(spec, writer.counts | crossed),
            }
        )


def _decoded(items):
    """What a reader yields -> lists of (row, picture, Rejected or Note), in the same order.

    Processes, not threads: of a small picture most of the time goes into reading its
    header, which holds Python's lock.
    """
    read = map(_read, items)
    for chunk in _chunks(itertools.islice(read, FEW)):
        yield _joined(chunk, decode_all(_tasks(chunk)))
    rest = _chunks(read)
    group = list(itertools.islice(rest, 1))
    if group:
        try:
            yield from _shared(group, rest)
        except BrokenProcessPool:
            raise FacezooError(
                "Got a decoding process that was ended from outside, as systems short of memory "
                "do; expected it to finish. Close other programs, then prepare again."
            ) from None


def _shared(group, rest):
    """Decode chunks in several processes: those of `group`, then those of `rest`."""
    from joblib import Parallel, cpu_count, delayed  # loads much; few pictures do without

    workers = min(cpu_count(), WORKERS)
    with Parallel(workers, return_as="generator", batch_size=1, max_nbytes=None) as parallel:
        starting = _deaf_to_interrupts()
        while group:
            tasks = [delayed(decode_all)(_tasks(chunk)) for chunk in group]
            with starting:
                results = parallel(tasks)
            starting = contextlib.nullcontext()
            try:
                following = list(itertools.islice(rest, 2 * workers))  # read while they decode
                yield from map(_joined, group, results)
            finally:
                # joblib takes no new call, and warns, until every result was fetched
                with contextlib.suppress(BrokenProcessPool):
                    collections.deque(results, maxlen=0)
            group = following


@contextlib.contextmanager
def _deaf_to_interrupts():
    """Start processes that a Ctrl-C at the terminal does not reach: this one ends them.

    They inherit that it is ignored. For the moment in which they start, so does this one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _chunks(read):
    while chunk := list(itertools.islice(read, CHUNK)):
        yield chunk


def _read(item):
    """Item -> (row, decode, bytes); Rejected and Note stay."""
    if isinstance(item, Rejected | Note):
        return item
    try:
        return item.row, item.decode, item.read()
    except PictureError as error:
        return Rejected(item.row["file"], str(error))


def _tasks(chunk):
    """What of a chunk is to be decoded: [(decode, bytes)]."""
    return [got[1:] for got in chunk if isinstance(got, tuple)]


def _joined(chunk, decoded):
    """Put the pictures of a chunk, and why there is none, in their places."""
    decoded, joined = iter(decoded), []
    for got in chunk:
        if not isinstance(got, tuple):
            joined.append((None, got))
            continue
        row, picture = got[0], next(decoded)
        if isinstance(picture, str):
            joined.append((None, Rejected(row["file"], picture)))
            continue
        picture, more = picture if isinstance(picture, tuple) else (picture, {})
        joined.append(({**row, **more}, picture))
    return joined


def _nothing_found(spec, archive, writer):
    if writer.rejected:
        first = writer.rejected[0]
        what = (
            f"{writer.rejected_count} files and no usable picture "
            f"({first['file']}: {first['reason']})"
        )
    else:
        example = f" such as {archive.names[0]!r}" if archive.names else ""
        what = f"{len(archive.names)} files{example}, none of {spec.title}"
    inner = [name for name in archive.names if name.lower().endswith(ARCHIVES)]
    if inner:
        todo = f"Unpack it and pass {inner[0]!r} that lies in it."
    else:
        todo = f"Check that it is the archive of {spec.page}." if spec.page else "Check the path."
    return ArchiveError(f"Got {archive.path.name!r} with {what}; expected {spec.layout}. {todo}")


def _differences(spec, counts):
    """Lines such as "scale 1: 0, published 624", where the two are not equal."""
    return [
        f"{column} {value}: {counts[column].get(value, 0):,}, published {published:,}"
        for column, published_counts in spec.expected.items()
        for value, published in published_counts.items()
        if counts[column].get(value, 0) != published
    ]
