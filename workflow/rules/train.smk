# Training from new weights, under a penalty, after pruning, or anew with what is left of a net: one script, one recipe. The
# Keras rules differ in the model's file and write TensorBoard logs too.


rule train_model:
    input:
        data=data_of_node,
    output:
        model="<results>/models/{node}/model.safetensors",
        record="<results>/models/{node}/record.json",
    log:
        "<results>/logs/{node}.log",
    wildcard_constraints:
        node=nodes("train", "pytorch"),
    cache: True
    conda:
        "../../envs/pytorch.yaml"
    threads: threads_of_node
    resources:
        mem_mb=memory_of_node,
        device=device_of_node,  # not among the params: like threads, another one is no reason to train anew
        gpu_jobs=gpu_jobs_of_node,
    params:
        step=lambda wildcards: job_of(wildcards).params,
        columns=lambda wildcards: job_of(wildcards).columns,
        label=lambda wildcards: job_of(wildcards).label,
        backend=lambda wildcards: job_of(wildcards).backend,
        data=folder_of_data,
        code=code_of("train_model", "train", "profile"),
    message:
        "training {params.label}"
    script:
        "../scripts/train_model.py"


use rule train_model as train_keras_model with:
    output:
        model="<results>/models/{node}/model.keras",
        record="<results>/models/{node}/record.json",
        tensorboard=directory("<results>/logs/tensorboard/{node}/events"),
    wildcard_constraints:
        node=nodes("train", "keras"),
    cache: False
    conda:
        "../../envs/keras.yaml"


use rule train_model as regularize_model with:
    input:
        parent=parent_of_node,
        data=data_of_node,
    wildcard_constraints:
        node=nodes("regularize", "pytorch"),
    cache: False
    message:
        "training further with a penalty: {params.label}"


use rule regularize_model as finetune_model with:
    wildcard_constraints:
        node=nodes("finetune", "pytorch"),
    message:
        "fine-tuning {params.label}"


use rule regularize_model as scratch_model with:
    input:
        parent=parent_of_node,
        dense=dense_of_node,
        data=data_of_node,
    wildcard_constraints:
        node=nodes("scratch", "pytorch"),
    message:
        "training anew what is left of {params.label}"


use rule train_keras_model as finetune_keras_model with:
    input:
        parent=parent_of_node,
        data=data_of_node,
    wildcard_constraints:
        node=nodes("finetune", "keras"),
    message:
        "fine-tuning {params.label}"


use rule train_keras_model as scratch_keras_model with:
    input:
        parent=parent_of_node,
        dense=dense_of_node,
        data=data_of_node,
    wildcard_constraints:
        node=nodes("scratch", "keras"),
    message:
        "training anew what is left of {params.label}"
