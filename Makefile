# Needs root, python3 (3.11 or newer) and make; sets up the rest by itself. `make help` lists everything.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
AGENCIES ?= agencies.yaml
PHONES ?= all
ONCE ?=
CALLS ?= 1000000
SEED ?= 1
bench-records: CALLS = 100000
RATE ?= 20
MINUTES ?= 5
INPUTS ?= 100000

.PHONY: help setup demo test lint bench bench-records sample simulate storm matrix fuzz up down status constraints clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: ## Install what demo, tests and benchmark need (again: only what is missing)
	@python3 -m lab.setup

demo: setup ## Play the 112 stories on a whole exchange (ONCE=1: and stop)
	@$(PYTHON) -m lab demo $(if $(filter-out 0,$(ONCE)),--once)

test: setup lint ## Run all tests, with a real Asterisk, Postgres and SIP phones
	@# Real time on a shared machine: a story that a neighbour upset is told once more, alone. Twice wrong is wrong.
	@export ASTERISK_ROOT="$$($(PYTHON) -m lab.root)"; \
	  $(PYTHON) -m pytest -q || { [ $$? -eq 1 ] && $(PYTHON) -m pytest -q --last-failed; }

lint: setup ## Check style and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

bench: setup ## Measure pbx112 beside Dial() and app_queue
	@$(PYTHON) -m bench

bench-records: setup ## Load years of records, ask, and weigh them (CALLS=100000; 10000000 takes hours and 150 GB)
	@$(PYTHON) -m bench.archive --calls "$(CALLS)"

simulate: setup ## Hold the laws against calls in virtual time (CALLS=1000000; SEED=N: from world N on)
	@$(PYTHON) -m pbx112.simulate --calls $(CALLS) --seed $(SEED)

storm: setup ## Break everything while calls come in (SEED= RATE= MINUTES=); nothing may be lost
	@$(PYTHON) -m lab storm --rate "$(RATE)" --minutes "$(MINUTES)" --seed "$(SEED)"

matrix: setup ## The core stories on each supported Asterisk, Postgres and Python (about 20 minutes)
	@$(PYTHON) -m lab matrix

fuzz: setup ## Hostile input for every reader (INPUTS= SEED=)
	@$(PYTHON) -m lab.fuzz --inputs "$(INPUTS)" --seed "$(SEED)"

sample: setup ## A Postgres with three months of a small office, for docs/auditor.md (Ctrl-C ends it)
	@$(PYTHON) -m lab.traffic sample

up: setup ## Leave an exchange running (PHONES=none: no phones; AGENCIES=FILE: another plan)
	@$(PYTHON) -m lab up --agencies "$(AGENCIES)" $(if $(filter none,$(PHONES)),--no-phones,--phones)

down: ## End it
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m lab down; fi

status: ## Say whether it runs
	@$(PYTHON) -m lab status

constraints: ## Pin anew, with hashes, what pyproject.toml asks for (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links --all-extras pyproject.toml --output-file constraints.txt

clean: down ## Remove what was made here (not the Asterisk that all checkouts share)
	@rm -rf .lab .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
