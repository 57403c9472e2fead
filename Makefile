# Two commands are enough on a fresh machine: `make demo` and `make test`. Both do all the set-up themselves.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= auto
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format lint types layers docs docs-check wheel-test bench campaign upgrade clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(STAMP) ## a virtual environment with everything, pinned by tests/constraints.txt

$(STAMP): pyproject.toml tests/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("pointsctl needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --constraint tests/constraints.txt --editable '.[sandbox]' --group dev
	@touch $@

demo: $(STAMP) ## the main job on the embedded default: from a preflight to an open gate, and the proof of it
	@$(BIN)/pointsctl demo

test: $(STAMP) ## every test, against real servers that the tests start themselves
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --ignore tests/wheel

check: format-check lint types layers docs-check test wheel-test ## everything that CI asks for

format: $(STAMP) ## rewrite the sources in the house's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: format-check
format-check: $(STAMP)
	@$(BIN)/ruff format --check .

lint: $(STAMP) ## ruff
	@$(BIN)/ruff check .

types: $(STAMP) ## mypy, strict, over src, tests and docs
	@$(BIN)/mypy

layers: $(STAMP) ## who may import whom
	@$(BIN)/lint-imports

docs: $(STAMP) ## write the generated pages again
	@$(BIN)/python docs/generate.py

docs-check: $(STAMP) ## the generated pages are what the program says today
	@$(BIN)/python docs/generate.py --check

wheel-test: $(STAMP) ## build the wheel, install it alone, use it
	@$(BIN)/python -m pytest -q tests/wheel

bench: $(STAMP) ## speed, as ratios measured side by side in one run
	@$(PIP) install --constraint tests/constraints.txt --group bench
	@$(BIN)/python -m tests.bench

campaign: $(STAMP) ## the long versions of the fuzz and fault tests
	@HYPOTHESIS_PROFILE=campaign $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not bench' tests/unit tests/fault

upgrade: ## the newest versions that the lower bounds allow, into tests/constraints.txt
	@rm -rf $(VENV).upgrade && $(PYTHON) -m venv $(VENV).upgrade
	@$(VENV).upgrade/bin/python -m pip --disable-pip-version-check -q install --upgrade 'pip>=25.1'
	@$(VENV).upgrade/bin/python -m pip --disable-pip-version-check -q install '.[sandbox]' --group dev --group bench
	@{ echo '# Versions that the tests run with: names and numbers only. Written by `make upgrade`.'; \
	   $(VENV).upgrade/bin/python -m pip --disable-pip-version-check freeze --exclude pointsctl --exclude pip; } > tests/constraints.txt
	@rm -rf $(VENV).upgrade build
	@echo "tests/constraints.txt is new; run make check"

clean: ## remove what make made
	@rm -rf $(VENV) build dist *.egg-info src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
