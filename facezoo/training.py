"""`train`: a recipe and its data become a run folder; a killed run goes on where it was.

The test pictures are not opened while a model is fitted: the checkpoint is chosen on the
validation pictures, frozen, and then evaluated once.
"""

import contextlib
import dataclasses
import datetime
import inspect
import platform
import warnings

import keras
import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from facezoo import backend
from facezoo.augment_layer import RandomAugmentation
from facezoo.batches import ArrayBatches
from facezoo.callbacks import (
    AveragedWeights,
    CollapseWatch,
    EarlyStopping,
    ReduceOnPlateau,
    Reseed,
    RunKeeper,
)
from facezoo.distillation import one_hot, taught, teacher_sha256, with_labels
from facezoo.errors import FacezooError, ParallelError, RecipeError, RunError, unknown
from facezoo.evaluation import write_evaluation, write_summary
from facezoo.files import sha256
from facezoo.models import build_model, get_builder
from facezoo.models.blocks import H5_ERRORS
from facezoo.models.pixels import PixelModel, pixel_input
from facezoo.parallel import Parallel
from facezoo.recipes import Recipe, get_recipe, load_data
from facezoo.runs import FORMAT, RunFolder
from facezoo.version import __version__


def train(
    recipe=None,
    *,
    runs="runs",
    root=None,
    seeds=None,
    resume=None,
    evaluate=True,
    deterministic=False,
    devices=None,
    hosts=None,
    callbacks=(),
):
    """Train a recipe, or go on with a run, and evaluate the chosen checkpoint once.

    Args:
        recipe: a `Recipe`, the name of one, or a .json file; None with `resume`.
        runs: folder under which `<recipe>/<time>` is made.
        root: folder of prepared data sets; None for the default.
        seeds: train with seeds recipe.seed, +1, ... instead of one; the folders
            seed-<n> then lie in the run folder, beside a summary.
        resume: run folder to go on with, in place of a recipe.
        evaluate: whether to end with an evaluation on the test pictures.
        deterministic: as in the recipe, for one that does not say so itself. TensorFlow and
            PyTorch then stay deterministic, and slower, for the rest of the process.
        devices: "all" of this host, or how many of them train together; None for one.
        hosts: `Hosts`; each calls this alike, with its own number, and host 0 writes.
        callbacks: more Keras callbacks.

    Returns:
        RunFolder: `.metrics` has the figures, `.path` the files; None on hosts other than 0.

    Raises:
        FacezooError: a recipe, data set or folder that does not fit.
        KeyboardInterrupt: as it came; finished epochs are kept, a run without any is
            removed.

    Example:
        run = facezoo.train("synthetic-lenet5-expression")
        run.metrics["test"]["accuracy"]
    """
    if resume is None:
        recipe = get_recipe(recipe)
        if deterministic:
            recipe = dataclasses.replace(recipe, deterministic=True)
        check(recipe, root, seeds or 1)
    elif recipe is not None or seeds is not None or deterministic:
        raise RecipeError(
            "Got resume with a recipe, seeds or deterministic; expected resume alone, since a "
            "run goes on as it was started. Start a new run for another setting."
        )
    elif hosts is None or hosts.number == 0:
        resume = RunFolder(resume)
    parallel = Parallel(devices, hosts)
    options = dict(root=root, evaluate=evaluate, callbacks=callbacks, parallel=parallel)
    with parallel.minding():
        if not parallel.leads:
            return _follow(options)
        new = resume is None
        run = _start(recipe, runs, seeds, options) if new else _resume(resume, options)
        parallel.share(None)  # that was all
        return run


def _start(recipe, runs, seeds, options):
    options["parallel"].check(recipe.batch_size)
    names = None if seeds is None else [recipe.seed + n for n in range(seeds)]
    run = RunFolder.create_timed(runs, recipe, names)
    if names is None:
        _go_on(run, options)
        return run
    try:
        return _go_on_seeds(run, names, options)
    except BaseException as error:
        if all(seed.state is None for seed in run.seeds):
            run.discard()
        else:
            error.add_note(f"Go on with: facezoo train --resume {run.path}")
        raise


def check(recipe, root=None, seeds=1):
    """Refuse a recipe that cannot be trained with so many seeds, before anything is written.

    Raises:
        FacezooError: its data are not prepared, its target or protocol does not exist, its
            builder lacks an argument, or its teacher may know the answers.
    """
    known = set(inspect.signature(get_builder(recipe.builder)).parameters)
    for name in recipe.builder_args:
        if name not in known - {"input_shape", "num_classes", "classifier_activation"}:
            raise unknown(f"argument of builder {recipe.builder!r}", name, known)
    for number in range(seeds if recipe.teacher else 1):
        each = dataclasses.replace(recipe, seed=recipe.seed + number)
        data = load_data(each, root)
        if recipe.teacher:
            teacher_sha256(data, each)


def _follow(options):
    """Train along with host 0, whatever it trains, and write nothing."""
    parallel = options["parallel"]
    while (shared := parallel.share()) is not None:
        recipe = Recipe.from_dict(shared)
        data = load_data(recipe, options["root"])
        fit(None, recipe, data, options["callbacks"], parallel)


def _resume(run, options):
    if (run.path / "seeds.json").exists():
        return _go_on_seeds(run, run.read_json("seeds.json"), options)
    _go_on(run, options)
    return run


def _go_on_seeds(run, seeds, options):
    for seed in seeds:
        path = run.path / f"seed-{seed}"
        if (path / "recipe.json").exists():
            one = RunFolder(path)
        else:
            one = RunFolder.create(path, run.recipe.override({"seed": seed}))
        done = (path / "metrics.json").exists() and "test" in one.metrics
        if not done:
            _go_on(one, options, hint=False)
    with run.locked():
        write_summary(run)
    return run


def _go_on(run, options, hint=True):
    """Train what is left of a run's epochs, save its model, evaluate it."""
    recipe, parallel = run.recipe, options["parallel"]
    parallel.check(recipe.batch_size)
    with run.locked():
        try:
            data = load_data(recipe, options["root"])
            together = {"hosts": parallel.hosts, "devices_together": parallel.devices}
            run.write_json("environment.json", {**environment(), **together})
            parallel.share(recipe.to_dict())
            fit(run, recipe, data, options["callbacks"], parallel)
            write_evaluation(run, data, test=options["evaluate"])
        except BaseException as error:
            if run.state is None:
                run.discard()
            elif hint:
                error.add_note(f"Go on with: facezoo train --resume {run.path}")
            raise


def fit(run, recipe, data, callbacks=(), parallel=None):
    """Fit a recipe's model in a run folder, from its newest checkpoint if it has one.

    Writes history, checkpoints, state and at last model.keras, whose weights are those of
    the best epoch by the recipe's `monitor`; it computes in float32.

    Args:
        run: `RunFolder`; None on a host that writes nothing.
        recipe: its `Recipe`.
        data: `FaceDataset`; its test part is not touched.
        callbacks: more Keras callbacks.
        parallel: `Parallel`, the devices; None for one.

    Warns:
        CollapseWarning: nearly every answer is one class, from the second epoch on.
    """
    backend.keep_freed_memory()
    if recipe.deterministic:
        backend.enable_determinism()
    parallel = parallel or Parallel()
    state = run.state if run is not None else None
    facts = _facts(data, recipe)
    _check_facts(facts, run, state, parallel)
    train_split, validation = _targets(data, recipe)
    with parallel.scope(), _precision(recipe.precision):
        backend.set_seeds(recipe.seed)
        watch = CollapseWatch(data.validation.classes, data.label_set)
        model = _augmented(_build(recipe, data), recipe)
        _compile(model, recipe, train_split, watch.answers, parallel)
        model.optimizer.build(model.trainable_variables)  # else a checkpoint lacks its place
        early, others, keeper = _keeping(run, recipe, facts, state, watch)
        done, stopped = _take_up(run, model, keeper, others, parallel)
        averaged = [AveragedWeights(loaded=done > 0)] if recipe.ema else []
        if done < recipe.epochs and not stopped:
            model.fit(
                _feed(train_split, recipe, parallel, epoch=done),
                validation_data=_feed(validation, recipe, parallel),
                initial_epoch=done,
                epochs=recipe.epochs,
                class_weight=_class_weight(recipe, data.train),
                callbacks=[Reseed(recipe.seed), *averaged, *others.values(), keeper, *callbacks],
                shuffle=False,  # the feed shuffles by itself
                verbose=0,
            )
    if run is None:
        return
    # without the optimizer's memory, and in float32 whatever it was trained in: every runtime
    # then answers alike
    with _precision("float32"):
        final = _build(recipe, data)
        _load(_augmented(final, recipe), run.path / keeper.entries[0]["best"])
    run.write_file("model.keras", final.save)


def environment():
    """Return what a reader needs to judge a run: versions, backend, hardware, date."""
    return {
        "facezoo": __version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": backend.processor(),
        "devices": backend.devices(),
        **backend.versions(),
    }


@contextlib.contextmanager
def _precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _build(recipe, data):
    try:
        model = build_model(
            recipe.builder,
            input_shape=data.input_shape,
            num_classes=len(data.label_set),
            **recipe.builder_args,
        )
    except FacezooError:
        raise
    except (TypeError, ValueError, KeyError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise RecipeError(
            f"Got builder_args={recipe.builder_args!r}, which {recipe.builder!r} cannot be built "
            f"with ({reason}); expected its arguments. See help(facezoo.build_{recipe.builder})."
        ) from None
    model.label_set = data.label_set
    return model


def _targets(data, recipe):
    """Give both parts labels as distributions where smoothing, mixing or a teacher wants them."""
    train, validation = data.train, data.validation
    if not (recipe.label_smoothing or recipe.mixup or recipe.teacher):
        return train, validation
    labels = taught(data, recipe) if recipe.teacher else one_hot(train)
    return with_labels(train, labels), with_labels(validation, one_hot(validation))


def _augmented(inner, recipe):
    """Put an augmentation layer before a model where the pipeline has none."""
    if recipe.augmentation is None or keras.backend.backend() == "tensorflow":
        return inner
    pixels = pixel_input(inner.input_shape[1:])
    return PixelModel(pixels, inner(RandomAugmentation(recipe.augmentation)(pixels)))


def _compile(model, recipe, split, answers, parallel):
    if split.labels.ndim == 1:
        loss = keras.losses.SparseCategoricalCrossentropy()
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    else:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
        accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    steps = -(-len(split) // recipe.batch_size)
    # where batches are filled up for several devices, what fills them weighs nothing
    kind = "metrics" if parallel.devices == 1 else "weighted_metrics"
    model.compile(
        optimizer=_optimizer(recipe, steps),
        loss=loss,
        jit_compile=backend.jit_compile_default(),
        **{kind: [accuracy, answers]},
    )
    if parallel.devices > 1 and keras.backend.backend() == "tensorflow":
        _build_metrics(model, split.labels)


def _build_metrics(model, labels):
    """Do what Keras would do from a first batch under `MirroredStrategy`.

    It would begin an epoch of the pipeline for it, and take the mean of uint8 pictures over the
    devices, which is a float.
    """
    pixels = keras.KerasTensor((None, *model.input_shape[1:]), "uint8")
    model._symbolic_build(
        data_batch=(pixels, keras.KerasTensor((None, *labels.shape[1:]), str(labels.dtype)))
    )
    model._maybe_symbolic_build = lambda **_: None


def _optimizer(recipe, steps):
    """A Keras optimizer; `steps` is the number of batches of an epoch."""
    rate, schedule = recipe.learning_rate, recipe.schedule
    if schedule.kind == "cosine":
        warm = schedule.warmup_epochs * steps
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warm else rate,
            decay_steps=max(1, recipe.epochs * steps - warm),
            alpha=schedule.floor / rate,
            warmup_target=rate if warm else None,
            warmup_steps=warm,
        )
    config = {"learning_rate": rate, **recipe.optimizer_args}
    if recipe.ema:
        config |= {"use_ema": True, "ema_momentum": recipe.ema}
    try:
        return keras.optimizers.get({"class_name": recipe.optimizer, "config": config})
    except (TypeError, ValueError) as error:
        raise RunError(
            f"Got optimizer_args={recipe.optimizer_args!r} for {recipe.optimizer!r}, which refuses "
            f"them ({error}); expected arguments of that Keras optimizer. Change optimizer_args."
        ) from None


def _keeping(run, recipe, facts, state, watch):
    """Make the callbacks that remember, and the one that writes."""
    never = recipe.epochs + 1
    early = EarlyStopping(monitor=recipe.monitor, patience=recipe.patience or never)
    others = {"early": early, "collapse": watch}
    if recipe.schedule.kind == "plateau":
        others["plateau"] = ReduceOnPlateau(
            monitor=recipe.monitor,
            factor=recipe.schedule.factor,
            patience=recipe.schedule.patience,
            min_lr=recipe.schedule.floor,
        )
    entries = state["checkpoints"] if state is not None else ()
    return early, others, RunKeeper(run, facts, early, others, entries=entries)


def _check_facts(facts, run, state, parallel):
    """Refuse other data than those that a run was started with, or than host 0's."""
    if state is not None and (changed := [k for k in facts if state.get(k) != facts[k]]):
        raise RunError(
            f"Got another {changed[0]} than the run {str(run.path)!r} was started with; expected "
            "the same data. Prepare that data set again, or start a new run."
        )
    first = parallel.share(facts)
    if changed := [k for k in facts if first[k] != facts[k]]:
        raise ParallelError(
            f"Got another {changed[0]} than host 0 has; expected the same data on every host. "
            "Prepare that data set from the same archive."
        )


def _take_up(run, model, keeper, others, parallel):
    """Load the newest whole checkpoint; return the number of epochs done, and whether to stop."""
    if parallel.leads:
        _drop_damaged(run, keeper)
        done = keeper.entries[0]["epoch"] if keeper.entries else 0
        keeper.history = run.history.iloc[:done].to_dict("records")
    entry = parallel.share(keeper.entries[0] if keeper.entries else None)
    if entry is None:
        return 0, False
    path = run.path / entry["checkpoint"] if parallel.leads else None
    with parallel.shared_file(path) as whole:
        _load(model, whole)
    for key, each in others.items():
        each.recall(entry["memory"].get(key, {}))
    return entry["epoch"], entry["stopped"]


def _drop_damaged(run, keeper):
    """Forget the checkpoints that are not whole."""
    for number, entry in enumerate(keeper.entries):
        path, best = run.path / entry["checkpoint"], run.path / entry["best"]
        digests = {path: entry["sha256"], best: entry.get("best_sha256")}
        damaged = [
            name
            for name, digest in digests.items()
            if not name.is_file() or digest not in (None, sha256(name))
        ]
        if not damaged:
            keeper.entries = keeper.entries[number:]
            return
        warnings.warn(
            f"{damaged[0]} is damaged or missing; going on from the one before.", stacklevel=2
        )
    if keeper.entries:
        raise RunError(
            f"Got no whole checkpoint in {str(run.path)!r}; expected one of "
            f"{[e['checkpoint'] for e in keeper.entries]}. Start a new run."
        )


def _load(model, path):
    """Load a checkpoint whose sha256 is right, whatever it holds."""
    try:
        model.load_weights(path)
    except H5_ERRORS:
        raise RunError(
            f"Got {str(path)!r}, which does not hold this recipe's weights; expected a checkpoint "
            "of its own. Start a new run."
        ) from None


def _feed(split, recipe, parallel, epoch=None):
    """Batches for fit: shuffled and augmented from `epoch` on, or plain for None."""
    training = epoch is not None
    settings = dict(shuffle=training, seed=recipe.seed, epoch=epoch or 0)
    settings["mixup"] = recipe.mixup if training else 0.0
    if keras.backend.backend() == "tensorflow":
        from facezoo.pipeline import make_pipeline  # needs TensorFlow

        augmentation = recipe.augmentation if training else None
        return make_pipeline(split, recipe.batch_size, augmentation=augmentation, **settings)
    shares = dict(devices=parallel.devices, hosts=parallel.hosts, host=parallel.host)
    return ArrayBatches(split, recipe.batch_size, **shares, **settings)


def _class_weight(recipe, split):
    if recipe.class_weight is None:
        return None
    present = np.unique(split.classes)
    weights = compute_class_weight(recipe.class_weight, classes=present, y=split.classes)
    return {int(c): float(w) for c, w in zip(present, weights, strict=True)}


def _facts(data, recipe):
    """What must be the same when a run goes on."""
    teacher = {"teacher": teacher_sha256(data, recipe)} if recipe.teacher else {}
    return {
        **teacher,
        "format": FORMAT,
        "protocol": data.protocol,
        "target": data.target,
        "label_set": data.label_set.to_dict(),
        "input_shape": list(data.input_shape),
        "fingerprint": data.fingerprint,
        "pictures": {s.name: len(s) for s in (data.train, data.validation, data.test)},
    }
