"""The Typer application: how commands are registered, and how a refusal is told."""

import functools
import os
import sys
import warnings
from typing import Annotated

import typer

from facezoo.errors import FacezooError, missing_module, not_installed
from facezoo.interrupts import held_while_tracing
from facezoo.terminal import quiet_tensorflow, warnings_in_a_line
from facezoo.version import __version__

app = typer.Typer(
    name="facezoo",
    help="A Keras model zoo for faces: expression, pose and a textbook identity task.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON lines instead of tables.")]
# Typer gives no public name to the click that it carries inside since 0.2x
UsageError = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")


def _print_version(wanted: bool):
    if wanted:
        print(f"facezoo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
):
    """Hold the options of `facezoo` itself."""


def command(function):
    """Register a command; Typer would swallow Ctrl-C and what is said about going on."""

    @functools.wraps(function)
    def run(*arguments, **options):
        try:
            with warnings_in_a_line():
                return function(*arguments, **options)
        except KeyboardInterrupt as error:
            raise _interrupted(error) from None

    return app.command()(run)


def _interrupted(error):
    notes = getattr(error, "__notes__", ())
    return FacezooError(" ".join(["Interrupted; nothing is left half-written.", *notes]))


def main():
    """Run the command line; `facezoo` and `python -m facezoo` call it."""
    quiet_tensorflow()
    warnings.filterwarnings("ignore", "Image size .* exceeds limit")  # Pillow's; we reject it
    try:
        with held_while_tracing():
            _run()
    except BrokenPipeError:  # `facezoo recipes | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run():
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `facezoo` alone
            print(error.format_message(), flush=True)
            sys.exit(2)
        command = error.ctx.command_path if error.ctx else "facezoo"
        message = error.format_message()
        message += "" if message.endswith((".", "?")) else "."
        _refuse(f"{message} See: {command} --help")
    except FacezooError as error:
        _refuse(str(error))
    except KeyboardInterrupt as error:
        _refuse(str(_interrupted(error)))
    except ModuleNotFoundError as error:
        _refuse(_missing(error))


def _refuse(message):
    print("facezoo: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)


def _missing(error):
    if error.name in ("tensorflow", "jax", "torch"):
        return (
            f"Got no {error.name}, the Keras backend asked for; expected it to be installed. "
            "Install it, or set KERAS_BACKEND to one that is: tensorflow, jax or torch."
        )
    if error.name == "optuna":  # what comes with it is imported after it
        return str(not_installed("optuna", "`facezoo tune`", "tune"))
    return str(missing_module(error.name))
