rule prune_model:
    input:
        parent=parent_of_node,
        dense=dense_of_node,
        data=data_of_node,
    output:
        model="<results>/models/{node}/model.safetensors",
        record="<results>/models/{node}/record.json",
    log:
        "<results>/logs/{node}.log",
    wildcard_constraints:
        node=nodes("prune", "pytorch"),
    conda:
        "../../envs/pytorch.yaml"
    threads: threads_of_node
    resources:
        mem_mb=memory_of_node,
        device=device_of_node,
        gpu_jobs=gpu_jobs_of_node,
    params:
        step=lambda wildcards: job_of(wildcards).params,
        columns=lambda wildcards: job_of(wildcards).columns,
        label=lambda wildcards: job_of(wildcards).label,
        backend=lambda wildcards: job_of(wildcards).backend,
        data=folder_of_data,
        code=code_of("prune_model", "prune", "profile"),
    message:
        "pruning {params.label}"
    script:
        "../scripts/prune_model.py"


use rule prune_model as prune_keras_model with:
    output:
        model="<results>/models/{node}/model.keras",
        record="<results>/models/{node}/record.json",
    wildcard_constraints:
        node=nodes("prune", "keras"),
    conda:
        "../../envs/keras.yaml"
