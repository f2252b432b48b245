# Sensitivity: of each dense net of a study that asks for it, what each of its layers alone costs by being pruned. One job for
# each dense net, without training.

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


rule measure_sensitivity:
    input:
        model=file_of_model,
        origins=origin_of_model,
        data=data_of_study,
    output:
        record="<results>/models/{node}/sensitivity.json",
    log:
        "<results>/logs/{node}.sensitivity.log",
    wildcard_constraints:
        node=nodes_of("train", "given"),
    conda:
        environment_of_node
    threads: threads_of_node
    resources:
        **asks("measure"),
        gpu=gpu_of_node,
    params:
        how=how_layers_are_pruned,
        seed=seed_of_sensitivity,
        backend=backend_of_node,
        data=folder_of_data,
        code=code_of_sensitivity,
        execution=execution_of_measuring,
    message:
        "pruning the layers of {wildcards.node} one at a time"
    script:
        "../scripts/measure_sensitivity.py"


rule collect_sensitivity:
    input:
        records=sensitivity_of_study,
    output:
        table="<results>/records/{study}/sensitivity.csv",
    log:
        "<results>/logs/records/{study}.sensitivity.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        **asks("report"),
    params:
        code=code_of_job(SCRIPTS / "collect_sensitivity.py"),
        execution=execution_of_job,
    message:
        "collecting the sensitivity of the layers of {wildcards.study}"
    script:
        "../scripts/collect_sensitivity.py"
