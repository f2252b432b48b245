# What the rules of sensitivity.smk look up: which nets' layers are pruned one at a time, and how.

from espalier.plan import sensitivity
from espalier.plan.grid import step_seed


def how_layers_are_pruned(wildcards):
    return sensitivity.how(STUDIES[job_of(wildcards).study])


def seed_of_sensitivity(wildcards):
    """Of scores by chance, and of the images that gradients are taken on."""
    job = job_of(wildcards)
    return step_seed(job.study, job.seed, 0, "sensitivity")


def code_of_sensitivity(wildcards):
    """What the job is covered by."""
    job = job_of(wildcards)
    uses = sensitivity.pruning(STUDIES[job.study], [])[1] | {use for use in job.uses if use[0] == "model"}
    modules = [f"espalier.{job.backend}.{module}" for module in ("runtime", "sensitivity")]
    return code_of_job(SCRIPTS / "measure_sensitivity.py", modules, uses)


def file_of_model(wildcards):
    return model_of(wildcards.node)


def origin_of_model(wildcards):
    return [origin_of(model_of(wildcards.node))]


def sensitivity_of_study(wildcards):
    """The files of a study's dense nets."""
    study = STUDIES[wildcards.study]
    nodes = [node for seed in study["seeds"] for node in sensitivity.roots(study, GRID.of(wildcards.study, seed))]
    return [f"<results>/models/{node}/sensitivity.json" for node in nodes]


def sensitivity_of_item(wildcards):
    """The tidy table, for the figure and the table that are made of it."""
    return f"<results>/records/{wildcards.study}/sensitivity.csv" if wildcards.item == "sensitivity" else []
