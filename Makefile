# Each target sets up what it needs: a .venv with the locked dependencies. Only Python 3.11+, make and a C compiler are assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_WAIT_POLICY := PASSIVE

.PHONY: demo test check fmt bench lock clean

demo: $(VENV)/ready  ## run the bundled model: make demo, or make demo VIDEO=path
	$(BIN)/chronopose demo $(VIDEO)

test: $(VENV)/ready  ## the whole default test run, in two processes of one thread each
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/ready  ## style, types and the floors of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/ready  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/ready  ## the figures in benchmarks/*.md that need no data
	$(BIN)/python benchmarks/crop_modes.py

lock:  ## resolve requirements.lock anew
	$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install -q uv
	$(VENV)/lock/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-header --no-annotate -q -o requirements.lock --upgrade

clean:
	rm -rf $(VENV) poses runs

$(VENV)/ready: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("chronopose needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@
