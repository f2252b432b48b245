"""Rules make_table, make_run_table, make_runtime_table: one table of a study, or of the whole run."""

from espalier.run.warm_workers import run_in_worker

run_in_worker("report", snakemake.threads)

from pathlib import Path

from espalier.report import tables
from espalier.run.shim import job

with job(snakemake) as this:
    tables.write(
        this.params.item,
        Path(this.input.results).parent,
        this.params.studies,
        this.params.study,
        csv=this.output.csv,
        html=this.output.html,
        **{rule: this.input[rule] for rule in this.params.get("rules", ())},
    )
