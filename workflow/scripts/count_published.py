"""Rule count_published: the published nets of the run's studies, built at their published width and counted."""

from espalier.run.warm_workers import run_in_worker

run_in_worker(snakemake.params.backend, snakemake.params.execution["threads"], snakemake.threads)

from espalier.run.integrity import write_sealed
from espalier.run.shim import job

with job(snakemake) as this:
    (count,) = this.functions("published_counts.count")
    write_sealed(this.output[0], {"rows": [row for study in this.params.studies for row in count(study)]})
