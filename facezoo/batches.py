"""The order of an epoch, from (seed, epoch) alone, and batches as plain arrays.

Both feeding paths take their order from here: `pipeline.make_pipeline` (tf.data) and
`ArrayBatches` (any Keras backend). Order and draws have generators of their own, so that
switching augmentation on changes no order.
"""

import numbers

import keras
import numpy as np

from facezoo.errors import FacezooError, RecipeError

_ORDER, _DRAWS, _MIX = 0, 1, 2  # first element of the spawn key: one stream of numbers for each use


def epoch_batches(n, batch_size, *, shuffle=False, seed=0, epoch=0):
    """Return the rows of every batch of an epoch; each row occurs once.

    Rows within a batch ascend, because a memory-mapped file is read fastest forwards; which
    rows meet in a batch, and the order of the batches, are random when shuffled.

    Args:
        n: number of pictures, at least 1.
        batch_size: pictures a batch, at least 1; the last batch may be shorter.
        shuffle: False for 0, 1, 2 ...
        seed, epoch: whole numbers of 0 or more; equal ones give equal batches.

    Returns:
        list of int64 arrays.

    Raises:
        RecipeError: a batch size, seed or epoch that is no such number.
        FacezooError: no pictures.
    """
    _check("batch_size", batch_size, 1)
    _check("seed", seed, 0)
    _check("epoch", epoch, 0)
    if n < 1:
        raise FacezooError(
            "Got a split of 0 pictures; expected at least 1. Choose another split or protocol."
        )
    cuts = range(batch_size, n, batch_size)
    if not shuffle:
        return np.split(np.arange(n), cuts)
    order = _rng(seed, _ORDER, epoch).permutation(n)
    return [np.sort(rows) for rows in np.split(order, cuts)]


def batch_rng(seed, epoch, batch):
    """Return the `numpy.random.Generator` of a batch's random draws.

    Args:
        seed, epoch, batch: whole numbers of 0 or more, `batch` counted within the epoch.
    """
    return _rng(seed, _DRAWS, epoch, batch)


def mixed(images, labels, mixup, seed, epoch, batch):
    """Mix every picture of a batch with another one of it: Zhang et al. 2018, arXiv:1710.09412.

    Args:
        images: uint8 (b, H, W, C).
        labels: float32 (b, K).
        mixup: number of 0 or more, both parameters of the Beta distribution that a picture's
            share of the mixture is drawn from; the greater share is its own. 0 mixes nothing.
        seed, epoch, batch: as for `batch_rng`.

    Returns:
        (uint8 (b, H, W, C), float32 (b, K)).
    """
    if not mixup:
        return images, labels
    rng = _rng(seed, _MIX, epoch, batch)
    share = rng.beta(mixup, mixup, len(images)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    other = rng.permutation(len(images))

    def mix(values):
        own = share.reshape(-1, *[1] * (values.ndim - 1))
        return own * values + (1 - own) * values[other]

    return np.round(mix(images)).astype(np.uint8), mix(labels)


class ArrayBatches(keras.utils.PyDataset):
    """The batches of `epoch_batches` as arrays, for `fit` on any Keras backend.

    Augmentation is left to a layer on the device (`RandomAugmentation`). The epoch advances
    when Keras ends an epoch whose batches were all asked for: `fit` also ends epochs that it
    never began, and looks at a first batch to build the model; these do not count.
    Pass `fit(..., shuffle=False)`: Keras would mix the batches by Python's generator.

    Args:
        split: `Split` of N pictures, N at least 1.
        batch_size: pictures a batch; the last one may be shorter.
        shuffle, seed, epoch: as for `epoch_batches`; `epoch` is the first one's number.
        mixup: as for `mixed`; other than 0 wants labels (N, K).
        devices: among how many a batch is shared out evenly. Shuffled, an epoch leaves out the
            pictures of its last batch that remain over; else that batch is filled up with
            pictures that weigh nothing, and every batch has weights (b,).
        hosts, host: number of hosts, and of this one; it gets its part of every batch, and
            reads no other, unless `mixup` wants them for partners.

    Attributes:
        epoch: int, number of the epoch that is served now.

    Raises:
        RecipeError: a batch size, seed or epoch that is no such number.
        FacezooError: an empty split.
    """

    def __init__(
        self,
        split,
        batch_size,
        *,
        shuffle=False,
        seed=0,
        epoch=0,
        mixup=0.0,
        devices=1,
        hosts=1,
        host=0,
    ):
        super().__init__()
        self.devices, self.hosts, self.host = devices, hosts, host
        check_mixup(mixup, split)
        self.mixup = mixup
        self.split = split
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self._began, self._served = False, 0
        self._start(epoch)

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        """Return batch `index`: uint8 (b, H, W, C), its labels, (b,) or (b, K), and weights."""
        rows, size = self._rows[index], len(self._rows[index])
        self._served += 1
        part = slice(self.host * size // self.hosts, (self.host + 1) * size // self.hosts)
        if self.mixup:
            batch = self.split.images[rows], self.split.labels[rows]
            images, labels = mixed(*batch, self.mixup, self.seed, self.epoch, index)
            images, labels = images[part], labels[part]
        else:
            images, labels = self.split.images[rows[part]], self.split.labels[rows[part]]
        if self.devices == 1 or self.shuffle:
            return images, labels
        return images, labels, self._weights[index][part]

    def on_epoch_begin(self):
        """Called by Keras."""
        self._began, self._served = True, 0

    def on_epoch_end(self):
        """Called by Keras; goes on to the next epoch if this one was served to its end."""
        if self._began and self._served >= len(self):
            self._start(self.epoch + 1)
        self._began = False

    def _start(self, epoch):
        self.epoch = epoch
        self._rows = epoch_batches(
            len(self.split), self.batch_size, shuffle=self.shuffle, seed=self.seed, epoch=epoch
        )
        if self.devices > 1:
            self._even_out()

    def _even_out(self):
        """Make the last batch one that the devices share evenly; weigh what was filled up."""
        *whole, last = self._rows
        over = len(last) % self.devices
        if self.shuffle:
            kept = [last[: len(last) - over]] if len(last) > over else []
            self._rows = [*whole, *kept]
            return
        self._rows = [*whole, np.pad(last, (0, -len(last) % self.devices), mode="edge")]
        # Keras divides by the number of rows, filled up or not
        weigh = sum(map(len, self._rows)) / len(self.split)
        self._weights = [np.full(len(rows), weigh, np.float32) for rows in self._rows]
        self._weights[-1][len(last) :] = 0


def check_mixup(mixup, split):
    """Refuse to mix class numbers."""
    if mixup and split.labels.ndim == 1:
        raise RecipeError(
            f"Got mixup={mixup} with labels {split.labels.shape}, which cannot be mixed; expected "
            "distributions (N, K). Pass such as np.eye(K)[labels]."
        )


def _rng(seed, *key):
    # a spawn key, since SeedSequence takes [1, 2] and [1, 2, 0] for the same entropy
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _check(name, value, least):
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise RecipeError(
            f"Got {name}={value!r}; expected a whole number of {least} or more. Set {name}."
        )
