"""What every rendered page says of itself."""

from pathlib import Path

ROOT = Path(__file__).parent.parent


def made_by(results, script):
    """Return the sentence on who made a page's figures, when and on what."""
    made = results["environment"]
    return (
        f"Made by `python benchmarks/{script}.py`, {made['date'][:10]}, {made['processor']}, "
        f"Keras {made['keras']} on {made['backend']}."
    )
