# Everything a person types here. `make serve` and `make test` need Python 3.11 or newer and nothing else.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two for each core, as tests wait about as long as they compute.
WORKERS := $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
TESTS := tests --ignore tests/real --ignore tests/benchmarks
AGAIN := --last-failed --last-failed-no-failures none
LOCK_FLAGS := --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

.PHONY: serve test check bench schema lock clean
.DEFAULT_GOAL := serve

serve: $(VENV)/.ready
	@exec $(BIN)/dicom-graph serve

# Compiled modules are kept whatever the environment says: or each worker, and each process it starts, compiles anew.
# What fails is run once more by itself: some tests are about time, which a busy machine takes from those beside others.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.ready-test
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS) || $(BIN)/pytest $(AGAIN) $(TESTS)

check: $(VENV)/.ready-test
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/dicom-graph schema --check
	@$(MAKE) --no-print-directory test

bench: $(VENV)/.ready-test
	@$(BIN)/python -m tests.benchmarks $(BENCH)

schema: $(VENV)/.ready
	@$(BIN)/dicom-graph schema

lock: $(VENV)/.ready-test
	$(BIN)/uv pip compile $(LOCK_FLAGS) --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCK_FLAGS) --group build --extra test pyproject.toml -c requirements.lock -o requirements-test.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

# A stamp names what was installed: another lock file, or a checkout that was moved, installs again.
$(VENV)/.ready: requirements.lock pyproject.toml Makefile .ci/environment
	@.ci/environment $(PYTHON) $(VENV) requirements.lock
	@touch $@

$(VENV)/.ready-test: requirements-test.lock pyproject.toml Makefile .ci/environment
	@.ci/environment $(PYTHON) $(VENV) requirements-test.lock
	@touch $@ $(VENV)/.ready

# A virtual environment that no longer runs (moved checkout, removed Python) counts as none.
ifneq ($(shell $(BIN)/python -c "" 2>/dev/null && cat $(VENV)/.home 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.ready $(VENV)/.ready-test
endif
