"""What reads files, for fuzz.py: of each target the valid files, how to spoil them, the reader."""

import contextlib
import dataclasses
import functools
import gzip
import io
import itertools
import json
import shutil
import tarfile
import types
import zipfile
from collections.abc import Callable

import numpy as np
from fuzz_mutations import NAMES, spoilt_bytes, spoilt_json, spoilt_text
from PIL import Image


@dataclasses.dataclass(frozen=True)
class Target:
    """A kind of file and what reads it.

    Args:
        share: of the inputs, in thousandths more or less.
        prepare: (folder) -> makes it and puts valid files into it.
        spoil: (rng, folder of valid files, folder) -> writes an input.
        read: (folder) -> reads the input; raises what the reader raises.
    """

    share: int
    prepare: Callable
    spoil: Callable
    read: Callable


def _pixels(seed=0, shape=(48, 48)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _encoded(pixels, form, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


def _copied(valid, case, name, change):
    """Copy the valid files, one of them changed: change(bytes) -> bytes."""
    for path in valid.iterdir():
        if path.name == name:
            (case / name).write_bytes(change(path.read_bytes()))
        elif path.is_dir():
            shutil.copytree(path, case / path.name)
        else:
            shutil.copyfile(path, case / path.name)


# pictures


def _picture_files(folder):
    """One picture in every format that is read, gray, colour, with tags, palettes and frames."""
    gray, colour = _pixels(shape=(12, 10)), _pixels(shape=(12, 10, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {"gray.pgm": _encoded(gray, "PPM"), "colour.ppm": _encoded(colour, "PPM")}
    files["plain.pgm"] = b"P2\n# made\n3 2\n255\n0 10 20\n30 40 255\n"
    for form in ("JPEG", "PNG", "BMP", "WEBP", "TIFF"):
        files[f"colour.{form.lower()}"] = _encoded(colour, form)
    files["gray.jpeg"] = _encoded(gray, "JPEG", exif=exif)
    files["tagged.png"] = _encoded(gray, "PNG", exif=exif)
    files["glass.png"] = _encoded(_pixels(shape=(12, 10, 4)), "PNG")
    files["deep.png"] = _encoded(gray.astype(np.uint16) * 257, "PNG")
    files["deep.tiff"] = _encoded(gray.astype(np.uint16) * 257, "TIFF")
    files["packed.tiff"] = _encoded(colour, "TIFF", compression="tiff_lzw")
    files["lossless.webp"] = _encoded(colour, "WEBP", lossless=True)
    frames = [Image.fromarray(_pixels(n, (12, 10))) for n in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    files["frames.gif"] = stream.getvalue()
    stream = io.BytesIO()
    frames[0].convert("P").save(stream, "PNG", transparency=3)
    files["palette.png"] = stream.getvalue()
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _spoil_one_of(ending, rng, valid, case):
    names = sorted(p.name for p in valid.iterdir() if p.name.endswith(ending))
    name, other = rng.choice(names), rng.choice(names)
    data = spoilt_bytes(rng, (valid / name).read_bytes(), (valid / other).read_bytes())
    (case / name).write_bytes(data)


def _decode_all(folder):
    from facezoo.pictures import decode

    for path in sorted(folder.iterdir()):
        decode(path.read_bytes(), channels=1, size=(48, 48), resampling="box")
        decode(path.read_bytes())


@functools.cache
def _recognizer():
    import cv2

    from facezoo.faces import recognizer
    from facezoo.labels import EXPRESSION_7

    cv2.setNumThreads(1)
    network = types.SimpleNamespace(
        label_set=EXPRESSION_7,
        input_shape=(48, 48, 1),
        predict=lambda faces: np.full((len(faces), 7), 1 / 7, np.float32),
    )
    opened, recognizer.open_network = recognizer.open_network, lambda *_: network
    try:
        return recognizer.Recognizer(on_no_face="whole_image", threads=1)
    finally:
        recognizer.open_network = opened


def _find_faces(folder):
    for path in sorted(folder.iterdir()):
        _recognizer().predict(path)


# archives


def _zip_bytes(members, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _tar_bytes(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _members():
    return {
        "faces/a/an2i_left_angry_open_4.pgm": _encoded(_pixels(0, (8, 8)), "PPM"),
        "faces/b/an2i_up_sad_open_4.pgm": _encoded(_pixels(1, (8, 8)), "PPM"),
        "faces/" + "long" * 40 + ".txt": b"text",
        "labels.csv": b"pth,label\na/x.jpg,anger\n",
    }


def _archive_files(folder):
    folder.mkdir()
    (folder / "valid.zip").write_bytes(_zip_bytes(_members()))
    (folder / "stored.zip").write_bytes(_zip_bytes(_members(), zipfile.ZIP_STORED))
    (folder / "valid.tar").write_bytes(_tar_bytes(_members()))
    (folder / "valid.tar.gz").write_bytes(gzip.compress(_tar_bytes(_members()), 1, mtime=0))


def _renamed(rng, members):
    """Give one or two members a name that somebody thought up."""
    names, members = list(members), dict(members)
    for name in rng.sample(names, rng.choice((1, 2))):
        bad = rng.choice(NAMES) or "x"
        members[rng.choice((bad, f"faces/{bad}", bad + name))] = members.pop(name)
    return members


def _spoil_zip(rng, valid, case):
    if rng.random() < 0.15:
        with contextlib.suppress(ValueError):  # zipfile itself refuses to write some names
            data = _zip_bytes(_renamed(rng, _members()))
            (case / "faces.zip").write_bytes(data)
            return
    name = rng.choice(("valid.zip", "stored.zip"))
    data = spoilt_bytes(rng, (valid / name).read_bytes(), (valid / "valid.tar").read_bytes())
    if rng.random() < 0.3:  # the table of contents lies at the end
        at = data.rfind(b"PK\x01\x02")
        data = data[:at] + spoilt_bytes(rng, data[at:])
    (case / "faces.zip").write_bytes(data)


def _spoil_tar(rng, valid, case):
    kind = rng.random()
    if kind < 0.4:
        data = spoilt_bytes(rng, (valid / "valid.tar.gz").read_bytes())
    else:
        data = bytearray((valid / "valid.tar").read_bytes())
        if kind < 0.8:  # fields of a header whose checksum is right
            _spoil_header(rng, data)
        else:
            data = spoilt_bytes(rng, data)
        data = gzip.compress(data, 1, mtime=0) if rng.random() < 0.5 else bytes(data)
    (case / "faces.tar.gz").write_bytes(data)


def _spoil_header(rng, data):
    at = 512 * rng.randrange(len(data) // 512)
    start, end = rng.choice(((0, 100), (100, 108), (124, 136), (124, 136), (156, 157), (157, 257)))
    values = (b"\xff" * 12, b"\x80" + b"\0" * 3 + b"\xff" * 8, b"77777777777\0", b"-0000000001\0")
    values += (b"../x\0", b"/x\0", b"x", b"g", b"L", b"K", b"S", b"1", b"2", b"3", b"7", b"")
    value = rng.choice((*values, rng.randbytes(end - start)))[: end - start]
    data[at + start : at + start + len(value)] = value
    total = sum(data[at : at + 148]) + 256 + sum(data[at + 156 : at + 512])
    data[at + 148 : at + 156] = b"%06o\0 " % total


def _walk_archives(folder):
    from facezoo.datasets.archives import Archive
    from facezoo.errors import PictureError

    for path in sorted(folder.iterdir()):
        with Archive(path) as archive:
            archive.source()
            for name, read in archive.walk():
                with contextlib.suppress(PictureError):  # of one member; the rest goes on
                    read()
                if name.endswith(".csv"):
                    for _ in archive.csv_rows(name, ()):
                        pass


def _spoil_either(rng, valid, case):
    members = {"cat/a.pgm": _members()["faces/a/an2i_left_angry_open_4.pgm"]}
    members |= {"dog/b.png": _encoded(_pixels(), "PNG"), "dog/c.jpg": _encoded(_pixels(), "JPEG")}
    if rng.random() < 0.5:
        name = rng.choice(list(members))
        members[name] = spoilt_bytes(rng, members[name])
    with contextlib.suppress(ValueError):
        members = _renamed(rng, members) if rng.random() < 0.5 else members
        (case / "own.zip").write_bytes(_zip_bytes(members))
        return
    (case / "own.zip").write_bytes(b"")


def _own_files(folder):
    folder.mkdir()
    members = {"cat/a.png": _encoded(_pixels(), "PNG"), "dog/b.png": _encoded(_pixels(), "PNG")}
    (folder / "own.zip").write_bytes(_zip_bytes(members))


def _prepare_own(folder):
    from facezoo.datasets.prepare import prepare

    prepare("folder:mine", folder / "own.zip", root=folder / "sets")


# tables


def _fer_csv():
    rows = ["emotion,pixels,Usage"]
    for n, usage in enumerate(("Training", "PublicTest", "PrivateTest")):
        rows.append(f"{n},{' '.join(map(str, _pixels(n).ravel()))},{usage}")
    return "\n".join(rows) + "\n"


def _votes_csv():
    from facezoo.datasets.ferplus import FILE_COLUMNS

    rows = [",".join(("Usage", "Image name", *FILE_COLUMNS))]
    for n, usage in enumerate(("Training", "PublicTest", "PrivateTest")):
        rows.append(f"{usage},fer{n:07}.png,{','.join(['0'] * 3 + ['4', '6'] + ['0'] * 5)}")
    return "\n".join(rows) + "\n"


def _table_files(folder):
    folder.mkdir()
    (folder / "fer2013.csv").write_text(_fer_csv())
    (folder / "fer2013new.csv").write_text(_votes_csv())


def _spoil_fer(rng, valid, case):
    (case / "fer2013.csv").write_bytes(spoilt_text(rng, _fer_rows(), _votes_rows()))


_fer_rows, _votes_rows = functools.cache(_fer_csv), functools.cache(_votes_csv)


def _spoil_votes(rng, valid, case):
    shutil.copyfile(valid / "fer2013.csv", case / "fer2013.csv")
    (case / "fer2013new.csv").write_bytes(spoilt_text(rng, _votes_rows(), _fer_rows()))


def _drain(spec, archive, options):
    """Read every item of a data set's archive as `prepare` does, without writing any."""
    from facezoo.datasets.prepare import _decoded
    from facezoo.datasets.spec import Note, Rejected

    found = itertools.chain.from_iterable(_decoded(spec.read(archive, options)))
    return sum(not isinstance(picture, Note | Rejected) for _, picture in found)


def _read_set(name, file, folder, **options):
    from facezoo.datasets import get_spec
    from facezoo.datasets.archives import Archive

    spec = get_spec(name)
    with Archive(folder / file if file else folder) as archive:
        _drain(spec, archive, spec.options | options)


def _read_votes(folder):
    _read_set("ferplus", "fer2013new.csv", folder, fer2013=str(folder / "fer2013.csv"))


EXPW = "a.jpg 0 1 2 40 41 30.5 3\na.jpg 1 0 0 48 48 99 6\nb b.jpg 0 5 5 30 30 12.0 0\n"
AFFECTNET = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,expression\n"
    "1/a.jpg,2,3,40,41,0\n1/b.jpg,,,,,6\n2/c.jpg,0,0,48,48,9\n"
)


def _expw_files(folder):
    (folder / "image").mkdir(parents=True)
    (folder / "label").mkdir()
    for name in ("a.jpg", "b b.jpg"):
        (folder / "image" / name).write_bytes(_encoded(_pixels(), "JPEG"))
    (folder / "label" / "label.lst").write_text(EXPW)


def _spoil_expw(rng, valid, case):
    shutil.copytree(valid / "image", case / "image")
    (case / "label").mkdir()
    (case / "label" / "label.lst").write_bytes(spoilt_text(rng, EXPW, AFFECTNET, " "))


def _affectnet_files(folder):
    (folder / "1").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        (folder / "1" / name).write_bytes(_encoded(_pixels(), "JPEG"))
    (folder / "labels.csv").write_text(AFFECTNET)


def _spoil_affectnet(rng, valid, case):
    _copied(valid, case, "labels.csv", lambda data: spoilt_text(rng, AFFECTNET, EXPW))


# prepared sets


def _prepared_files(folder):
    from facezoo.datasets.prepare import prepare

    folder.mkdir()
    classes = {
        f"{kind}/{n}.png": _encoded(_pixels(n), "PNG") for kind in ("cat", "dog") for n in range(12)
    }
    source = folder.parent / "own.zip"
    source.write_bytes(_zip_bytes(classes))
    prepare("folder:mine", source, root=folder, size=16)
    source.unlink()
    (folder / ".folder@mine.lock").unlink()


def _spoil_prepared(rng, valid, case):
    name = rng.choice(("dataset.json", "dataset.json", "table.csv", "images.npy"))

    def change(data):
        if name == "dataset.json":
            return spoilt_json(rng, json.loads(data))
        if name == "table.csv":
            return spoilt_text(rng, data.decode())
        header, pixels = data[:128], data[128:]
        return spoilt_bytes(rng, header) + pixels if rng.random() < 0.7 else spoilt_bytes(rng, data)

    (case / "folder@mine").mkdir()
    _copied(valid / "folder@mine", case / "folder@mine", name, change)


def _load_set(folder):
    from facezoo.datasets import load_dataset

    data = load_dataset("folder:mine", root=folder)
    for split in (data.train, data.validation, data.test):
        _ = split.images[:4], split.table, split.counts()


# runs


def _drawn_few():
    """Let drawn faces be few, as the tests do."""
    from facezoo.datasets import synthetic
    from facezoo.datasets.drawing import draw_dataset

    drawn = draw_dataset(people=10)
    synthetic.SPEC = dataclasses.replace(synthetic.SPEC, in_memory=lambda: drawn)


def _trained(folder):
    """Put a finished run into `folder`/run; it is trained once for all targets."""
    from facezoo.recipes import get_recipe
    from facezoo.training import train

    _drawn_few()
    kept = folder.parent.parent / "trained"
    if not kept.exists():
        made = folder.parent / "made"
        recipe = get_recipe("synthetic-lenet5-expression").smoke()
        run = train(recipe, runs=made)
        shutil.move(run.path, kept)
        shutil.rmtree(made)
    folder.mkdir()
    shutil.copytree(kept, folder / "run")
    (folder / "run" / ".lock").unlink()


def _spoil_papers(rng, valid, case):
    name = rng.choice(("recipe.json", "recipe.json", "state.json", "metrics.json", "history.csv"))

    def change(data):
        if name == "history.csv":
            return spoilt_text(rng, data.decode())
        return spoilt_json(rng, json.loads(data))

    (case / "run").mkdir()
    papers = case.parent / "papers"
    if not papers.exists():
        papers.mkdir()
        for file in ("recipe.json", "state.json", "metrics.json", "history.csv"):
            shutil.copyfile(valid / "run" / file, papers / file)
        (papers / "model.keras").write_bytes(b"")
    _copied(papers, case / "run", name, change)


def _read_papers(folder):
    from facezoo.report import Report
    from facezoo.runs import RunFolder
    from facezoo.weights.loading import run_card

    run = RunFolder(folder / "run")
    card = run_card(run)
    _ = run.history, card.recipe, run.seeds
    for figures in card.metrics.values():
        Report.from_dict(figures).to_markdown()


def _spoil_keras(rng, valid, case):
    """Spoil a model.keras: its bytes, or the files of its zip, zipped again."""

    def change(data):
        if rng.random() < 0.3:
            return spoilt_bytes(rng, data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(("config.json", "config.json", "model.weights.h5", "metadata.json"))
        if name.endswith("json"):
            members[name] = spoilt_json(rng, json.loads(members[name]))
        else:
            members[name] = spoilt_bytes(rng, members[name])
        return _zip_bytes(members, zipfile.ZIP_STORED)

    (case / "run").mkdir()
    _copied(valid / "run", case / "run", "model.keras", change)


def _load_run(folder):
    from facezoo.weights import load_model

    model = load_model(folder / "run")
    model.predict_on_batch(np.zeros((1, 48, 48, 1), np.uint8))


def _spoil_checkpoint(rng, valid, case):
    """Spoil state.json, or the newest checkpoint with its sha256 made right again."""
    from facezoo.files import sha256

    shutil.copytree(valid / "run", case / "run")
    state = case / "run" / "state.json"
    told = json.loads(state.read_text())
    if rng.random() < 0.5:
        state.write_bytes(spoilt_json(rng, told))
        return
    path = case / "run" / told["checkpoints"][0]["checkpoint"]
    path.write_bytes(spoilt_bytes(rng, path.read_bytes()))
    told["checkpoints"][0]["sha256"] = sha256(path)
    state.write_text(json.dumps(told))


def _resume(folder):
    import keras

    from facezoo.recipes import load_data
    from facezoo.runs import RunFolder
    from facezoo.training import fit

    keras.utils.clear_session()
    run = RunFolder(folder / "run")
    fit(run, run.recipe, load_data(run.recipe))


# weights


def _model():
    import facezoo

    return facezoo.build_model("lenet5", filters=[2, 3], dense=[4, 4])


def _weight_files(folder):
    folder.mkdir()
    _model().save_weights(folder / "lenet5.weights.h5")


def _spoil_weights(rng, valid, case):
    name = "lenet5.weights.h5"
    (case / name).write_bytes(spoilt_bytes(rng, (valid / name).read_bytes()))


_kept_model = functools.cache(_model)


def _fill(folder):
    from facezoo.models.blocks import load_weight_file
    from facezoo.weights.loading import read_facts

    path = folder / "lenet5.weights.h5"
    read_facts(path)
    load_weight_file(_kept_model(), path)


def _onnx_files(folder):
    from networks import write_onnx

    folder.mkdir()
    write_onnx(folder / "small.onnx", (4, 4, 1), scale=0.01)


def _spoil_onnx(rng, valid, case):
    data = (valid / "small.onnx").read_bytes()
    at = data.index(b'{"name"')
    if rng.random() < 0.4:  # what facezoo wrote into it
        import onnx

        network = onnx.load_from_string(data)
        facts = json.loads(network.metadata_props[0].value)
        network.metadata_props[0].value = spoilt_json(rng, facts).decode("utf-8", "replace")
        data = network.SerializeToString()
    else:
        data = spoilt_bytes(rng, data[:at]) + data[at:]
    (case / "small.onnx").write_bytes(data)


def _answer(folder):
    from facezoo.runtime import OnnxNetwork

    network = OnnxNetwork(folder / "small.onnx", threads=1)
    network.predict(np.zeros((2, *network.input_shape), np.uint8))


def _manifest_files(folder):
    from facezoo.files import sha256
    from facezoo.labels import EXPRESSION_7
    from facezoo.recipes import get_recipe

    folder.mkdir()
    (folder / "lenet5.synthetic-v1.onnx").write_bytes(b"onnx")
    file = {"file": "lenet5.synthetic-v1.onnx", "bytes": 4}
    file["sha256"] = sha256(folder / "lenet5.synthetic-v1.onnx")
    entry = {
        "name": "lenet5.synthetic-v1",
        "trained_by": get_recipe("synthetic-lenet5-expression").to_dict(),
        "label_set": EXPRESSION_7.to_dict(),
        "input_shape": [48, 48, 1],
        "protocol": "synthetic/people",
        "fingerprint": "drawn",
        "temperature": 1.5,
        "metrics": {"test": {"accuracy": 0.5}},
        "files": {"onnx": file},
        "facts": {},
    }
    manifest = {
        "format": 1,
        "defaults": {"lenet5": entry["name"]},
        "weights": {entry["name"]: entry},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _spoil_manifest(rng, valid, case):
    _copied(valid, case, "manifest.json", lambda data: spoilt_json(rng, json.loads(data)))


def _read_manifest(folder):
    from facezoo.weights.manifest import find_source, get_card, list_weights, weight_file

    list_weights(folder)
    card = get_card("lenet5", folder)
    find_source("lenet5.synthetic-v1", folder)
    _ = card.recipe, card.to_dict()
    weight_file(card, "onnx", folder)


# recipes and spaces


def _recipe_files(folder):
    from facezoo.recipes import get_recipe

    folder.mkdir()
    recipe = get_recipe("synthetic-lenet5-expression").to_dict()
    (folder / "recipe.json").write_text(json.dumps(recipe))


def _space_files(folder):
    space = {
        "learning_rate": {"low": 0.001, "high": 0.1, "step": 0.001},
        "builder_args.dropout": {"low": 0.0, "high": 0.3, "step": 0.1},
        "batch_size": {"low": 8, "high": 32, "step": 8},
        "optimizer": ["adam", "sgd"],
        "schedule.kind": ["cosine", "constant"],
        "builder_args.filters": [[4, 8], [6, 16]],
    }
    folder.mkdir()
    (folder / "space.json").write_text(json.dumps(space))


def _spoil_json_file(name, rng, valid, case):
    value = json.loads((valid / name).read_text())
    (case / name).write_bytes(spoilt_json(rng, value))


def _read_recipe(folder):
    from facezoo.recipes import get_recipe

    recipe = get_recipe(folder / "recipe.json")
    _ = recipe.to_dict(), recipe.smoke(), recipe.override({"epochs": 3})


def _read_space(folder):
    from facezoo.recipes import Space, get_recipe

    space = Space.from_file(folder / "space.json")
    space.check(get_recipe("synthetic-lenet5-expression"))
    _ = space.to_dict()
    if space.count() is not None:
        space.cell(0), space.cell(space.count() - 1)


ENDINGS = (".jpeg", ".png", ".bmp", ".webp", ".tiff", ".gif", ".ppm")
TARGETS = {
    "zip": Target(150, _archive_files, _spoil_zip, _walk_archives),
    "tar and tar.gz": Target(120, _archive_files, _spoil_tar, _walk_archives),
    "prepare of a zip": Target(20, _own_files, _spoil_either, _prepare_own),
    "fer2013.csv": Target(
        90, _table_files, _spoil_fer, lambda f: _read_set("fer2013", "fer2013.csv", f)
    ),
    "fer2013new.csv (FER+)": Target(60, _table_files, _spoil_votes, _read_votes),
    "label.lst (ExpW)": Target(80, _expw_files, _spoil_expw, lambda f: _read_set("expw", None, f)),
    "labels.csv (AffectNet)": Target(
        50, _affectnet_files, _spoil_affectnet, lambda f: _read_set("affectnet", None, f)
    ),
    "PGM": Target(110, _picture_files, functools.partial(_spoil_one_of, ".pgm"), _decode_all),
    "other pictures": Target(
        150, _picture_files, functools.partial(_spoil_one_of, ENDINGS), _decode_all
    ),
    "photographs": Target(
        10, _picture_files, functools.partial(_spoil_one_of, ENDINGS), _find_faces
    ),
    "prepared set": Target(15, _prepared_files, _spoil_prepared, _load_set),
    "recipe.json": Target(
        40, _recipe_files, functools.partial(_spoil_json_file, "recipe.json"), _read_recipe
    ),
    "tuning space": Target(
        30, _space_files, functools.partial(_spoil_json_file, "space.json"), _read_space
    ),
    "papers of a run": Target(30, _trained, _spoil_papers, _read_papers),
    "manifest and cards": Target(40, _manifest_files, _spoil_manifest, _read_manifest),
    ".onnx": Target(15, _onnx_files, _spoil_onnx, _answer),
    ".weights.h5": Target(6, _weight_files, _spoil_weights, _fill),
    "model.keras": Target(3, _trained, _spoil_keras, _load_run),
    "checkpoints": Target(2, _trained, _spoil_checkpoint, _resume),
}
