"""Ways to spoil a file: its bytes, its text, the values of its JSON, the members of its archive.

Every function takes a `random.Random` first and draws nothing elsewhere, so that a number names
an input for good.
"""

import copy
import json
import struct

NUMBERS = ("0", "-1", "1", "2147483648", "4294967295", "-9223372036854775809", "1e308", "-1e308")
NUMBERS += ("NaN", "nan", "inf", "-Infinity", "9" * 400, "9" * 5000, "0x10", "1_0", "٣", "", " ")
VALUES = (0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, 1e-308, -0.5, float("nan"))
VALUES += (float("inf"), float("-inf"), "", "x" * 2000, "../../x", "/etc/passwd", "a\0b", "\ud800")
VALUES += ("9" * 20, "nan", None, True, False, [], [[]], [None], {}, {"": None}, [0, 1], ["a", "a"])
NAMES = ("../x", "a/../../x", "/etc/x", "..\\x", "C:/x", "a\0b", "", ".", "a/", "x" * 300, "\udce4")
NAMES += ("con", "a//b", "./a", "é", "__MACOSX/._a.pgm", "A.CSV", "label.lst", "labels.csv")
SIZES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
DEEP = 3000  # lists in lists: more than Python's own limit


def spoilt_bytes(rng, data, other=b""):
    """Return bytes with one to four changes; `other` is what pieces are spliced in from."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        data = rng.choice(CHANGES)(rng, data, other)
    return bytes(data)


def _place(rng, data):
    """A position, often near the start, where headers are."""
    return rng.randrange(min(len(data), 64) if rng.random() < 0.4 else len(data)) if data else 0


def _flipped(rng, data, other):
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if data:
            data[_place(rng, data)] ^= 1 << rng.randrange(8)
    return data


def _overwritten(rng, data, other):
    at, piece = _place(rng, data), rng.randbytes(rng.choice((1, 2, 4, 16)))
    data[at : at + len(piece)] = piece
    return data


def _deleted(rng, data, other):
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 2, 4, 16, 512, len(data) // 4 + 1))]
    return data


def _repeated(rng, data, other):
    at = _place(rng, data)
    piece = data[at : at + rng.choice((1, 4, 16, 512))]
    return data[:at] + piece * rng.choice((2, 2, 5, 50)) + data[at:]


def _inserted(rng, data, other):
    at = _place(rng, data)
    piece = rng.choice(
        (rng.randbytes(rng.choice((1, 4, 64))), b"\0" * 16, b"\xff" * 16, b'"', b"\r")
    )
    return data[:at] + piece + data[at:]


def _truncated(rng, data, other):
    return data[: rng.randrange(len(data) + 1)]


def _spliced(rng, data, other):
    source = other or data
    start = rng.randrange(len(source) + 1)
    piece, at = source[start : start + rng.choice((4, 32, 256, 4096))], _place(rng, data)
    return data[:at] + piece + data[at + rng.choice((0, len(piece))) :]


def _extreme_size(rng, data, other):
    size, form = rng.choice(SIZES), rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    piece, at = struct.pack(form, size & (256 ** struct.calcsize(form) - 1)), _place(rng, data)
    data[at : at + len(piece)] = piece
    return data


def _extreme_number(rng, data, other):
    """Replace a run of digits that stands as text."""
    start = _place(rng, data)
    digits = [i for i in range(start, min(start + 400, len(data))) if 48 <= data[i] <= 57]
    if not digits:
        return data
    end = at = rng.choice(digits)
    while end < len(data) and 48 <= data[end] <= 57:
        end += 1
    return data[:at] + rng.choice(NUMBERS).encode() + data[end:]


CHANGES = (
    *(_flipped, _overwritten, _deleted, _repeated, _inserted, _truncated, _spliced),
    *(_extreme_size, _extreme_number, _extreme_number),
)


def spoilt_text(rng, text, other="", separator=","):
    """Return a table's text with fields replaced, rows moved, or bytes changed: as bytes."""
    if rng.random() < 0.4:
        return spoilt_bytes(rng, text.encode(), other.encode())
    lines = text.split("\n")
    for _ in range(rng.choice((1, 1, 2, 5))):
        n = rng.randrange(len(lines))
        fields = lines[n].split(separator)
        k = rng.randrange(len(fields))
        change = rng.randrange(7)
        if change < 3:
            fields[k] = rng.choice((*NUMBERS, *NUMBERS, *NAMES, '"', "'a", "x" * 140_000, "a\rb"))
        elif change == 3:
            del fields[k]
        elif change == 4:
            fields.insert(k, fields[rng.randrange(len(fields))])
        elif change == 5:
            lines.insert(rng.randrange(len(lines)), lines[n])
        else:
            lines[n:n] = [""] * rng.choice((1, 3))
        lines[n] = separator.join(fields)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def spoilt_json(rng, value):
    """Return JSON as bytes with one to three of its values replaced, renamed, left out."""
    if rng.random() < 0.3:
        return spoilt_bytes(rng, json.dumps(value).encode())
    if rng.random() < 0.03:
        deep = rng.choice(("[" * DEEP, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP))
        return deep.encode()
    value = json.loads(json.dumps(value))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        value = _changed(rng, value)
    return json.dumps(value).encode()


def _changed(rng, value):
    """Change one value of a tree, chosen by walking down from the top."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.9:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        change = rng.random()
        if change < 0.08:
            del value[key]
        elif change < 0.14 and isinstance(value, dict):
            value[rng.choice(("x", "", "a" * 300, "../x"))] = value.pop(key)
        elif change < 0.18 and isinstance(value, list):
            value.append(value[key])
        elif change < 0.22 and isinstance(value, dict):
            value[rng.choice(("unknown", "builder_args", "__class__"))] = value[key]
        else:
            value[key] = _changed(rng, value[key])
        return value
    return copy.deepcopy(rng.choice(VALUES))  # lists among them are changed further
