def code_of_latency(wildcards):
    """What a job that times nets is covered by."""
    backend, model = STUDIES[wildcards.study]["backend"], STUDIES[wildcards.study]["model"]["name"]
    modules = [f"espalier.{backend}.{module}" for module in ("runtime", "latency")]
    return code_of_job(SCRIPTS / "measure_latency.py", modules, [("model", model, backend)])


rule measure_latency:
    input:
        models=lambda wildcards: [model_of(node) for node in timed_nodes(wildcards)],
        data=lambda wildcards: f"{dataset_of(wildcards.study)}/manifest.json",
    output:
        record="<results>/records/{study}/seed{seed}/latency.json",
    log:
        "<results>/logs/{study}/seed{seed}/latency.log",
    conda:
        lambda wildcards: f"../../envs/{STUDIES[wildcards.study]['backend']}.yaml"
    threads: whole_machine  # so that nothing else runs beside it
    resources:
        mem_mb=lambda wildcards, attempt: STUDIES[wildcards.study]["memory_mb"] * attempt,
    params:
        baselines=timed_nodes,
        backend=lambda wildcards: STUDIES[wildcards.study]["backend"],
        data=lambda wildcards, input: str(Path(input.data).parent),
        threads=lambda wildcards: STUDIES[wildcards.study]["latency"]["threads"],
        how=lambda wildcards: {
            key: STUDIES[wildcards.study]["latency"][key] for key in ("batch_sizes", "threads", "warmup", "repeats")
        },
        code=code_of_latency,
    message:
        "timing the nets of {wildcards.study}, seed {wildcards.seed}, side by side"
    script:
        "../scripts/measure_latency.py"
