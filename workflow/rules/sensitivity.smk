# Sensitivity: of each dense net of a study that asks for it, what each of its layers alone costs by being pruned. One job for
# each dense net, without training.


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
