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
from facezoo.callbacks import AveragedWeights, CollapseWatch, Reseed
from facezoo.checkpoints import (
    check_facts,
    check_state,
    facts_of,
    keeping,
    load_checkpoint,
    take_up,
)
from facezoo.compiling import compile_model
from facezoo.distillation import one_hot, taught, teacher_sha256, with_labels
from facezoo.errors import FacezooError, RecipeError, RunError, unknown
from facezoo.evaluation import write_evaluation, write_summary
from facezoo.interrupts import held_while_tracing
from facezoo.kernels import quicken
from facezoo.models import build_model, get_builder
from facezoo.models.pixels import PixelModel, pixel_input
from facezoo.parallel import Parallel
from facezoo.recipes import Recipe, get_recipe, load_data
from facezoo.runs import RunFolder
from facezoo.version import __version__


def train(
    recipe=None,
    *,
    runs="runs",
    root=None,
    seeds=None,
    resume=None,
    epochs=None,
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
        epochs: train so many in place of the recipe's; with `resume`, go on to so many, where
            neither the learning rate nor a moving average is laid out for their number. The test
            pictures are opened again then: let validation pictures say whether to go on.
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
        if epochs is not None:
            recipe = recipe.with_epochs(epochs)
        if deterministic:
            recipe = dataclasses.replace(recipe, deterministic=True)
        check(recipe, root, seeds or 1)
    elif recipe is not None or seeds is not None or deterministic:
        raise RecipeError(
            "Got resume with a recipe, seeds or deterministic; expected resume alone, or with "
            "epochs, since a run goes on as it was started. Start a new run for another setting."
        )
    elif hosts is None or hosts.number == 0:
        resume = RunFolder(resume)
    parallel = Parallel(devices, hosts)
    options = dict(root=root, evaluate=evaluate, callbacks=callbacks, parallel=parallel)
    with held_while_tracing(), parallel.minding():
        if not parallel.leads:
            return _follow(options)
        new = resume is None
        if not new and epochs is not None:
            _lengthen(resume, epochs, root, parallel)
        run = _start(recipe, runs, seeds, options) if new else _resume(resume, options)
        parallel.share(None)  # that was all
        return run


def _lengthen(run, epochs, root, parallel):
    """Ask more epochs of a run once it is known that it can go on to them."""
    if (run.path.parent / "seeds.json").exists():
        raise RunError(
            f"Got {str(run.path)!r} with epochs, one of several seeds; expected their run, for all "
            f"go on together. Pass {str(run.path.parent)!r}."
        )
    check(run.recipe.lengthened(epochs), root)
    parallel.check(run.recipe.batch_size)
    for each in run.seeds or [run]:
        check_state(facts_of(load_data(each.recipe, root), each.recipe), each, each.state)
    run.lengthen(epochs)


def _start(recipe, runs, seeds, options):
    options["parallel"].check(recipe.batch_size)
    names = None if seeds is None else [recipe.seed + n for n in range(seeds)]
    run = RunFolder.create_timed(runs, recipe, names)
    if names is None:
        _go_on(run, options, new=True)
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
        begun = (path / "recipe.json").exists()
        if begun:
            one = RunFolder(path)
            one.lengthen(run.recipe.epochs)  # killed before it was, if it is not yet
        else:
            one = RunFolder.create(path, run.recipe.override({"seed": seed}))
        done = (path / "metrics.json").exists() and "test" in one.metrics
        if not done:
            _go_on(one, options, new=not begun, hint=False)
    with run.locked():
        write_summary(run)
    return run


def _go_on(run, options, new=False, hint=True):
    """Train what is left of a run's epochs, save its model, evaluate it.

    A folder that was `new` goes if nothing came of it; any other may hold what is not ours.
    """
    recipe, parallel = run.recipe, options["parallel"]
    parallel.check(recipe.batch_size)
    with run.locked():
        if run.state is None and (run.path / "model.keras").exists():
            raise RunError(
                f"Got {str(run.path)!r}, which holds a model and no state.json; expected a run to "
                "go on with. Restore that file, or start a new run."
            )
        (run.path / "checkpoints").mkdir(exist_ok=True)
        try:
            data = load_data(recipe, options["root"])
            parallel.share(recipe.to_dict())
            fit(run, recipe, data, options["callbacks"], parallel)
            write_evaluation(run, data, test=options["evaluate"])
        except BaseException as error:
            if run.state is None and new:
                run.discard()
            elif run.state is not None and hint:
                error.add_note(f"Go on with: facezoo train --resume {run.path}")
            raise


def fit(run, recipe, data, callbacks=(), parallel=None):
    """Fit a recipe's model in a run folder, from its newest checkpoint if it has one.

    Writes environment, history, checkpoints, state and at last model.keras, whose weights are
    those of the best epoch by the recipe's `monitor`; it computes in float32.

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
    facts = facts_of(data, recipe)
    check_facts(facts, run, state, parallel)
    train_split, validation = _targets(data, recipe)
    with parallel.scope(), _precision(recipe.precision):
        backend.set_seeds(recipe.seed)
        watch = CollapseWatch(data.validation.classes, data.label_set)
        model = _augmented(_build(recipe, data), recipe)
        quicken(model)
        compile_model(model, recipe, train_split, watch.answers, parallel)
        model.optimizer.build(model.trainable_variables)  # else a checkpoint lacks its place
        early, others, keeper = keeping(run, recipe, facts, state, watch)
        done, stopped = take_up(run, model, keeper, others, parallel)
        averaged = [AveragedWeights(loaded=done > 0)] if recipe.ema else []
        if done < recipe.epochs and not stopped:
            if run is not None:
                together = {"hosts": parallel.hosts, "devices_together": parallel.devices}
                run.write_json("environment.json", {**environment(), **together})
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
        load_checkpoint(_augmented(final, recipe), run.path / keeper.entries[0]["best"])
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
