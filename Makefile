# One command from a fresh machine (git, make, python3, python3-venv): make demo, make test.
# Everything is installed into .venv here; nothing outside this folder is touched.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = -m pytest -n auto --maxprocesses 4 --dist worksteal

.PHONY: demo test lint check-all clean

demo: $(VENV)/installed
	$(BIN)/facezoo demo

test: $(VENV)/installed
	$(BIN)/python $(PYTEST)

lint: $(VENV)/installed
	$(BIN)/ruff check --no-cache . && $(BIN)/ruff format --check --no-cache .

# What is slow or needs JAX and PyTorch: every test here, then again without TensorFlow.
check-all: lint $(VENV)/installed .venv-backends/installed
	$(BIN)/python $(PYTEST) -m ''
	KERAS_BACKEND=jax .venv-backends/bin/python $(PYTEST)
	KERAS_BACKEND=torch .venv-backends/bin/python $(PYTEST)

$(VENV)/installed: requirements.txt setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt -e ".[dev]"
	touch $@

.venv-backends/installed: tests/requirements-backends.txt
	$(PYTHON) -m venv .venv-backends
	.venv-backends/bin/python -m pip install --quiet --upgrade pip
	.venv-backends/bin/python -m pip install --quiet -r tests/requirements-backends.txt
	.venv-backends/bin/python -m pip install --quiet --no-deps -e .
	touch $@

clean:
	rm -rf $(VENV) .venv-backends build dist facezoo.egg-info
