.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WITH_TABLES := README.md docs/findings.md docs/deployment.md docs/live.md

.PHONY: help setup demo check test tables clean

help:  ## show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(STAMP)  ## make the virtual environment with everything pinned

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: setup  ## generate a scene, fit a detector, judge it and write the report: about two minutes
	$(BIN)/normalcy demo

check: setup  ## lint, format, types and the import rule
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy
	PATH="$(BIN):$$PATH" $(BIN)/lint-imports
	$(BIN)/python -m normalcy.evaluation.tables --check $(WITH_TABLES) results

test: setup  ## run the tests with coverage
	$(BIN)/python -m pytest -q --numprocesses=auto --dist=loadfile --max-worker-restart=0 --cov --cov-report=term:skip-covered --cov-fail-under=90

tables: setup  ## write the tables of the README and the docs from results/
	$(BIN)/python -m normalcy.evaluation.tables $(WITH_TABLES) results

clean:  ## remove the virtual environment and caches, never runs/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage .coverage.*
