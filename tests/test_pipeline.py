"""The order of epochs, array batches and the tf.data pipeline (skipped without tensorflow)."""

import keras
import numpy as np
import pytest

from facezoo.augment import Augmentation
from facezoo.augment_layer import apply
from facezoo.batches import ArrayBatches, batch_rng, epoch_batches
from facezoo.datasets.base import Pictures, Split
from facezoo.errors import FacezooError, RecipeError
from facezoo.labels import LabelSet

LABELS = LabelSet("hundreds", tuple(f"class {i}" for i in range(100)))
STRONG = Augmentation(flip=True, rotate=20, zoom=0.2, shift=0.1, brightness=0.2, erase=0.2)


@pytest.fixture
def make_pipeline():
    """`facezoo.pipeline.make_pipeline`, where tensorflow is installed."""
    pytest.importorskip("tensorflow")
    from facezoo.pipeline import make_pipeline

    return make_pipeline


@pytest.fixture(params=["arrays", "tf.data"])
def make_batches(request):
    """`ArrayBatches` and `make_pipeline` in turn."""
    return ArrayBatches if request.param == "arrays" else request.getfixturevalue("make_pipeline")


def make_split(n=50, size=8, channels=1):
    """Every pixel of picture i is i, and so is its label."""
    images = (
        np.zeros((n, size, size, channels), np.uint8)
        + np.arange(n, dtype=np.uint8)[:, None, None, None]
    )
    return Split(images, np.arange(n, dtype=np.int64), None, LABELS)


def noisy_split(n=50):
    """Random pixels, so that every change of a picture shows."""
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), np.uint8)
    return Split(images, np.arange(n, dtype=np.int64), None, LABELS)


def epochs(data, n=1):
    """The first n iterations: a list of lists of (images, labels)."""
    return [[(np.asarray(x), np.asarray(y)) for x, y in data] for _ in range(n)]


def labels_of(data):
    """The labels of one iteration, in order."""
    return np.concatenate([labels for _, labels in epochs(data)[0]]).tolist()


def as_bytes(epoch):
    """Pictures and labels of an iteration as bytes."""
    return b"".join(part.tobytes() for batch in epoch for part in batch)


class Recorder(keras.Model):
    """Keeps the labels that `fit` trains on, batch after batch."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.scale = self.add_weight(name="scale")

    def call(self, images):
        """Anything trainable will do."""
        return keras.ops.mean(keras.ops.cast(images, "float32"), axis=(1, 2, 3)) * self.scale

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Note the labels, then some loss."""
        if training:
            self.seen.extend(keras.ops.convert_to_numpy(y).tolist())
        return keras.ops.mean(y_pred)


def fit(data, count, **kwargs):
    """The labels that `count` epochs of `fit` trained on, a list an epoch."""
    model = Recorder()
    model.compile("sgd", run_eagerly=True, jit_compile=False)
    model.fit(data, epochs=count, verbose=0, shuffle=False, **kwargs)
    return np.split(np.array(model.seen), count)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("n", "size"), [(50, 8), (48, 8), (5, 8), (1, 1)])
def test_an_epoch_covers_every_row_once(n, size, shuffle):
    batches = epoch_batches(n, size, shuffle=shuffle, seed=3, epoch=2)
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    assert [len(rows) for rows in batches[:-1]] == [size] * (len(batches) - 1)
    assert 0 < len(batches[-1]) <= size
    assert all((np.diff(rows) > 0).all() for rows in batches)


def test_order_depends_on_seed_and_epoch_alone():
    def order(**kwargs):
        return np.concatenate(epoch_batches(50, 8, shuffle=True, **kwargs)).tolist()

    assert order(seed=1, epoch=2) == order(seed=1, epoch=2)
    different = {tuple(order(seed=s, epoch=e)) for s in range(4) for e in range(4)}
    assert len(different) == 16


def test_every_batch_has_its_own_draws():
    draws = {
        batch_rng(seed, epoch, batch).integers(2**62).item()
        for seed in range(3)
        for epoch in range(3)
        for batch in range(3)
    }
    assert len(draws) == 27


@pytest.mark.parametrize(
    ("error", "n", "size", "arguments"),
    [
        (RecipeError, 5, 0, {}),
        (RecipeError, 5, 2.5, {}),
        (RecipeError, 5, 2, {"seed": -1}),
        (RecipeError, 5, 2, {"epoch": -1}),
        (FacezooError, 0, 2, {}),
    ],
)
def test_impossible_batches_are_refused(make_batches, error, n, size, arguments):
    with pytest.raises(error, match="expected"):
        make_batches(make_split(n), size, **arguments)


def test_unshuffled_is_the_splits_order_with_a_short_last_batch(make_pipeline):
    data = make_pipeline(make_split(50), 8)
    assert data.cardinality() == 7
    images, labels = data.element_spec
    assert images.shape == (None, 8, 8, 1) and labels.shape == (None,)
    batches = epochs(data)[0]
    assert [len(labels) for _, labels in batches] == [8] * 6 + [2]
    assert np.concatenate([labels for _, labels in batches]).tolist() == list(range(50))
    assert all((x == y[:, None, None, None]).all() for x, y in batches)


def test_full_batches_have_a_static_size_and_distributions_pass(make_pipeline):
    split = make_split(48, channels=3)
    soft = Split(split.images, np.eye(100, dtype=np.float32)[:48], None, LABELS)
    images, labels = make_pipeline(soft, 8, augmentation=STRONG).element_spec
    assert images.shape == (8, 8, 8, 3) and images.dtype == "uint8"
    assert labels.shape == (8, 100) and labels.dtype == "float32"
    _, got = next(iter(make_pipeline(soft, 8)))
    assert (got.numpy() == soft.labels[:8]).all()


def test_shuffled_epochs_differ_and_each_covers_every_picture_once(make_pipeline):
    first, second, third = epochs(make_pipeline(make_split(), 8, shuffle=True), 3)
    orders = [np.concatenate([y for _, y in e]).tolist() for e in (first, second, third)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(map(tuple, orders))) == 3


def test_augmentation_keeps_each_label_with_its_picture(make_pipeline):
    # one grey level a picture, which neither motion nor erasing by the mean can change
    moving = Augmentation(flip=True, rotate=180, shear=10, zoom=0.3, shift=0.2, erase=0.5)
    data = make_pipeline(make_split(), 8, augmentation=moving, shuffle=True)
    for images, labels in epochs(data)[0]:
        assert (images == labels[:, None, None, None]).all()


def test_equal_arguments_give_equal_bytes_with_any_number_of_threads(make_pipeline):
    arguments = {"augmentation": STRONG, "shuffle": True, "seed": 4}
    expected = [as_bytes(e) for e in epochs(make_pipeline(noisy_split(), 8, **arguments), 2)]
    assert expected[0] != expected[1]
    single = pytest.importorskip("tensorflow").data.Options()
    single.threading.private_threadpool_size = 1
    single.threading.max_intra_op_parallelism = 1
    alone = make_pipeline(noisy_split(), 8, **arguments).with_options(single)
    assert [as_bytes(e) for e in epochs(alone, 2)] == expected
    later = make_pipeline(noisy_split(), 8, epoch=1, **arguments)
    assert as_bytes(epochs(later)[0]) == expected[1]
    other = make_pipeline(noisy_split(), 8, **{**arguments, "seed": 5})
    assert as_bytes(epochs(other)[0]) not in expected


def test_augmentation_does_not_change_the_order(make_pipeline):
    plain = make_pipeline(make_split(), 8, shuffle=True, seed=2)
    moved = make_pipeline(make_split(), 8, shuffle=True, seed=2, augmentation=STRONG)
    assert labels_of(plain) == labels_of(moved)


def test_the_pipeline_augments_as_the_call_does(make_pipeline):
    split = noisy_split(16)
    (images, _), _ = epochs(make_pipeline(split, 8, augmentation=STRONG, seed=9))[0]
    draws = STRONG.draw(8, 8, 8, batch_rng(9, 0, 0))
    expected = keras.ops.convert_to_numpy(apply(STRONG, split.images[:8], draws))
    assert (images == expected).all()


def test_an_augmentation_of_nothing_gives_the_pictures(make_pipeline):
    split = noisy_split(16)
    (images, _), _ = epochs(make_pipeline(split, 8, augmentation=Augmentation()))[0]
    assert (images == split.images[:8]).all()


def test_a_memory_mapped_split_gives_the_same_bytes(make_pipeline, tmp_path):
    split = noisy_split()
    np.save(tmp_path / "images.npy", split.images.array)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    rows = np.random.default_rng(1).permutation(50)[:30]
    on_disk = Split(Pictures(mapped, rows), split.labels[rows], None, LABELS)
    in_memory = Split(split.images.array[rows], split.labels[rows], None, LABELS)
    both = (make_pipeline(s, 8, augmentation=STRONG, shuffle=True) for s in (on_disk, in_memory))
    first, second = (as_bytes(epochs(data)[0]) for data in both)
    assert first == second


@pytest.mark.parametrize("n", [50, 16, 8])
def test_an_iteration_that_stops_early_is_begun_anew(make_pipeline, n):
    data = make_pipeline(make_split(n), 8, shuffle=True, seed=1)
    expected = [
        np.concatenate(epoch_batches(n, 8, shuffle=True, seed=1, epoch=e)).tolist()
        for e in range(2)
    ]
    if n > 8:  # with a single batch, looking at it is the whole iteration
        for _ in range(3):
            next(iter(data))
    assert [labels_of(data), labels_of(data)] == expected


@pytest.mark.parametrize("n", [50, 16, 8])
def test_fit_sees_one_epoch_after_the_other(make_batches, n):
    data = make_batches(make_split(n), 8, shuffle=True, seed=1, epoch=4)
    expected = [
        np.concatenate(epoch_batches(n, 8, shuffle=True, seed=1, epoch=e)).tolist()
        for e in range(4, 9)
    ]
    validation = make_batches(make_split(n), 8)
    first = fit(data, 3, validation_data=validation)
    second = fit(data, 2)  # a second fit goes on where the first one ended
    assert [epoch.tolist() for epoch in (*first, *second)] == expected


def test_array_batches_are_the_pipelines(make_pipeline):
    arguments = {"shuffle": True, "seed": 6, "epoch": 2}
    arrays = ArrayBatches(noisy_split(), 8, **arguments)
    expected = epochs(make_pipeline(noisy_split(), 8, **arguments))[0]
    assert len(arrays) == len(expected)
    assert as_bytes([arrays[i] for i in range(len(arrays))]) == as_bytes(expected)


def voted_split(n=50):
    """`noisy_split` with labels that can be mixed."""
    split = noisy_split(n)
    return Split(split.images, np.eye(100, dtype=np.float32)[split.labels], None, LABELS)


def test_mixup_mixes_pictures_and_labels_by_the_same_share(make_batches):
    split = voted_split()
    (plain,), (mixed,) = (
        epochs(make_batches(split, 25, shuffle=True, mixup=mixup)) for mixup in (0.0, 0.4)
    )
    for (images, labels), (mixed_images, mixed_labels) in zip(plain, mixed, strict=True):
        assert mixed_images.dtype == np.uint8 and mixed_labels.dtype == np.float32
        assert mixed_labels.sum(axis=1) == pytest.approx(1)
        own = (mixed_labels * labels).sum(axis=1)  # a picture mixed with itself keeps 1
        assert own.min() >= 0.5 and (own < 0.99).mean() > 0.3
        weights = mixed_labels[:, labels.argmax(axis=1)]  # (mixture, picture of the batch)
        expected = np.tensordot(weights, images.astype(np.float32), axes=1)
        assert np.abs(mixed_images - expected).max() <= 0.51


def test_mixup_draws_from_seed_and_epoch_and_leaves_the_augmentation_alone(make_pipeline):
    split, options = voted_split(), {"augmentation": STRONG, "shuffle": True, "mixup": 0.4}
    first, again, other = (epochs(make_pipeline(split, 16, seed=s, **options)) for s in (0, 0, 1))
    assert as_bytes(first[0]) == as_bytes(again[0]) != as_bytes(other[0])
    two = epochs(make_pipeline(split, 16, **options), 2)
    (later,) = epochs(make_pipeline(split, 16, epoch=1, **options))
    assert as_bytes(two[1]) == as_bytes(later) != as_bytes(two[0])


def test_class_numbers_cannot_be_mixed(make_batches):
    with pytest.raises(RecipeError, match="cannot be mixed"):
        make_batches(noisy_split(), 16, mixup=0.2)
