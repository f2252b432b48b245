"""Rule write_overview: what ran and what came out, for the report's first page."""

from espalier.run.warm_workers import run_in_worker

run_in_worker("report", snakemake.threads)

from pathlib import Path

from espalier.report.overview import write_overview
from espalier.run.shim import job

with job(snakemake) as this:
    unfinished = this.params.get("unfinished", ())
    write_overview(Path(this.input.results).parent, this.params.studies, this.output[0], unfinished)
