"""The rules of steps: call the function of the backend that the kind of step names, then measure what it wrote."""

from espalier.run.files import whole
from espalier.run.shim import job

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    files = {name: this.input[name] for name in ("parent", "dense") if this.input.get(name)}
    given = files | this.params.step
    if "recipe" in this.params.step:  # it trains
        given |= {"checkpoint": this.checkpoint, "label": this.params.label}
    if this.output.get("tensorboard"):
        given["tensorboard"] = this.output.tensorboard
    run, measure = this.functions(this.params.runs["function"], this.params.runs["measure"])
    with this.timed("work"), whole(this.output.model) as model:
        done = run(model, data=this.params.data, **given)
    with this.timed("evaluate"):
        beside = {name: files[name] for name in this.params.runs["measured_with"]}
        measured = measure(this.output.model, this.params.data, **beside)
    this.record(done, measured)
    this.forget_checkpoint()
