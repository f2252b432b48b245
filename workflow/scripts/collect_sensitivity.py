"""Rule collect_sensitivity: what was measured of the layers of a study's dense nets, as a tidy table."""

from espalier.run.warm_workers import run_in_worker

run_in_worker("report", snakemake.threads)

from espalier.analysis import tidy
from espalier.run.shim import job

with job(snakemake) as this:
    tidy.collect_sensitivity(this.input.records, this.output.table)
