"""Which pictures a network answered rightly, as a run and a stored row keep it."""

import base64

import numpy as np


def pack_right(right):
    """Return bool (N,), which pictures were answered rightly, as bits in base64."""
    return base64.b64encode(np.packbits(right)).decode("ascii")


def unpack_right(text, count):
    """Return the bool (count,) that `pack_right` took."""
    bits = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.unpackbits(bits, count=count).astype(bool)
