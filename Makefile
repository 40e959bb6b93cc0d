# Everything a person or CI does here. Needs only Python >= 3.11, git and make; the rest is set up into .venv/.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE =

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'
	@echo "Setting up .venv (once, about half a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	@$(BIN)/uv pip sync -q --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install -q --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

setup: .venv/.ready ## Create or refresh .venv from the lock

lock: setup ## Resolve requirements.lock again from pyproject.toml (names, versions and hashes; no index is named)
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --extra dev --generate-hashes --no-annotate --no-header \
		--constraint constraints.txt pyproject.toml -o requirements.lock

.PHONY: help setup lock
