# make run        set up and run the first sweep, to its table
# make test       set up, get the test data, and run the tests
# make test-all   the tests with those that train for minutes
# make data       Fashion-MNIST, from Debian's package or by download, into .data
# make lint       ruff and mypy
# make bench-metrics  what the metrics cost in time and memory
# make mutate     small faults in the code, one at a time: do the tests notice?

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# one worker a core, each test on one thread
WORKERS := -n auto --maxprocesses 8
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# the tests start many processes, none of which should compile gensweep anew
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test test-all data postgresql bench-metrics bench-driver mutate lint clean

run: $(VENV)/.ready
	$(BIN)/gensweep run search_spaces/wae.yaml

test: $(VENV)/.ready-to-test data postgresql
	$(BIN)/python -m pytest $(WORKERS) -m "not slow"

test-all: $(VENV)/.ready-to-test data postgresql
	$(BIN)/python -m pytest $(WORKERS)

data: $(VENV)/.ready
	$(BIN)/python -m gensweep.datasets fetch fashion_mnist

bench-metrics: $(VENV)/.ready
	$(BIN)/python -m gensweep.benchmarks.metrics

bench-driver: $(VENV)/.ready
	$(BIN)/python -m gensweep.benchmarks.driver

mutate: $(VENV)/.ready-to-test
	$(BIN)/python -m tests.mutation

# a server for the tests of deploy/: the system's, or Debian's packages unpacked without root
postgresql:
	@if ! ls /usr/lib/postgresql/*/bin/postgres .data/postgresql/usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 \
	    && command -v apt-get >/dev/null; then \
	  mkdir -p .data/postgresql && cd .data/postgresql && \
	  apt-get download postgresql-15 postgresql-client-15 libpq5 && for deb in *.deb; do dpkg-deb -x $$deb .; done; \
	fi

lint: $(VENV)/.ready-to-test
	$(BIN)/ruff check gensweep tests
	$(BIN)/ruff format --check gensweep tests
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first and by itself: with it in place nothing else asks the index for another build
$(VENV)/.ready: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.ready-to-test: $(VENV)/.ready
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
