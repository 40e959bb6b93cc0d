# Everything a person or CI does here. Needs only Python >= 3.11, git and make; the rest is set up into .venv/.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Two processes; modules that make a warehouse first (xdist_group) stay in one, or it would be made twice.
SHARED := -n 2 --dist loadgroup
# One more where many tests wait for servers and other processes.
SLOW_SHARED := -n 3 --dist loadgroup
export PYTHONDONTWRITEBYTECODE =

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'
	@echo "Setting up .venv (once, about half a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	@$(BIN)/uv pip sync -q --system-certs --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install -q --system-certs --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

setup: .venv/.ready ## Create or refresh .venv from the lock

COMPILE := $(BIN)/uv pip compile -q --system-certs --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
SIDE_LOCKS := $(addsuffix .lock,docs/bi/requirements docs/bi/requirements-dbt docs/bi/requirements-postgres docs/bi/superset/requirements benchmarks/requirements-peers)

lock: setup ## Resolve every lock again from what it is made of (names, versions and hashes; no index is named)
	$(COMPILE) --extra postgres --extra celery --extra k8s --extra mcp --extra lake --group dev --constraint constraints.txt pyproject.toml -o requirements.lock
	for lock in $(SIDE_LOCKS); do $(COMPILE) $${lock%.lock}.txt -o $$lock || exit 1; done

audit: setup ## Compare every lock with the known faults of the package index; fails, too, where that cannot be asked
	$(BIN)/uv tool run --system-certs pip-audit==2.10.1 --strict --disable-pip --require-hashes \
		$(foreach lock,requirements.lock $(SIDE_LOCKS),-r $(lock))

run: setup ## Poll, build, check, publish, sum up (without RECOUP_API_KEY: a simulated API, six simulated weeks)
	@$(BIN)/recoup-warehouse demo

dev: setup ## Open the Dagster UI; without a key, with schedules and sensor on
	@$(BIN)/recoup-warehouse dev

report: setup ## Open the report about what is published
	@$(BIN)/recoup-warehouse report --open

test: setup ## Fast tests, one to three minutes on two cores
	$(BIN)/python -m pytest $(SHARED)

# The second deptry looks at the tests too: what they import must be declared as well.
lint: setup ## Style of Python (ruff) and SQL (sqlfluff), direction of imports (import-linter), declared dependencies (deptry)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/deptry .
	$(BIN)/deptry . --exclude '\.venv' --ignore DEP002,DEP004
	$(BIN)/sqlfluff lint --nocolor --disable-progress-bar sql/core sql/flatten sql/gather sql/lake sql/macros sql/marts sql/tests

types: setup ## Types of all code: product, tests, benchmarks (mypy, strict)
	$(BIN)/mypy

fmt: setup ## Format the code and repair what ruff can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: setup ## Write the generated documents again (data dictionary, command line)
	$(BIN)/python -m pipelines.docgen.model_docs
	$(BIN)/python -m pipelines.cli.command_reference

clean: ## Remove .venv and caches; the warehouse stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +


.venv-superset/.ready: docs/bi/superset/requirements.lock
	$(PYTHON) -m venv .venv-superset
	$(BIN)/uv pip sync -q --system-certs --require-hashes --python .venv-superset/bin/python docs/bi/superset/requirements.lock
	@touch $@

# Node's package is optional: without npm its tests are skipped.
.venv-bi/.ready: docs/bi/requirements.lock
	$(PYTHON) -m venv .venv-bi
	$(BIN)/uv pip sync -q --system-certs --require-hashes --python .venv-bi/bin/python docs/bi/requirements.lock
	@npm install --silent --no-fund --no-audit --prefix .venv-bi/node '@duckdb/node-api@1.5.6-r.1' '@duckdb/duckdb-wasm@1.32.0' \
		|| { rm -rf .venv-bi/node; echo "npm could not install @duckdb/node-api: the tests of Node are skipped"; }
	@touch $@

.venv-dbt/.ready: docs/bi/requirements-dbt.lock
	$(PYTHON) -m venv .venv-dbt
	$(BIN)/uv pip sync -q --system-certs --require-hashes --python .venv-dbt/bin/python docs/bi/requirements-dbt.lock
	@touch $@

.venv-postgres/.ready: docs/bi/requirements-postgres.lock
	$(PYTHON) -m venv .venv-postgres
	$(BIN)/uv pip sync -q --system-certs --require-hashes --python .venv-postgres/bin/python docs/bi/requirements-postgres.lock
	@touch $@

.venv-bi-newest/.ready: docs/bi/requirements-newest.txt
	$(PYTHON) -m venv .venv-bi-newest
	$(BIN)/uv pip install -q --system-certs --upgrade --python .venv-bi-newest/bin/python -r docs/bi/requirements-newest.txt
	@touch $@

superset: setup .venv-superset/.ready ## Serve a Superset of its own on loopback, to try the bundle
	.venv-superset/bin/python docs/bi/superset/serve.py --home warehouse/superset

bi: setup .venv-superset/.ready ## Import the bundle into a real Superset and compare each chart with the file
	$(BIN)/python -m pytest -m slow tests/bi/test_superset.py

test-bi: setup .venv-bi/.ready .venv-bi-newest/.ready .venv-dbt/.ready .venv-postgres/.ready ## Run the code of docs/bi with the real clients, and with the newest DuckDB
	$(BIN)/python -m pytest -m slow tests/bi --ignore tests/bi/test_superset.py

browser: setup ## Look at the report in headless Chromium
	$(BIN)/python -m pytest -m slow tests/browser

torture: setup .venv-bi/.ready ## Readers of every kind while 200 copies are published, 200 kills, full disks, damaged files
	$(BIN)/python -m pytest -m slow tests/torture

torture-all: setup .venv-bi/.ready ## The same with 1,000 kills, a disk of ever more room, each path damaged in each way: hours
	RECOUP_TORTURE_KILLS=1000 RECOUP_TORTURE_FAULTS=all $(BIN)/python -m pytest -m slow tests/torture

soak: setup ## A thousand polls and sixty nights in one process, then an hour of `dev`: what grows beside the history?
	$(BIN)/python -m benchmarks.soak polls
	$(BIN)/python -m benchmarks.soak dev

lake: setup ## A lake in PostgreSQL and S3: fifty kills, servers stopped in mid-write, readers during forty publishes
	RECOUP_LAKE_KILLS=50 RECOUP_LAKE_PUBLISHES=40 $(BIN)/python -m pytest -m slow tests/lake

# Properties whose number of examples can be set.
MANY_EXAMPLES := $(addprefix tests/,load/test_load_properties.py load/test_coverage.py transform/test_expected_ticks.py \
	recoup/test_gate_equivalence.py load/test_scrubbing.py)

test-slow: setup ## What takes longer than the fast suite may: thirty days, a week of the proof, nights of secret markers, many examples
	$(BIN)/python -m pytest $(SLOW_SHARED) --durations 30 -m slow $(addprefix --ignore ,tests/bi tests/browser tests/torture $(MANY_EXAMPLES))
	RECOUP_TEST_EXAMPLES=$${RECOUP_TEST_EXAMPLES:-12} $(BIN)/python -m pytest $(SHARED) -m "slow or not slow" $(MANY_EXAMPLES)

proof: setup ## Ninety simulated days, run by run: nothing is lost unseen
	$(BIN)/python -m benchmarks.proof

nights: setup ## Ninety simulated nights, killed at random, with trouble of every kind: each incident opens, closes and is told once
	RECOUP_TEST_NIGHTS=90 $(BIN)/python -m pytest -s -m slow tests/incidents/test_nights.py

benchmarks/.venv/.ready: benchmarks/requirements-peers.lock
	$(PYTHON) -m venv benchmarks/.venv
	$(BIN)/uv pip sync -q --system-certs --require-hashes --python benchmarks/.venv/bin/python benchmarks/requirements-peers.lock
	@touch $@

bench: setup benchmarks/.venv/.ready ## Measure this product, the floor and the peers; write docs/performance.md again
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.history
	$(BIN)/python -m benchmarks.around
	$(BIN)/python -m benchmarks.nights
	$(BIN)/python -m benchmarks.report

bench-long: setup ## The same delta on 50 million runs: a quarter of an hour, and 40 GB of disk; docs/performance.md is written by `make bench`
	$(BIN)/python -m benchmarks.history --weeks 1000 --repeat 1

.PHONY: help setup lock audit run dev report test lint types fmt docs clean superset bi test-bi browser torture torture-all lake soak test-slow proof nights bench bench-long
