# Two commands do everything; each makes the environment first, if it is not there yet.
#
#   make run     run config.yaml, then write results/report.html
#   make test    run all tests
#
# They are short for the commands below, which work by themselves once the environment is active:
#   source .venv/bin/activate

PYTHON ?= python3
CORES ?= all

.PHONY: run test format docs lock

run: .venv/ready
	.venv/bin/snakemake --profile profiles/local --cores $(CORES)
	.venv/bin/snakemake --report results/report.html
	@echo "The report is in $(CURDIR)/results/report.html"

test: .venv/ready
	.venv/bin/pytest

format: .venv/ready
	.venv/bin/ruff format . && .venv/bin/ruff check --fix . && .venv/bin/snakefmt Snakefile workflow

.venv/ready: envs/requirements.lock
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --require-hashes --requirement envs/requirements.lock
	touch $@

lock:  # after an edit of envs/requirements.txt; needs uv and the package index
	$(PYTHON) envs/lock.py

docs: .venv/ready
	PYTHONPATH=workflow/scripts .venv/bin/python -m espalier.plan.page
	PYTHONPATH=workflow/scripts .venv/bin/python -m espalier.run.record_schema
	PYTHONPATH=workflow/scripts .venv/bin/python -m espalier.run.listing
