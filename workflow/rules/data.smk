# Data sets: each is prepared once for all studies that share it.


rule prepare_dataset:
    output:
        manifest="<results>/data/{dataset}/manifest.json",
        images="<results>/data/{dataset}/images.npy",
        labels="<results>/data/{dataset}/labels.npy",
        timing="<results>/data/{dataset}/timing.json",  # what a benchmark would say, which a cached rule cannot have
    log:
        "<results>/logs/data/{dataset}.log",
    cache: SHARED
    localrule: True  # it may download, and nodes of a cluster need no network
    conda:
        "../../envs/pytorch.yaml"
    threads: 1
    resources:
        **asks("data"),
    params:
        dataset=parameters_of_data,
        place=place_of_data,
        code=code_of_data,
        execution=execution_of_job,
    message:
        "preparing the data set {wildcards.dataset}"
    script:
        "../scripts/prepare_dataset.py"


rule fetch_weights:
    output:
        "<results>/weights/{weights}",  # empty, if they could not be had and the study does without
    log:
        "<results>/logs/weights/{weights}.log",
    wildcard_constraints:
        weights="[^/]+",
    localrule: True  # it may download, and nodes of a cluster need no network
    conda:
        environment_of_weights
    threads: 1
    resources:
        **asks("data"),
    params:
        backend=backend_of_weights,
        how=parameters_of_weights,
        contents=contents_of_weights,
        given=given_weights,
        place=place_of_weights,
        code=code_of_weights,
        execution=execution_of_job,
    message:
        "looking for the ImageNet weights {wildcards.weights}"
    script:
        "../scripts/fetch_weights.py"


rule read_weights:
    input:
        weights=own_weights,
        data=data_of_study,
    output:
        "<results>/weights/{study}/weights.{suffix}",
    log:
        "<results>/logs/weights/{study}.{suffix}.log",
    wildcard_constraints:
        suffix="|".join(backend.pretrained for backend in BACKENDS.values()),
    localrule: True  # it reads a file of the user's, as prepare_dataset does
    conda:
        environment_of_study
    threads: 1
    resources:
        **asks("data"),
    params:
        backend=backend_of_study,
        model=model_with_own_weights,
        data=folder_of_data,
        contents=contents_of_own_weights,
        code=code_of_own_weights,
        execution=execution_of_job,
    message:
        "reading the weights of the study {wildcards.study}"
    script:
        "../scripts/read_weights.py"
