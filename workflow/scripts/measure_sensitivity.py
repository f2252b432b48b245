"""Rule measure_sensitivity: what each layer of a dense net alone costs by being pruned, without training."""

from espalier.run.warm_workers import run_in_worker

if snakemake.params.execution["device"] == "cpu":
    run_in_worker(snakemake.params.backend, snakemake.params.execution["threads"], snakemake.threads)

from espalier.run import records
from espalier.run.integrity import write_sealed
from espalier.run.shim import job

with job(snakemake) as this:
    records.of_files_read({"model": this.input.model}, this.input.origins, this.params.data)
    (scan,) = this.functions("sensitivity.scan")
    with this.timed("work"):
        found = scan(this.input.model, this.params.data, **this.params.how, seed=this.params.seed)
    node, how = this.wildcards.node, this.params.how
    place = {"node": node, "prune_type": how["prune_type"], "method": how["method"]}
    record = {"node": node, "rows": [place | row for row in found["rows"]], "timing": this.timing()}
    write_sealed(this.output.record, {**record, "software": this.software})
