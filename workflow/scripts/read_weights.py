"""Rule read_weights: the weights of a file of the user's own, under the names that the net has."""

from espalier.run.files import whole
from espalier.run.shim import job

with job(snakemake) as this:
    (read,) = this.functions("pretrained.read_weights")
    with whole(this.output[0]) as out:
        read(out, given=this.input.weights, model=this.params.model, data=this.params.data)
