# Before the first training of a study whose net is not the library's own: whether the net can be built, pruned, saved, exported
# and quantized as the study asks, which takes seconds. The job that trains finds out first. A rule of its own would have to be
# upstream of it by `ancient`, and where an upstream job is to run again, Snakemake does not look for changes downstream of it.

from espalier.imports import is_imported
from espalier.plan import amounts


def own_net(study):
    """Whether the net of a study is the user's own, or of another library."""
    entry = registry.get(registry.Model, study["model"]["name"], study["backend"])
    return bool(entry.plugin) or is_imported(entry.name)


def preflight_of_job(job):
    """What the job that a chain begins with tries first; None for others, and for the library's own nets."""
    study = STUDIES[job.study]
    if job.parent or job.backend != "pytorch" or not own_net(study):
        return None
    return {
        "out": f"{RESULTS}/preflight/{job.study}.json",
        "asked": asked_of_net(study),
        "code": code_of_preflight(study),
    }


def asked_of_net(study):
    """What a study asks of its net: each prune type by the first step that has it, what is to be left by the step that asks
    the most, and each scheme."""
    prunings, schemes = [], []
    for job in GRID.of(study["name"]):
        params = {key: value for key, value in job.params.items() if key != "seed"}
        if job.step == "prune":
            prunings.append(params)
        if job.step == "quantize" and params["scheme"] not in schemes:
            schemes.append(params["scheme"])
    return {"model": sorted_keys(study["model"]), "prunings": amounts.to_try(prunings), "schemes": schemes}


def code_of_preflight(study):
    """What a preflight is covered by."""
    kinds = ("model", "prune_type", "score", "scheme")
    uses = [use for job in GRID.of(study["name"]) for use in job.uses if use[0] in kinds]
    return code_of_job(SCRIPTS / "run_step.py", ["espalier.pytorch.preflight"], uses)
