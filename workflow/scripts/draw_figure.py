"""Rule draw_figure: one figure of a study."""

from espalier.run.warm_workers import run_in_worker

run_in_worker("report", snakemake.threads)

from pathlib import Path

from espalier.report import figures
from espalier.run.shim import job

with job(snakemake) as this:
    figures.draw(this.wildcards.item, Path(this.input.results).parent, this.params.study, this.output.figure)
