"""Rule write_pages: the run as Markdown pages with their figures and tables."""

from espalier.run.warm_workers import run_in_worker

run_in_worker("report", snakemake.threads)

import subprocess
from pathlib import Path

from espalier.report.pages import Origin, write_pages
from espalier.run.shim import job


def revision() -> str:
    """The commit of the code, where it is in a git repository; "+" where something was changed since."""
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


with job(snakemake) as this:
    origin = Origin(
        config=this.params.config,
        command=this.params.command,
        manifests=this.input.manifests,
        revision=revision(),
        unfinished=this.params.get("unfinished", ()),
    )
    write_pages(Path(this.input.results).parent, this.params.studies, this.output.pages, this.input.shown, origin)
