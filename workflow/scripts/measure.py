"""Rule measure: measure a net on its file; write its record, and what it predicts."""

from espalier.run.warm_workers import run_in_worker

if snakemake.params.execution["device"] == "cpu":
    run_in_worker(snakemake.params.backend, snakemake.params.execution["threads"], snakemake.threads)

from espalier.run import handover, predictions, records
from espalier.run.integrity import sha256
from espalier.run.shim import job

with job(snakemake) as this:
    beside = {name: this.input[name] for name in this.params.measuring["measured_with"]}
    records.of_files_read({"model": this.input.model} | beside, this.input.origins, this.params.data)
    origin = records.read(this.input.origins[0])
    taken = handover.take(this.handover, handover.key(this.code, origin["files"]))
    if taken:
        measured, timing = taken
    else:
        (measure,) = this.functions(this.params.measuring["function"])
        with this.timed("evaluate"):
            measured, timing = measure(this.input.model, this.params.data, **beside), {}
    predicted = measured.pop("predictions")
    predictions.write(this.output.predictions, predicted)
    measured["measured"]["chance_top1"] = predicted["test"].chance
    records.write(
        this.output.record,
        this.params.columns,
        records.merged(origin["details"], measured),
        timing=records.added(origin["timing"], timing, this.timing()),
        software=origin["software"],
        files=origin["files"] | {"predictions_sha256": sha256(this.output.predictions)},
    )
    handover.forget(this.handover)
