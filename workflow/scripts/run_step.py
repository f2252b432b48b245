"""The rules of steps: call the function of the backend that the kind of step names, then measure what it wrote."""

from espalier.run import records
from espalier.run.files import whole
from espalier.run.shim import job
from espalier.training.recipe import Keeping

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    files = {name: this.input[name] for name in ("parent", "dense") if this.input.get(name)}
    read = records.of_files_read(files, this.input.get("records", ()), this.params.data)
    keeping = Keeping(this.checkpoint, this.output.get("tensorboard"), this.params.label)
    run, measure = this.functions(this.params.runs["function"], this.params.runs["measure"])
    with this.timed("work"), whole(this.output.model) as model:
        done = run(model, data=this.params.data, **files, keeping=keeping, **this.params.step)
    with this.timed("evaluate"):
        beside = {name: files[name] for name in this.params.runs["measured_with"]}
        measured = measure(this.output.model, this.params.data, **beside)
    this.record(done, measured, files=read)
    this.forget_checkpoint()
