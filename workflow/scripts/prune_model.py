"""Rule prune_model: prune a net, at once or while it trains further, and measure what is left of it."""

from espalier.run.files import whole
from espalier.run.shim import job

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    prune, profile = this.backend("prune", "profile")
    trains = {"checkpoint": this.checkpoint, "label": this.params.label} if "recipe" in this.params.step else {}
    with this.timed("work"), whole(this.output.model) as model:
        pruned = prune.prune_model(
            model,
            parent=this.input.parent,
            dense=this.input.dense,
            data=this.params.data,
            **this.params.step,
            **trains,
        )
    with this.timed("evaluate"):
        measured = profile.measure_model(this.output.model, this.params.data)
    this.record(pruned, measured)
    this.forget_checkpoint()
