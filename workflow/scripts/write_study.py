"""Rule write_study: a study as one page of questions, answers and figures."""

from espalier.run.warm_workers import run_in_worker

run_in_worker("report", snakemake.threads)

from pathlib import Path

from espalier.report import study_page
from espalier.run.shim import job

with job(snakemake) as this:
    figures = [Path(figure) for figure in this.input.get("figures", ())]
    shown = study_page.Shown(figures, this.params.figures, this.params.tables)
    study_page.write(Path(this.input.results).parent, this.params.study, shown, this.output[0])
