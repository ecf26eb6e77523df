"""Attacks that somebody thought up, and what facezoo answers: the second part of fuzz.py.

An attack is a function of a folder: it makes the file and reads it. It is withstood if reading
raises a `FacezooError`, or does no harm and returns a word on what it did instead.
"""

import gzip
import io
import json
import os
import pickle
import shutil
import struct
import tarfile
import zipfile
import zlib

import fuzz_targets as targets
import numpy as np

MEGA = 2**20


def _written(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _walk(folder):
    targets._walk_archives(folder)
    return "read as an ordinary archive"


def zip_name(name):
    def attack(folder):
        with zipfile.ZipFile(folder / "faces.zip", "w") as archive:
            info = zipfile.ZipInfo("x")
            info.filename = name  # the constructor would tidy it up
            archive.writestr(info, b"x")
        return _walk(folder)

    return attack


def tar_member(name, **fields):
    def attack(folder):
        info = tarfile.TarInfo(name)
        for field, value in fields.items():
            setattr(info, field, value)
        with tarfile.open(folder / "faces.tar.gz", "w:gz") as archive:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
        return _walk(folder)

    return attack


def zip_link(folder):
    link = zipfile.ZipInfo("a/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(folder / "faces.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    return _walk(folder)


def folder_link(folder):
    (folder / "set").mkdir()
    (folder / "set" / "a.pgm").symlink_to("/etc/passwd")
    from facezoo.datasets.archives import Archive

    Archive(folder / "set")


def zip_bomb(folder):
    with (
        zipfile.ZipFile(
            folder / "faces.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
        ) as archive,
        archive.open("fer2013.csv", "w", force_zip64=True) as member,
    ):
        for _ in range(512):
            member.write(bytes(MEGA))
    return _walk(folder)


def zip_overlap(folder):
    """Many names for one member's bytes, as Fifield's bomb of 2019."""
    data = targets._zip_bytes({"a": bytes(MEGA)})
    at, end = data.rindex(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    names = 10_000
    entry = data[at:end]
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, names, names, names * len(entry), at, 0)
    entries = b"".join(entry[:46] + b"%01x" % (n % 16) for n in range(names))
    _written(folder / "faces.zip", data[:at] + entries + tail)
    return _walk(folder)


def zip_nested(folder):
    from facezoo.datasets.prepare import prepare

    inner = targets._zip_bytes({"cat/a.png": bytes(1000)})
    for _ in range(3):
        inner = targets._zip_bytes({"inner.zip": inner})
    _written(folder / "own.zip", inner)
    prepare("folder:mine", folder / "own.zip", root=folder / "sets")


def zip_lies(size):
    """The table of contents gives another size than there is."""

    def attack(folder):
        data = bytearray(targets._zip_bytes({"a.csv": b"a,b\n" * 50_000}))
        at = data.rindex(b"PK\x01\x02")
        data[at + 24 : at + 28] = struct.pack("<I", size)
        _written(folder / "faces.zip", data)
        return _walk(folder)

    return attack


def tar_bomb(folder):
    with gzip.open(folder / "faces.tar.gz", "wb", 1) as stream:
        info = tarfile.TarInfo("fer2013.csv")
        info.size = 256 * MEGA
        stream.write(info.tobuf())
        for _ in range(256):
            stream.write(bytes(MEGA))
    return _walk(folder)


def tar_claims(kind, size):
    """A header that claims a size, and little behind it."""

    def attack(folder):
        info = tarfile.TarInfo("fer2013.csv")
        info.type, info.size = kind, size
        header = info.tobuf(tarfile.GNU_FORMAT)
        _written(folder / "faces.tar.gz", gzip.compress(header + bytes(4096)))
        return _walk(folder)

    return attack


def tar_backwards(folder):
    """A negative size in an extended header, which leads back to it for ever."""
    record = b" size=-1024\n"
    record = str(len(record) + 2).encode() + record
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, len(record)
    data = head.tobuf() + record.ljust(512, b"\0") + tarfile.TarInfo("a.csv").tobuf() + bytes(4096)
    _written(folder / "faces.tar", data)
    return _walk(folder)


def tar_long_header(folder):
    """A header of digits, over which a pattern of old Pythons goes again and again."""
    body = b"1" * MEGA
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, len(body)
    _written(folder / "faces.tar.gz", gzip.compress(head.tobuf() + body + bytes(4096)))
    return _walk(folder)


def picture(data):
    def attack(folder):
        from facezoo.pictures import decode

        return f"read as {decode(data()).shape}"

    return attack


def _png(width, height, color=6, body=b""):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    packed = zlib.compressobj(1)
    parts = [packed.compress(body) for _ in range(height if body else 0)]
    data = b"".join(parts) + packed.flush()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def long_field(folder):
    with open(folder / "fer2013.csv", "wb") as file:
        file.write(b"emotion,pixels,Usage\n0,")
        for _ in range(64):
            file.write(b"7 " * (MEGA // 2))
        file.write(b",Training\n")
    targets._read_set("fer2013", "fer2013.csv", folder)
    return "rejected as a row with its number: a line of more than 131,072 characters"


class _Harm:
    def __reduce__(self):
        return os.mkdir, (os.environ["FACEZOO_HARM"],)


def images(make):
    """A prepared set whose images.npy is something else."""

    def attack(folder):
        os.environ["FACEZOO_HARM"] = str(folder.parent / "harm")
        targets._prepared_files(folder / "sets")
        _written(folder / "sets" / "folder@mine" / "images.npy", make())
        return _harmlessly(targets._load_set, folder / "sets")

    return attack


def _harmlessly(load, place):
    """Load what lies in a folder of the attack's; raise if code of it was run."""
    try:
        load(place)
    finally:
        if (place.parent.parent / "harm").exists():
            raise AssertionError("code of the file was run")
    return "read"


def _saved(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def _npy(header):
    data = header.encode() + b" " * 8 + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data)) + data + bytes(64)


def _npz():
    stream = io.BytesIO()
    np.savez(stream, a=np.zeros(3))
    return stream.getvalue()


def weights(spoil):
    def attack(folder):
        import h5py

        targets._weight_files(folder / "w")
        path = folder / "w" / "lenet5.weights.h5"
        with h5py.File(path, "r+") as file:
            names = []
            file.visititems(
                lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
            )
            spoil(file, next(n for n in names if n.startswith("layers/conv2d/")), folder)
        targets._fill(folder / "w")
        return "read"

    return attack


def h5_nan(file, name, folder):
    file[name][...] = np.nan


def h5_outside(file, name, folder):
    shape, kind = file[name].shape, file[name].dtype
    del file[name]
    file.create_dataset(name, shape, kind, external=[("/proc/self/exe", 0, 10**6)])


def h5_link(file, name, folder):
    import h5py

    del file[name]
    shutil.copy(folder / "w" / "lenet5.weights.h5", folder / "other.h5")
    file[name] = h5py.ExternalLink(str(folder / "other.h5"), name)


def onnx_outside(location):
    def attack(folder):
        import onnx

        (folder / "w").mkdir(parents=True)
        targets._onnx_files(folder / "w" / "x")
        network = onnx.load(folder / "w" / "x" / "small.onnx")
        tensor = network.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        _written(folder / "secret", bytes(16 * 7 * 4))
        for key, value in (("location", location(folder)), ("offset", "0"), ("length", "448")):
            tensor.external_data.add(key=key, value=value)
        _written(folder / "w" / "x" / "small.onnx", network.SerializeToString())
        targets._answer(folder / "w" / "x")
        raise AssertionError("weights were read from a file elsewhere")

    return attack


def onnx_nan(folder):
    import onnx

    targets._onnx_files(folder / "x")
    network = onnx.load(folder / "x" / "small.onnx")
    network.graph.initializer[0].raw_data = np.full(112, np.nan, np.float32).tobytes()
    _written(folder / "x" / "small.onnx", network.SerializeToString())
    targets._answer(folder / "x")
    return "read"


def manifest_file(name):
    def attack(folder):
        targets._manifest_files(folder / "w")
        path = folder / "w" / "manifest.json"
        manifest = json.loads(path.read_text())
        next(iter(manifest["weights"].values()))["files"]["onnx"]["file"] = name
        path.write_text(json.dumps(manifest))
        targets._read_manifest(folder / "w")
        return "read"

    return attack


def run_file(name, change, read=targets._read_papers):
    """A run of which one JSON file is changed: change(value) -> value."""

    def attack(folder):
        targets._trained(folder / "r")
        path = folder / "r" / "run" / name
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
        read(folder / "r")
        return "read"

    return attack


def _elsewhere(state):
    state["checkpoints"][0]["checkpoint"] = "../../elsewhere.weights.h5"
    return state


def keras_file(change):
    """A model.keras of which the layers are changed: change(config) -> None."""

    def attack(folder):
        os.environ["FACEZOO_HARM"] = str(folder.parent / "harm")
        targets._trained(folder / "r")
        path = folder / "r" / "run" / "model.keras"
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        change(config, members)
        members["config.json"] = json.dumps(config).encode()
        path.write_bytes(targets._zip_bytes(members))
        return _harmlessly(targets._load_run, folder / "r")

    return attack


def _last_layer(config):
    return config["config"]["layers"][-1]


def keras_lambda(config, members):
    import keras

    layer = keras.layers.Lambda(
        lambda x: [x, __import__("os").mkdir(os.environ["FACEZOO_HARM"])][0]
    )
    told = keras.saving.serialize_keras_object(layer)
    _last_layer(config).update({k: told[k] for k in ("class_name", "config", "module")})


def keras_module(config, members):
    _last_layer(config).update(module="os", class_name="mkdir", registered_name=None)


def keras_function(config, members):
    _last_layer(config)["config"]["activation"] = {
        "module": "builtins",
        "class_name": "function",
        "config": "eval",
        "registered_name": "function",
    }


def keras_download(config, members):
    _last_layer(config).update(
        module="keras.utils",
        class_name="get_file",
        config={"fname": "x", "origin": "http://127.0.0.1:9/x"},
        registered_name=None,
    )


def keras_traversal(config, members):
    members["../../harm"] = b"x"


def keras_nan(config, members):
    import h5py

    stream = io.BytesIO(members["model.weights.h5"])
    with h5py.File(stream, "r+") as file:

        def spoil(name, item):
            if isinstance(item, h5py.Dataset) and name.startswith("layers/dense/"):
                item[...] = np.nan

        file.visititems(spoil)
    members["model.weights.h5"] = stream.getvalue()


def recipe(**fields):
    def attack(folder):
        targets._recipe_files(folder / "x")
        path = folder / "x" / "recipe.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
        targets._read_recipe(folder / "x")
        return "read"

    return attack


def space(**fields):
    def attack(folder):
        path = _written(folder / "space.json", json.dumps(fields).encode())
        from facezoo.recipes import Space, get_recipe
        from facezoo.tuning.search import Search

        found = Space.from_file(path)
        one = get_recipe("synthetic-lenet5-expression")
        Search(recipe=one, space=found, method="grid", fingerprint="")
        return "read"

    return attack


def photo_name(folder):
    targets._recognizer().predict("a\0b.jpg")


PAIR = {"low": 0, "high": 2**31 - 2}
ATTACKS = {
    "zip: member `../out.txt`": zip_name("../out.txt"),
    "zip: member `/etc/out.txt`": zip_name("/etc/out.txt"),
    "zip: member `..\\out.txt`": zip_name("..\\out.txt"),
    "zip: member `C:/out.txt`": zip_name("C:/out.txt"),
    "zip: a symbolic link": zip_link,
    "zip: 512 MB of zeros in 2 MB": zip_bomb,
    "zip: 10,000 names for the same bytes": zip_overlap,
    "zip: zips within zips": zip_nested,
    "zip: contents said to be smaller than they are": zip_lies(10),
    "zip: contents said to be 2 GB": zip_lies(2**31),
    "tar.gz: member `../out.txt`": tar_member("../out.txt"),
    "tar.gz: member `/etc/out.txt`": tar_member("/etc/out.txt"),
    "tar.gz: member `..\\out.txt`": tar_member("..\\out.txt"),
    "tar.gz: member `C:/out.txt`": tar_member("C:/out.txt"),
    "tar.gz: a symbolic link": tar_member("a", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "tar.gz: a hard link": tar_member("a", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "tar.gz: a device": tar_member("a", type=tarfile.CHRTYPE),
    "tar.gz: 256 MB of zeros in 1 MB": tar_bomb,
    "tar.gz: a member said to be 1 TB": tar_claims(tarfile.REGTYPE, 2**40),
    "tar.gz: a long name said to be 1 TB": tar_claims(tarfile.GNUTYPE_LONGNAME, 2**40),
    "tar.gz: a sparse file of 1 TB": tar_claims(tarfile.GNUTYPE_SPARSE, 2**40),
    "tar.gz: an extended header of a million digits": tar_long_header,
    "tar: a member of -1,024 bytes": tar_backwards,
    "folder: a link out of it": folder_link,
    "PNG: 60,000 x 60,000 pixels in its header": picture(lambda: _png(60_000, 60_000)),
    "PNG: 7,000 x 7,000 pixels of nothing, 49 million": picture(
        lambda: _png(7000, 7000, body=bytes(1 + 4 * 7000))
    ),
    "PGM: 1,000,000,000 x 1,000,000,000 pixels": picture(
        lambda: b"P5\n1000000000 1000000000\n255\n" + bytes(100)
    ),
    "CSV: a field of 64 MB": long_field,
    "images.npy: a pickled object": images(
        lambda: _saved(np.array([_Harm()], dtype=object), allow_pickle=True)
    ),
    "images.npy: nothing but a pickle": images(lambda: pickle.dumps(_Harm())),
    "images.npy: 2**62 pictures in its header": images(
        lambda: _npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**62}, 16, 16, 1)}}")
    ),
    "images.npy: brackets in brackets": images(lambda: _npy("(" * 9000)),
    "images.npy: an .npz": images(_npz),
    ".weights.h5: NaN": weights(h5_nan),
    ".weights.h5: a data set that lies in another file": weights(h5_outside),
    ".weights.h5: a link to another file": weights(h5_link),
    ".onnx: weights in `../../secret`": onnx_outside(lambda folder: "../../secret"),
    ".onnx: weights at an absolute path": onnx_outside(lambda folder: str(folder / "secret")),
    ".onnx: NaN": onnx_nan,
    "manifest: file `../../x`": manifest_file("../../x"),
    "manifest: file `/etc/passwd`": manifest_file("/etc/passwd"),
    "manifest: file with a zero byte": manifest_file("a\0b"),
    "state.json: a checkpoint elsewhere": run_file("state.json", _elsewhere),
    "metrics.json: temperature NaN": run_file(
        "metrics.json", lambda m: {**m, "calibration": {"temperature": float("nan")}}
    ),
    "model.keras: a Lambda layer": keras_file(keras_lambda),
    "model.keras: a layer of the module `os`": keras_file(keras_module),
    "model.keras: `eval` as activation": keras_file(keras_function),
    "model.keras: `keras.utils.get_file` as layer": keras_file(keras_download),
    "model.keras: a member `../../harm`": keras_file(keras_traversal),
    "model.keras: NaN": keras_file(keras_nan),
    "recipe.json: a field that does not exist": recipe(on_start="import os"),
    "recipe.json: builder `os.system`": recipe(builder="os.system"),
    "recipe.json: name `../../x`": recipe(name="../../x"),
    "recipe.json: a rate of 400 digits": recipe(learning_rate=10**400),
    "tuning space: 2**62 settings": space(seed=PAIR, split_seed=PAIR),
    "photograph: a zero byte in its path": photo_name,
}


def target():
    """Return the attacks as a `Target` of fuzz.py: input n is attack n."""
    attacks = list(ATTACKS.values())

    def spoil(rng, valid, case):
        (case / "number").write_text(str(rng.number))

    def read(folder):
        number = folder / "number"
        if not number.exists():  # the first time: loads what is loaded late
            targets._trained(folder / "first")
            targets._load_run(folder / "first")
            targets._weight_files(folder / "w")
            targets._fill(folder / "w")
            return None
        attack = attacks[int(number.read_text())]
        number.unlink()
        return attack(folder)

    return targets.Target(0, lambda folder: folder.mkdir(), spoil, read)
