"""Seconds that `import facezoo` takes, and what it loads: the median of seven processes.

python benchmarks/startup.py [--json FILE]
"""

import argparse
import datetime
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

from facezoo import backend


def import_seconds():
    """Return the cumulative seconds of `import facezoo` by -X importtime."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import facezoo"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    (micros,) = re.findall(r"\|\s*(\d+) \|\s+facezoo$", told, re.MULTILINE)
    return int(micros) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    script = "import sys, facezoo; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    figures = {
        "import_seconds": statistics.median(import_seconds() for _ in range(7)),
        "tensorflow_loaded": "tensorflow" in loaded,
        "cv2_loaded": "cv2" in loaded,
        "processor": backend.processor(),
        "date": datetime.date.today().isoformat(),
    }
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
