"""Rules make_table, make_run_table, make_runtime_table: one table of a study, or of the whole run."""

from pathlib import Path

from espalier.report import tables
from espalier.run.shim import job

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    tables.write(
        this.params.item,
        Path(this.input.results).parent,
        this.params.studies,
        this.params.study,
        csv=this.output.csv,
        html=this.output.html,
        **{rule: this.input[rule] for rule in this.params.get("rules", ())},
    )
