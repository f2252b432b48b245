"""Rule write_choose: the page that a net is chosen on, and its numbers."""

from espalier.run.warm_workers import run_in_worker

run_in_worker("report", snakemake.threads)

from pathlib import Path

from espalier.report.choose import page
from espalier.report.choose.data import Origin
from espalier.run.shim import job

with job(snakemake) as this:
    params = this.params
    origin = Origin(
        chains=params.chains,
        command=params.command,
        folder=params.folder,
        config=params.beside,
        given=params.given,
    )
    files = {"html": this.output.html, "numbers": this.output.numbers}
    page.write(Path(this.input.results).parent, params.studies, origin, **files)
