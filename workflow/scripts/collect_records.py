"""Rules collect_records, collect_run: the records of a study, or of the run, as tidy tables."""

from espalier.run.warm_workers import run_in_worker

run_in_worker("report", snakemake.threads)

from pathlib import Path

from espalier.analysis import tidy
from espalier.run.shim import job

with job(snakemake) as this:
    tidy.collect(
        this.input.records,
        this.input.latency,
        Path(this.output.results).parent,
        predictions=this.input.predictions,
        manifests=this.input.manifests,
    )
