# Every target sets up what it needs: a virtual environment with pinned packages, then the work.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# What we are measured against lives in an environment of its own.
PEERS := .venv-peers
BACKENDS := .venv-backends
# The newest interpreter that will do; override with make PYTHON=/path/to/python3.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; \
	done || true)
JOBS ?= 2

.PHONY: help venv demo docs test test-slow test-backends test-models lint types bench bench-training bench-resources bench-peers bench-emulator bench-calibration bench-solver bench-ablation bench-lookups bench-pareto mutation doctor clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

venv: $(VENV)/.ready ## make .venv with the pinned packages

$(VENV)/.ready: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { python3 hgq_rtl/doctor.py; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) hgq_rtl/doctor.py; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

demo: venv ## train on digits, write Verilog, prove it in a simulator
	$(BIN)/python examples/digits.py

test: venv lint types ## everything but the slow tests
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

test-slow: venv ## the slow tests
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m slow

test-backends: $(BACKENDS)/.ready ## quantizers and core layers on TensorFlow and PyTorch
	$(BACKENDS)/bin/python -m pytest -q -rs -m slow tests/test_backends.py

$(BACKENDS)/.ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(BACKENDS)
	$(BACKENDS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BACKENDS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	for backend in tensorflow torch; do \
	$(BACKENDS)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$$backend]" \
	|| echo "$$backend cannot be installed here: its tests are skipped"; done
	@touch $@

test-models: venv ## the models of MODELS=DIR (HGQ 2: name.keras, name.npz) against their outputs
	@test -n "$(MODELS)" || { echo "make test-models MODELS=DIR"; exit 1; }
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m "slow or not slow" tests/compat/test_hgq2_models.py --models $(MODELS)

docs: $(VENV)/.docs-ready ## build the site in build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo build/site/index.html

$(VENV)/.docs-ready: $(VENV)/.ready requirements-docs.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	@touch $@

lint: venv ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv ## mypy, strict
	$(BIN)/mypy

bench: venv ## measure and rewrite the tables of docs/benchmarks.md
	$(BIN)/python -m benchmarks.foundation

bench-training: venv $(PEERS)/.ready ## training steps and calibration beside HGQ2
	$(BIN)/python -m benchmarks.training --peer $(PEERS)/bin/python

bench-pareto: venv $(PEERS)/.ready ## accuracy against EBOPs beside HGQ2, on MNIST=FILE.npz
	$(BIN)/python -m benchmarks.pareto --peer $(PEERS)/bin/python --mnist $(MNIST)

bench-resources: venv ## predicted against compiled LUTs of small networks
	$(BIN)/python -m benchmarks.resources

$(PEERS)/.ready: benchmarks/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench-lowering: venv ## time and memory of lowering and passes; MODELS=DIR adds HGQ 2 models
	$(BIN)/python -m benchmarks.lowering $(if $(MODELS),--models $(MODELS))

bench-peers: venv $(PEERS)/.ready ## LUT, FF and clock beside da4ml and alkaid; MODELS=DIR of HGQ 2 models
	@test -n "$(MODELS)" || { echo "make bench-peers MODELS=DIR"; exit 1; }
	$(BIN)/python -m benchmarks.peers --models $(MODELS) --peers $(PEERS)/bin

bench-calibration: venv ## the estimates of LUT, FF and delay against open tools
	$(BIN)/python -m benchmarks.calibration

bench-solver: venv ## our solver of constant matrices beside da4ml
	$(BIN)/python -m benchmarks.solver

bench-ablation: venv ## every pass off in turn; MODELS="a.keras b.keras" or random networks
	$(BIN)/python -m benchmarks.ablation $(MODELS)

bench-lookups: venv ## LUTs of random smooth tables with and without shared bits
	$(BIN)/python -m benchmarks.lookups

mutation: venv ## single faults in the hardware, noticed by each testbench or not
	$(BIN)/python -m tests.mutation.campaign

bench-emulator: venv $(PEERS)/.ready ## samples per second beside alkaid; MODELS=DIR of HGQ 2 models
	@test -n "$(MODELS)" || { echo "make bench-emulator MODELS=DIR"; exit 1; }
	$(BIN)/python -m benchmarks.emulator --models $(MODELS) --peers $(PEERS)/bin $(addprefix --only ,$(ONLY))

doctor: ## what is missing and how to get it
	@$(or $(wildcard $(BIN)/python),$(PYTHON),python3) hgq_rtl/doctor.py

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) $(PEERS) $(BACKENDS) build dist
