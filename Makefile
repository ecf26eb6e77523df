# One command from a fresh machine (git, make, python3, python3-venv): make demo, make test.
# Everything is installed into .venv here; nothing outside this folder is touched.
PYTHON ?= python3
VENV ?= .venv
BACKENDS ?= .venv-backends
BIN = $(VENV)/bin
NOTEBOOKS = overview cmu ippm expw pooling facex
# JAX compiles for every test anew, mostly the same programs: keep them
JAX = KERAS_BACKEND=jax JAX_COMPILATION_CACHE_DIR=$(abspath $(BACKENDS))/compiled \
  JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1
PYTEST = -m pytest -n auto --maxprocesses 4 --dist worksteal

.PHONY: demo test test-backends notebooks lint types check-all clean

demo: $(VENV)/installed
	$(BIN)/facezoo demo

test: $(VENV)/installed
	$(BIN)/python $(PYTEST)

lint: $(VENV)/installed
	$(BIN)/ruff check --no-cache . && $(BIN)/ruff format --check --no-cache .

# The stubs and a user's program under mypy --strict; then the stubs against the code.
types: $(VENV)/installed
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy.stubtest facezoo --ignore-missing-stub --mypy-config-file pyproject.toml

# Every notebook top to bottom, with drawn faces; FACEZOO_PROFILE=full for the real trainings.
notebooks: $(VENV)/installed
	mkdir -p runs/notebooks
	for each in $(NOTEBOOKS); do \
	  $(BIN)/jupyter-execute --output="$(CURDIR)/runs/notebooks/$$each" "notebooks/$$each.ipynb" || exit 1; done

# The networks on JAX and on PyTorch, without TensorFlow; the small ones put through everything.
# Then two processes that train as one, on JAX.
test-backends: $(BACKENDS)/installed
	$(JAX) $(BACKENDS)/bin/python $(PYTEST) tests/test_models.py -k "contract or golden"
	KERAS_BACKEND=torch $(BACKENDS)/bin/python $(PYTEST) tests/test_models.py -k "contract or golden"
	$(JAX) $(BACKENDS)/bin/python -m pytest tests/test_parallel.py

# Every test, the slow ones too, on TensorFlow and again without it on JAX and on PyTorch;
# one that fails does not keep the others from being tried.
check-all: lint types $(VENV)/installed $(BACKENDS)/installed
	failed=0; \
	$(BIN)/python $(PYTEST) -m '' || failed=1; \
	$(JAX) $(BACKENDS)/bin/python $(PYTEST) -m '' || failed=1; \
	KERAS_BACKEND=torch $(BACKENDS)/bin/python $(PYTEST) -m '' || failed=1; \
	exit $$failed

$(VENV)/installed: requirements.txt setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt -e ".[dev]"
	touch $@

$(BACKENDS)/installed: tests/requirements-backends.txt
	$(PYTHON) -m venv $(BACKENDS)
	$(BACKENDS)/bin/python -m pip install --quiet --upgrade pip
	$(BACKENDS)/bin/python -m pip install --quiet -r tests/requirements-backends.txt
	$(BACKENDS)/bin/python -m pip install --quiet --no-deps -e .
	touch $@

clean:
	rm -rf $(VENV) $(BACKENDS) build dist facezoo.egg-info
