rule prepare_dataset:
    message:
        "preparing the data set {wildcards.dataset}"
    output:
        manifest="<results>/data/{dataset}/manifest.json",
        images="<results>/data/{dataset}/images.npy",
        labels="<results>/data/{dataset}/labels.npy",
    log:
        "<results>/logs/data/{dataset}.log",
    params:
        dataset=lambda wildcards: GRID.datasets()[wildcards.dataset],
        code=lambda wildcards: code_version(
            SCRIPTS / "prepare_dataset.py",
            uses=[("dataset", GRID.datasets()[wildcards.dataset]["name"], registry.ANY)],
        ),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/pytorch.yaml"
    cache: True
    script:
        "../scripts/prepare_dataset.py"
