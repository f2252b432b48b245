"""Rule measure_latency: time the nets of a study side by side, in a process that shares no memory with another job."""

import os
from pathlib import Path

from espalier.run import records
from espalier.run.integrity import write_sealed
from espalier.run.shim import job
from espalier.training import timing as latency

with job(snakemake) as this:
    load = os.getloadavg()[0]
    for model, origin in zip(this.input.models, this.input.origins, strict=True):
        records.check_net(model, origin)
    predictors = this.module("latency")
    if any(Path(model).suffix == predictors.FRAMEWORK for model in this.input.models):
        this.backend()  # the runtimes of quantized nets come seconds sooner without it
    with this.timed("work"):
        nets = dict(zip(this.params.baselines, this.input.models, strict=True))
        how = {"operators": predictors.operators, **this.params.how}
        rows = latency.measure(nets, predictors.predictor, this.params.data, this.params.baselines, **how)
    place = {"study": this.wildcards.study, "seed": int(this.wildcards.seed), "cores": this.cores, "load": load}
    write_sealed(
        this.output.record, {"rows": [place | row for row in rows], "timing": this.timing(), "software": this.software}
    )
