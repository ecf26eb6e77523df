"""`train`: a recipe and its data become a run folder; a killed run goes on where it was.

The test pictures are not opened while a model is fitted: the checkpoint is chosen on the
validation pictures, frozen, and then evaluated once.
"""

import contextlib
import dataclasses
import datetime
import inspect
import platform

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
from facezoo.datasets import Split
from facezoo.errors import FacezooError, RecipeError, RunError, unknown
from facezoo.evaluation import write_evaluation, write_summary
from facezoo.files import sha256
from facezoo.models import build_model, get_builder
from facezoo.models.blocks import H5_ERRORS
from facezoo.models.pixels import PixelModel, pixel_input
from facezoo.recipes import get_recipe, load_data
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
        callbacks: more Keras callbacks.

    Returns:
        RunFolder: `.metrics` has the figures, `.path` the files.

    Raises:
        FacezooError: a recipe, data set or folder that does not fit.
        KeyboardInterrupt: as it came; finished epochs are kept, a run without any is
            removed.

    Example:
        run = facezoo.train("synthetic-lenet5-expression")
        run.metrics["test"]["accuracy"]
    """
    options = dict(root=root, evaluate=evaluate, callbacks=callbacks)
    if resume is not None:
        if recipe is not None or seeds is not None or deterministic:
            raise RecipeError(
                "Got resume with a recipe, seeds or deterministic; expected resume alone, since a "
                "run goes on as it was started. Start a new run for another setting."
            )
        return _resume(RunFolder(resume), options)
    recipe = get_recipe(recipe)
    if deterministic:
        recipe = dataclasses.replace(recipe, deterministic=True)
    check(recipe, root)
    run = RunFolder.create_timed(runs, recipe)
    if seeds is None:
        _go_on(run, options)
        return run
    names = [recipe.seed + n for n in range(seeds)]
    run.write_json("seeds.json", names)
    try:
        return _go_on_seeds(run, names, options)
    except BaseException as error:
        if all(seed.state is None for seed in run.seeds):
            run.discard()
        else:
            error.add_note(f"Go on with: facezoo train --resume {run.path}")
        raise


def check(recipe, root=None):
    """Refuse a recipe that cannot be trained, before anything is written.

    Raises:
        FacezooError: its data are not prepared, its target or protocol does not exist, or
            its builder lacks an argument.
    """
    known = set(inspect.signature(get_builder(recipe.builder)).parameters)
    for name in recipe.builder_args:
        if name not in known - {"input_shape", "num_classes", "classifier_activation"}:
            raise unknown(f"argument of builder {recipe.builder!r}", name, known)
    load_data(recipe, root)


def _resume(run, options):
    if (run.path / "seeds.json").exists():
        return _go_on_seeds(run, run.read_json("seeds.json"), options)
    _go_on(run, options)
    return run


def _go_on_seeds(run, seeds, options):
    for seed in seeds:
        path = run.path / f"seed-{seed}"
        if path.exists():
            one = RunFolder(path)
        else:
            one = RunFolder.create(path, run.recipe.override({"seed": seed}))
        done = (path / "metrics.json").exists() and "test" in one.metrics
        if not done:
            _go_on(one, options, hint=False)
    write_summary(run)
    return run


def _go_on(run, options, hint=True):
    """Train what is left of a run's epochs, save its model, evaluate it."""
    recipe = run.recipe
    if recipe.deterministic:
        backend.enable_determinism()
    with run.locked():
        try:
            data = load_data(recipe, options["root"])
            run.write_json("environment.json", environment())
            fit(run, recipe, data, options["callbacks"])
            write_evaluation(run, data, test=options["evaluate"])
        except BaseException as error:
            if run.state is None:
                run.discard()
            elif hint:
                error.add_note(f"Go on with: facezoo train --resume {run.path}")
            raise


def fit(run, recipe, data, callbacks=()):
    """Fit a recipe's model in a run folder, from its newest checkpoint if it has one.

    Writes history, checkpoints, state and at last model.keras, whose weights are those of
    the best epoch by the recipe's `monitor`; it computes in float32.

    Args:
        run: `RunFolder`.
        recipe: its `Recipe`.
        data: `FaceDataset`; its test part is not touched.
        callbacks: more Keras callbacks.

    Warns:
        CollapseWarning: nearly every answer is one class, from the second epoch on.
    """
    backend.keep_freed_memory()
    state = run.state
    facts = _facts(data)
    if state is not None and (changed := [k for k in facts if state.get(k) != facts[k]]):
        raise RunError(
            f"Got another {changed[0]} than the run {str(run.path)!r} was started with; expected "
            "the same data. Prepare that data set again, or start a new run."
        )
    with _precision(recipe.precision):
        backend.set_seeds(recipe.seed)
        inner = _build(recipe, data)
        train_split, validation = (_targets(s, recipe) for s in (data.train, data.validation))
        watch = CollapseWatch(data.validation.classes, data.label_set)
        model = _compiled(inner, recipe, train_split, watch.answers)
        model.optimizer.build(model.trainable_variables)  # else a checkpoint lacks its place
        early, others, keeper = _keeping(run, recipe, facts, state, watch)
        done = _take_up(run, model, keeper, early, others)
        stopped = bool(keeper.entries) and keeper.entries[0]["stopped"]
        averaged = [AveragedWeights(loaded=done > 0)] if recipe.ema else []
        if done < recipe.epochs and not stopped:
            model.fit(
                _feed(train_split, recipe, epoch=done),
                validation_data=_feed(validation, recipe),
                initial_epoch=done,
                epochs=recipe.epochs,
                class_weight=_class_weight(recipe, data.train),
                callbacks=[Reseed(recipe.seed), *averaged, *others.values(), keeper, *callbacks],
                shuffle=False,  # the feed shuffles by itself
                verbose=0,
            )
        best = run.path / keeper.entries[0]["best"]
        if not _loaded(model, best):
            raise RunError(
                f"Got {str(best)!r}, which is damaged; expected the weights of the best epoch. "
                "Start a new run."
            )
    # without the optimizer's memory, and in float32 whatever it was trained in: every runtime
    # then answers alike
    with _precision("float32"):
        final = _build(recipe, data)
    final.set_weights(inner.get_weights())
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


def _targets(split, recipe):
    """Give labels as distributions where smoothing or mixing wants them."""
    if not (recipe.label_smoothing or recipe.mixup) or split.labels.ndim == 2:
        return split
    one_hot = np.eye(len(split.label_set), dtype=np.float32)[split.labels]
    return Split(split.images, one_hot, None, split.label_set, split.name)


def _compiled(inner, recipe, split, answers):
    """Compile the model, behind an augmentation layer where the pipeline has none."""
    model = inner
    if recipe.augmentation is not None and keras.backend.backend() != "tensorflow":
        pixels = pixel_input(inner.input_shape[1:])
        model = PixelModel(pixels, inner(RandomAugmentation(recipe.augmentation)(pixels)))
    if split.labels.ndim == 1:
        loss = keras.losses.SparseCategoricalCrossentropy()
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    else:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
        accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    steps = -(-len(split) // recipe.batch_size)
    model.compile(
        optimizer=_optimizer(recipe, steps),
        loss=loss,
        metrics=[accuracy, answers],
        jit_compile=backend.jit_compile_default(),
    )
    return model


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


def _take_up(run, model, keeper, early, others):
    """Load the newest checkpoint that is whole; return the number of epochs done."""
    for number, entry in enumerate(keeper.entries):
        path = run.path / entry["checkpoint"]
        best = run.path / entry["best"]
        whole = path.is_file() and sha256(path) == entry["sha256"] and best.is_file()
        if not whole or not _loaded(model, path):
            import warnings

            warnings.warn(
                f"{path} is damaged or missing; going on from the one before.", stacklevel=2
            )
            continue
        keeper.entries = keeper.entries[number:]
        done = entry["epoch"]
        keeper.history = run.history.iloc[:done].to_dict("records")
        for key, each in others.items():
            each.recall(entry["memory"].get(key, {}))
        return done
    if keeper.entries:
        raise RunError(
            f"Got no whole checkpoint in {str(run.path)!r}; expected one of "
            f"{[e['checkpoint'] for e in keeper.entries]}. Start a new run."
        )
    return 0


def _loaded(model, path):
    """Load a checkpoint; return whether it could be."""
    try:
        model.load_weights(path)
    except H5_ERRORS:
        return False
    return True


def _feed(split, recipe, epoch=None):
    """Batches for fit: shuffled and augmented from `epoch` on, or plain for None."""
    training = epoch is not None
    settings = dict(shuffle=training, seed=recipe.seed, epoch=epoch or 0)
    settings["mixup"] = recipe.mixup if training else 0.0
    if keras.backend.backend() == "tensorflow":
        from facezoo.pipeline import make_pipeline  # needs TensorFlow

        augmentation = recipe.augmentation if training else None
        return make_pipeline(split, recipe.batch_size, augmentation=augmentation, **settings)
    return ArrayBatches(split, recipe.batch_size, **settings)


def _class_weight(recipe, split):
    if recipe.class_weight is None:
        return None
    present = np.unique(split.classes)
    weights = compute_class_weight(recipe.class_weight, classes=present, y=split.classes)
    return {int(c): float(w) for c, w in zip(present, weights, strict=True)}


def _facts(data):
    """What must be the same when a run goes on."""
    return {
        "format": FORMAT,
        "protocol": data.protocol,
        "target": data.target,
        "label_set": data.label_set.to_dict(),
        "input_shape": list(data.input_shape),
        "fingerprint": data.fingerprint,
        "pictures": {s.name: len(s) for s in (data.train, data.validation, data.test)},
    }
