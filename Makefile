# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
export KERAS_BACKEND ?= jax

.PHONY: demo test check test-backends test-all test-long clean

demo: $(VENV)/.core
	$(BIN)/plait demo

test: $(VENV)/.test
	$(BIN)/pytest -m "not long" -n 2 --dist worksteal

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The step, the masks and saving on torch and TensorFlow, and the comparison with TorchJD, which needs torch.
# All else on them is for `make test-all`.
test-backends: $(VENV)/.backends
	KERAS_BACKEND=jax $(BIN)/pytest tests/unit/balancing/test_torchjd.py -n 2 --dist worksteal
	KERAS_BACKEND=torch $(BIN)/pytest -m "backends and not long" -n 2 --dist worksteal
	KERAS_BACKEND=tensorflow $(BIN)/pytest -m "backends and not long" -n 2 --dist worksteal

# The whole battery on every backend.
test-all: $(VENV)/.backends
	KERAS_BACKEND=jax $(BIN)/pytest -n 2 --dist worksteal
	KERAS_BACKEND=torch $(BIN)/pytest -m "not long" -n 2 --dist worksteal
	KERAS_BACKEND=tensorflow $(BIN)/pytest -m "not long" -n 2 --dist worksteal

test-long: $(VENV)/.test
	$(BIN)/pytest -m long

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.core: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) -e .[test]
	touch $@

$(VENV)/.backends: $(VENV)/.test
	$(PIP) -e .[test,backends]
	touch $@

clean:
	rm -rf $(VENV) runs plait-demo .pytest_cache .ruff_cache .mypy_cache
