# The steps of chains: for each kind of step (espalier.plan.steps) one rule. It runs the backend's function that the kind of
# step names, and writes the net with what only its job knows. Then every net is measured, by a rule of its own: after an
# edit of what counts and evaluates nets is measured again, and nothing is trained.

for step in STEPS.values():

    rule:
        name:
            step.kind
        input:
            **inputs_of(step),
        output:
            model="<results>/models/{node}/model.{format}",
            origin="<results>/models/{node}/model.{format}.json",
        log:
            "<results>/logs/{node}.{format}.log",
        wildcard_constraints:
            node=nodes_of(step.kind),
            format=formats_of(step),
        cache: SHARED
        group:
            group_of_node
        conda:
            environment_of_node
        threads: threads_of_node
        resources:
            **asks(step.kind),
            gpu=gpu_of_node,
        params:
            step=parameters_of_node,
            label=label_of_node,
            backend=backend_of_node,
            data=folder_of_data,
            runs=function_of_node,
            code=code_of_node,
            execution=execution_of_step,
        message:
            step.message
        script:
            "../scripts/run_step.py"


rule measure:
    input:
        unpack(inputs_of_measuring),
    output:
        record="<results>/models/{node}/record.json",
        predictions="<results>/models/{node}/predictions.npz",
    log:
        "<results>/logs/{node}.measured.log",
    wildcard_constraints:
        node=nodes_of(*STEPS),
    cache: SHARED
    group:
        group_of_node
    conda:
        environment_of_node
    threads: threads_of_node
    resources:
        **asks("measure"),
        gpu=gpu_of_node,
    params:
        columns=columns_of_node,
        label=label_of_node,
        backend=backend_of_node,
        data=folder_of_data,
        measuring=measuring_of_node,
        code=code_of_measuring,
        execution=execution_of_measuring,
    message:
        "measuring {params.label}"
    script:
        "../scripts/measure.py"
