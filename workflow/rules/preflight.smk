# Before the first training of a study whose net is not the library's own: whether the net can be built, pruned, saved, exported
# and quantized as the study asks. It takes seconds. Its report is an input of trainings that makes none of them run again.


def own_net(study):
    """Whether the net of a study is the user's own, or of another library."""
    entry = registry.get(registry.Model, study["model"]["name"], study["backend"])
    return bool(entry.plugin) or ":" in entry.name or "/" in entry.name


def preflight_of_node(wildcards):
    """The report that a training waits for, if there is one."""
    study = job_of(wildcards).study
    tried = STUDIES[study]["backend"] == "pytorch" and own_net(STUDIES[study])
    return ancient(f"<results>/preflight/{study}.json") if tried else []


def asked_of_net(wildcards):
    """What a study asks of its net: each prune type by the first step that has it, and each scheme."""
    jobs, prunings, schemes = GRID.of(wildcards.study), {}, []
    for job in jobs:
        params = {key: value for key, value in job.params.items() if key != "seed"}
        if job.step == "prune":
            prunings.setdefault(params["prune_type"], params)
        if job.step == "quantize" and params["scheme"] not in schemes:
            schemes.append(params["scheme"])
    model = sorted_keys(STUDIES[wildcards.study]["model"])
    return {"model": model, "prunings": list(prunings.values()), "schemes": schemes}


def code_of_preflight(wildcards):
    """What a preflight is covered by."""
    kinds = ("model", "prune_type", "score", "scheme")
    uses = [use for job in GRID.of(wildcards.study) for use in job.uses if use[0] in kinds]
    modules = ["espalier.pytorch.runtime", "espalier.pytorch.preflight"]
    return code_of_job(SCRIPTS / "preflight.py", modules, uses)


rule preflight:
    input:
        data=data_of_study,
    output:
        "<results>/preflight/{study}.json",
    log:
        "<results>/logs/preflight/{study}.log",
    conda:
        "../../envs/pytorch.yaml"
    threads: 1
    resources:
        **asks("measure"),
    params:
        backend="pytorch",
        data=folder_of_data,
        asked=asked_of_net,
        code=code_of_preflight,
        library=library_as_planned,
    message:
        "trying what {wildcards.study} asks of its net"
    script:
        "../scripts/preflight.py"
