"""Write the README's picture of `facezoo app`: the page in Chromium, asked about drawn faces.

python benchmarks/screenshot.py --weights NAME [--out FILE]

NAME: of shipped weights, an .onnx file or a run. Needs Debian's chromium and `pip install -e
".[dev]"`; nothing is asked of another machine.
"""

import argparse
import tempfile
from pathlib import Path

from browser import CHROMIUM, ask, opened, served

from facezoo.app import EXAMPLES, example
from facezoo.faces.results import save_picture

OUT = Path(__file__).parents[1] / "docs" / "images" / "app.png"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", required=True, help="name, .onnx file or run")
    parser.add_argument("--out", type=Path, default=OUT, help="the picture; docs/images/app.png")
    options = parser.parse_args()
    if CHROMIUM is None:
        parser.error("Got no chromium; expected Debian's. Run: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "faces.png"
        save_picture(picture, example(EXAMPLES[-1]))
        with served(options.weights) as address, opened(address) as (page, seen):
            ask(page, picture)
            page.screenshot(path=options.out, animations="disabled")
    if seen.errors or seen.elsewhere:
        parser.exit(1, f"The page failed: {seen}\n")
    print(options.out)


if __name__ == "__main__":
    main()
