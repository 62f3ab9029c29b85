# Needs make and Python 3.11 or newer with its venv module; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
INSTALLED_FROM := pyproject.toml requirements/dev.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check check-style check-types check-architecture check-generated check-packaging \
	check-coverage bench fuzz lock test-lowest clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Run the whole system on this machine, break it, and prove that nothing was lost
	@$(BIN)/mnstream demo

test: $(DEV) ## Run every test; no server and no network needed
	@$(BIN)/pytest -q

check: check-style check-types check-architecture check-generated check-packaging check-coverage ## Run every gate that a commit has to pass beside the tests

check-style: $(DEV) ## Lint, and compare the format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

check-types: $(DEV) ## Check the types twice: mypy --strict and pyright strict
	@$(BIN)/mypy
	@$(BIN)/pyright

check-architecture: $(DEV) ## Check that imports point inwards: adapters, ports, core, which has no world
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pytest -q tests/packaging/test_core_is_pure.py

check-generated: $(DEV) ## Compare protobuf modules and lifecycle diagrams with their sources
	@$(BIN)/python tools/check_generated.py

check-packaging: $(DEV) ## Check what users install, and the limits of the source tree
	@$(BIN)/pytest -q tests/packaging

check-coverage: $(DEV) ## Check that tests/core alone reach every branch of the core
	@$(BIN)/coverage run --source=src/mnstream/core -m pytest -q tests/core
	@$(BIN)/coverage report --fail-under=100

bench: $(DEV) ## Measure, side by side with what others offer
	@$(BIN)/mnstream bench

fuzz: $(DEV) ## Feed a million damaged inputs to everything that reads octets; needs CPython 3.11 on Linux
	@$(PIP) -c requirements/dev.txt -e ".[dev,fuzz]"
	@$(BIN)/python -m tests.fuzz --inputs 1000000

lock: $(DEV) ## Pin the newest versions that pyproject.toml allows, and the oldest, into requirements/
	@$(PIP) uv
	@$(BIN)/python tools/lock.py

test-lowest: requirements/lowest.txt ## Run the tests with the oldest dependencies that pyproject.toml allows
	@$(PYTHON) -m venv --clear $(VENV)-lowest
	@$(VENV)-lowest/bin/python -m pip install -qq --disable-pip-version-check -c $< -e ".[test]"
	@$(VENV)-lowest/bin/pytest -q --ignore=tests/packaging

clean: ## Remove what the targets above have made
	@rm -rf $(VENV) $(VENV)-lowest build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("mnstream needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Choose another: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): $(INSTALLED_FROM) | $(BIN)/python
	@echo "Installing mnstream and what it needs into $(VENV) ..."
	@$(PIP) -c requirements/dev.txt -e .
	@touch $@

$(DEV): $(INSTALLED_FROM) | $(BIN)/python
	@echo "Installing mnstream and its development tools into $(VENV) ..."
	@$(PIP) -c requirements/dev.txt -e ".[dev]"
	@touch $(RUNTIME) $@
