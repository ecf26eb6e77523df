"""What pytest must not collect: `pipeline.py` is the one module that needs TensorFlow."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("tensorflow") else ["facezoo/pipeline.py"]
