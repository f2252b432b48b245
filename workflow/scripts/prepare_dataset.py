"""Rule prepare_dataset: make a data set's arrays and manifest."""

from pathlib import Path

from espalier.datasets import prepare as data
from espalier.run.integrity import write_sealed
from espalier.run.shim import job

with job(snakemake) as this:
    how = data.Preparation(**this.params.dataset["how"], data_root=this.params.place)
    data.prepare(Path(this.output.manifest).parent, how)
    write_sealed(this.output.timing, this.timing())
