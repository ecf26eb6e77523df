"""Loss, metrics and optimizer of a recipe: what a model is fitted with."""

import keras

from facezoo import backend
from facezoo.errors import RunError


def compile_model(model, recipe, split, answers, parallel):
    """Compile a model as a recipe says.

    Args:
        model: Keras model.
        recipe: its `Recipe`.
        split: `Split` of its training pictures: their number and kind of labels.
        answers: metric that is told every answer.
        parallel: `Parallel`, the devices.

    Raises:
        RunError: arguments that the optimizer refuses.
    """
    if split.labels.ndim == 1:
        loss = keras.losses.SparseCategoricalCrossentropy()
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    else:
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
        accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    # where batches are filled up for several devices, what fills them weighs nothing
    kind = "metrics" if parallel.devices == 1 else "weighted_metrics"
    model.compile(
        optimizer=_optimizer(recipe, len(split)),
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


def _optimizer(recipe, pictures):
    """A Keras optimizer for a training on so many pictures."""
    rate, schedule = recipe.learning_rate, recipe.schedule
    steps = -(-pictures // recipe.batch_size)
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
        config |= {"use_ema": True, "ema_momentum": recipe.ema_of(pictures)}
    try:
        return keras.optimizers.get({"class_name": recipe.optimizer, "config": config})
    except (TypeError, ValueError) as error:
        raise RunError(
            f"Got optimizer_args={recipe.optimizer_args!r} for {recipe.optimizer!r}, which refuses "
            f"them ({error}); expected arguments of that Keras optimizer. Change optimizer_args."
        ) from None
