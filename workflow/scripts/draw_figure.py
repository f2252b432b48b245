"""Rule draw_figure: one figure of a study."""

from pathlib import Path

from espalier.report import figures
from espalier.run.shim import job

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    figures.draw(this.wildcards.item, Path(this.input.results).parent, this.params.study, this.output.figure)
