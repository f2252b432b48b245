"""The rules of steps: call the function of the backend that the kind of step names.

What only this job knows of the net is written next to it. While the framework is loaded, the job measures the net too,
for the rule `measure` to take over.
"""

from espalier.run.warm_workers import run_in_worker

if snakemake.params.execution["device"] == "cpu":
    run_in_worker(snakemake.params.backend, snakemake.params.execution["threads"], snakemake.threads)

import traceback

from espalier.run import handover, records
from espalier.run.files import whole
from espalier.run.integrity import sha256
from espalier.run.shim import job
from espalier.training.recipe import Keeping

with job(snakemake) as this:
    nets = {name: this.input[name] for name in ("parent", "dense") if this.input.get(name)}
    files = records.of_files_read(nets, this.input.get("origins", ()), this.params.data)
    step = this.params.step
    if this.input.get("pretrained"):
        step = step | {"model": step["model"] | {"pretrained": this.input.pretrained}}
    keeping = Keeping(this.checkpoint, this.tensorboard, this.params.label)
    measuring = this.execution["measuring"]
    run, measure = this.functions(this.params.runs, measuring["function"])
    this.preflight()
    with this.timed("work"), whole(this.output.model) as model:
        done = run(model, data=this.params.data, **nets, keeping=keeping, **step)
    files = {"model_sha256": sha256(this.output.model), **files}
    records.write_origin(this.output.origin, this.wildcards.node, done, this.timing(), this.software, files)
    this.forget_checkpoint()
    try:
        with this.timed("evaluate"):
            measured = measure(
                this.output.model, this.params.data, **{name: nets[name] for name in measuring["measured_with"]}
            )
        handover.leave(this.handover, handover.key(measuring["code"], files), measured, this.seconds["evaluate"])
    except Exception:  # the net is there all the same; the job that measures it meets the same error, and reports it
        traceback.print_exc()
