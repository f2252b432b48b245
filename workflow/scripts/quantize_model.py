"""Rule quantize_model: export a net to the runtime it is deployed with, quantized by a scheme, and measure it there."""

from espalier.run.files import whole
from espalier.run.shim import job

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    quantize = this.backend("quantize")
    trains = {"checkpoint": this.checkpoint, "label": this.params.label} if "recipe" in this.params.step else {}
    with this.timed("work"), whole(this.output.model) as model:
        quantized = quantize.quantize_model(
            model, parent=this.input.parent, data=this.params.data, **this.params.step, **trains
        )
    with this.timed("evaluate"):
        measured = quantize.measure_model(this.output.model, this.params.data, this.input.parent)
    this.record(quantized, measured)
    this.forget_checkpoint()
