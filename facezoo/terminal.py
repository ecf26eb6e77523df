"""What the commands share at the terminal: tables, progress bars, a quiet start of Keras.

Figures go to stdout, progress to stderr.
"""

import contextlib
import json
import logging
import os
import sys
import tempfile
import warnings

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from facezoo.errors import CollapseWarning, FacezooError

out = Console(markup=False, highlight=False)
err = Console(stderr=True, markup=False, highlight=False)
WARNED = "facezoo: Warning: "  # before a line that warns


def progress(last="{task.percentage:>3.0f}%"):
    """A progress bar on stderr, silent where that is no terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn(last, markup=False),
    )
    return Progress(*columns, console=err, disable=not err.is_terminal)


def epoch_bar(bar):
    """A Keras callback that moves a progress bar, or prints lines where there is none."""
    import keras

    class EpochBar(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.task = bar.add_task("training", total=self.params["epochs"], figures="")

        def on_epoch_end(self, epoch, logs=None):
            figures = f"loss {logs['loss']:.3f}  val_accuracy {logs['val_accuracy']:.3f}"
            bar.update(self.task, completed=epoch + 1, figures=figures)
            if not err.is_terminal:
                print(f"epoch {epoch + 1}/{self.params['epochs']}  {figures}", file=sys.stderr)

    return EpochBar()


def quiet_tensorflow():
    """Ask a TensorFlow that has not started yet for its errors only, unless told otherwise."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its greetings
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its hints on tracing


@contextlib.contextmanager
def starting_keras():
    """Hold back what the backend's native code prints while it starts; show it on failure.

    TensorFlow writes two lines about missing GPU drivers straight to the file descriptor
    before any of its log settings count. From then on it tells errors only.
    """
    quiet_tensorflow()
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import keras

            from facezoo import backend

            if keras.backend.backend() == "tensorflow":
                backend.devices()  # the second moment at which it prints
            yield
        except FacezooError:
            raise
        except Exception:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


@contextlib.contextmanager
def warnings_in_a_line():
    """Show what facezoo warns of as one line on stderr, above a progress bar if there is one.

    Python would add the place in the code and the code itself; it still does for warnings
    that speak to programmers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", CollapseWarning)  # of every seed, not of the first
        in_full = warnings.showwarning

        def show(message, category, *place, **more):
            if issubclass(category, UserWarning):
                line = " ".join(str(message).split())
                err.print(f"{WARNED}{line}", soft_wrap=True)
            else:
                in_full(message, category, *place, **more)

        warnings.showwarning = show
        yield


def model_row(described):
    """A row of `describe_models()` as the table of `facezoo models` shows it."""
    row = {
        "name": described["name"],
        "study": described["study"],
        "weights": f"{described['weights']:>10,}",
        "multiply-adds": f"{described['multiply_adds']:>13,}",
    }
    if "milliseconds" not in described:
        height, width, channels = described["input_shape"]
        return {**row, "default input": f"{width}x{height}x{channels}"}
    for batch, taken in described["milliseconds"].items():
        row["ms alone" if batch == 1 else f"ms in {batch}"] = f"{taken:>8.3g}"
    return {**row, "MB": f"{described['file_bytes'] / 1e6:>5.1f}"}


def headline(role, figures):
    """One line: accuracy of a split, of one seed or several."""
    if "reports" in figures:
        mean, std = figures["accuracy"]["mean"], figures["accuracy"]["std"]
        spread = "" if std is None else f" +- {std:.4f}"
        return f"{role} accuracy {mean:.4f}{spread} (mean and spread, {figures['reports']} seeds)"
    low, high = figures["accuracy_interval"]
    return (
        f"{role} accuracy {figures['accuracy']:.4f} (95% interval {low:.4f} to {high:.4f}) on "
        f"{figures['n']:,} pictures"
    )


def print_rows(rows, as_json, hide=()):
    """Print dicts as JSON lines or as one table."""
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    names = [name for name in rows[0] if name not in hide]
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name == names[0])
    for row in rows:
        cells = (row[n] for n in names)
        table.add_row(*(Text(", ".join(c) if isinstance(c, list) else str(c)) for c in cells))
    # a line a row for whoever reads it with grep
    (out if out.is_terminal else Console(width=1000, markup=False)).print(table)
