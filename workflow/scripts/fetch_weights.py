"""Rule fetch_weights: ImageNet weights, from a file of the user's or from the network."""

from espalier.run.files import whole
from espalier.run.shim import job

with job(snakemake) as this:
    given = this.params.given or None
    print(f"weights from {given}" if given else f"no file of these weights in {this.params.place}: fetching them")
    (fetch,) = this.functions("pretrained.fetch_weights")
    with whole(this.output[0]) as out:
        fetch(out, given=given, **this.params.how)
