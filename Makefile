# Two commands do everything; each makes the environment first, if it is not there yet.
#
#   make run     run config.yaml, then write results/report.html
#   make test    run all tests
#
# They are short for the commands below, which work by themselves once the environment is active:
#   source .venv/bin/activate

PYTHON ?= python3
CORES ?= all

.PHONY: run test format docs site lock

run: .venv/ready
	@.venv/bin/snakemake --profile profiles/local --cores $(CORES)
	@.venv/bin/snakemake --report results/report.html
	@echo "All tables and figures: $(CURDIR)/results/report.html"

test: .venv/ready
	.venv/bin/pytest

format: .venv/ready
	.venv/bin/ruff format . && .venv/bin/ruff check --fix . && .venv/bin/snakefmt Snakefile workflow

.venv/ready: envs/requirements.lock
	@echo "Making the environment in .venv: a few minutes, 8 GB"
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement envs/requirements.lock
	@touch $@

lock:  # after an edit of envs/requirements.txt; needs uv and the package index
	$(PYTHON) envs/lock.py

site: .venv-docs/ready  # the documentation as a site, in site/
	@.venv-docs/bin/python docs/make_site.py .site
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict
	@echo "The documentation: $(CURDIR)/site/index.html"

.venv-docs/ready: envs/docs.txt
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/pip install --quiet --disable-pip-version-check --requirement envs/docs.txt
	@touch $@

docs: .venv/ready  # the generated parts of the documentation
	PYTHONPATH=workflow/scripts .venv/bin/python -m espalier.plan.page
	PYTHONPATH=workflow/scripts .venv/bin/python -m espalier.run.record_schema
	PYTHONPATH=workflow/scripts .venv/bin/python -m espalier.run.listing
