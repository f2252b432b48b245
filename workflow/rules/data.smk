# Data sets: each is prepared once for all studies that share it.


rule prepare_dataset:
    input:
        sources_of_data,
    output:
        manifest="<results>/data/{dataset}/manifest.json",
        images="<results>/data/{dataset}/images.npy",
        labels="<results>/data/{dataset}/labels.npy",
        timing="<results>/data/{dataset}/timing.json",  # what a benchmark would say, which a cached rule cannot have
    log:
        "<results>/logs/data/{dataset}.log",
    cache: True
    localrule: True  # it may download, and nodes of a cluster need no network
    conda:
        "../../envs/pytorch.yaml"
    threads: 1
    resources:
        **asks("data"),
    params:
        dataset=parameters_of_data,
        code=code_of_data,
        library=library_as_planned,
    message:
        "preparing the data set {wildcards.dataset}"
    script:
        "../scripts/prepare_dataset.py"
