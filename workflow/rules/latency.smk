# Prediction times: all nets of a study and seed that are timed, one after the other in one job, alone on the machine.


rule measure_latency:
    input:
        models=timed_models,
        origins=origins_of_timed_models,
        data=data_of_study,
    output:
        record="<results>/records/{study}/seed{seed}/latency.json",
    log:
        "<results>/logs/{study}/seed{seed}/latency.log",
    conda:
        environment_of_study
    threads: cores_of_latency
    resources:
        **asks("latency"),
        slurm_extra=whole_node,
    params:
        baselines=timed_nodes,
        backend=backend_of_study,
        data=folder_of_data,
        threads=threads_of_calls,
        how=how_nets_are_timed,
        code=code_of_latency,
        execution=execution_of_job,
    message:
        "timing the nets of {wildcards.study}, seed {wildcards.seed}, side by side"
    script:
        "../scripts/measure_latency.py"


include: "sensitivity.smk"
