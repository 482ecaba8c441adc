# citywatch: everything is one of these. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
ARGS ?=
BENCHMARKS := throughput polls latency fanout recovery peers

.DEFAULT_GOAL := help
.PHONY: help setup run test unit check score bench bench-full browser broker

help:            ## list what can be made
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/: .*##/ /' | awk '{n=$$1; $$1=""; printf "  make %-11s%s\n", n, $$0}'

setup: $(READY)  ## make .venv with everything in requirements.lock

run: setup       ## the city, the flow, the store and the screen; Ctrl-C ends it (ARGS="--scenario day")
	@exec $(BIN)/citywatch up $(ARGS)

test: setup browser broker check  ## everything: checks, unit tests, real store, broker and browser
	$(BIN)/python -m pytest -n auto -m "not system"
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m system  # one leaves a core idle

unit: setup      ## tests of one part each, on all cores: half a minute
	$(BIN)/python -m pytest -n auto -m "not system and not slow"

check: setup     ## ruff, mypy --strict and the architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

score: setup     ## the frozen scenario suite: every scenario, ten seeds; fails where a figure fell
	$(BIN)/python -m benchmarks.scenarios

bench: setup broker  ## a short form of every benchmark: that it runs, not how fast
	for each in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$each --quick || exit 1; done

bench-full: setup broker  ## every benchmark whole: an hour on an idle machine
	for each in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$each || exit 1; done

# A fresh Debian has python3 but neither its venv module nor a browser; only root may add them.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 13) else f"citywatch needs Python 3.11 or 3.12, got {v[0]}.{v[1]}: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	    || { echo "python3 -m venv does not work: install your system's python3-venv" >&2; exit 1; }; \
	  apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }
	@echo "installing what requirements.lock names (a minute or two)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $(READY)

browser:
	@if command -v chromium >/dev/null; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  echo "installing chromium, which the screen's tests need"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; \
	else echo "chromium is missing: the screen's tests are skipped; install it to run them"; fi

broker:
	@if test -n "$$CITYWATCH_KAFKA" || { command -v java && command -v mvn; } >/dev/null; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  echo "installing Java and Maven, which the Kafka tests need"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openjdk-17-jre-headless maven >/dev/null; \
	else echo "Java 17 or Maven is missing: the Kafka tests are skipped; install both, or set CITYWATCH_KAFKA=HOST:PORT"; fi
