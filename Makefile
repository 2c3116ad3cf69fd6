# Two commands do everything: `make chat` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

export HF_HUB_OFFLINE = 1

.DEFAULT_GOAL := help
.PHONY: help chat test lint fix unit torture load eval baseline clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1 \t/'

chat: $(VENV)/installed ## install, bring the library in line with corpus/, open the page (ARGS="--port 8000")
	$(BIN)/coalition-qa chat $(ARGS)

test: lint unit ## install what tests need, then lint, types and tests

lint: $(VENV)/installed-dev ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/installed-dev ## tests only
	$(BIN)/python -m pytest

torture: $(VENV)/installed-dev ## a thousand kills, damaged files, full disks, failing writes: about an hour
	$(BIN)/python -m pytest -m torture $(ARGS)
	TORTURE=1000 $(BIN)/python -m pytest tests/documents/test_fuzzed.py

load: $(VENV)/installed ## 50 people asking and 10 changing documents at once, 10 minutes (ARGS="--seconds 180")
	$(BIN)/python scripts/load.py $(ARGS)

fix: $(VENV)/installed-dev ## format, and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

eval: $(VENV)/installed ## score the answers on the article's test questions; fails where they got worse
	$(BIN)/coalition-qa eval run --baseline eval/baseline.json --out eval/runs/latest $(ARGS)

baseline: $(VENV)/installed ## after a change that is meant: make this run what later ones are held against
	$(BIN)/coalition-qa eval run --new-baseline eval/baseline.json --out eval/runs/latest
	$(BIN)/python scripts/readme_results.py

clean: ## remove what was installed and cached; documents and libraries stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else \
		f"coalition-qa needs Python 3.11 to 3.13, this is {sys.version.split()[0]}: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt scripts/install_torch.py | $(VENV)/bin/python
	@echo "Installing into $(VENV): a few minutes, once."
	$(BIN)/python scripts/install_torch.py
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --editable '.[dev]'
	@touch $@
