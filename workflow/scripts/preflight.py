"""Rule preflight: try what a study asks of its net, before anything is trained."""

from espalier.run.files import whole
from espalier.run.shim import job

with job(snakemake) as this:
    (preflight,) = this.functions("preflight.preflight")
    with whole(this.output[0]) as out:
        report = preflight(out, data=this.params.data, **this.params.asked)
    print(report)
