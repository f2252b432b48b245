"""Rule measure_latency: time the nets of a study side by side."""

from espalier import latency
from espalier.files import write_json
from espalier.job import job

with job(snakemake) as this:  # noqa: F821 (given by Snakemake)
    predictors = this.module("latency")
    with this.timed("work"):
        nets = dict(zip(this.params.baselines, this.input.models, strict=True))
        rows = latency.measure(nets, predictors.predictor, this.params.data, this.params.baselines, **this.params.how)
    place = {"study": this.wildcards.study, "seed": int(this.wildcards.seed)}
    write_json(
        this.output.record, {"rows": [place | row for row in rows], "timing": this.timing(), "software": this.software}
    )
