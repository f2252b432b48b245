# Quantization is the last step of a chain: an ONNX file of a PyTorch net, a TFLite file of a Keras net. It has no device:
# the runtimes compute on the CPU, and so does quantization-aware training, whose gradients TensorFlow has no deterministic
# GPU kernels for (FakeQuantWithMinMaxVarsGradient).


rule quantize_model:
    input:
        parent=parent_of_node,
        data=data_of_node,
    output:
        model="<results>/models/{node}/model.onnx",
        record="<results>/models/{node}/record.json",
    log:
        "<results>/logs/{node}.log",
    wildcard_constraints:
        node=nodes("quantize", "pytorch"),
    conda:
        "../../envs/pytorch.yaml"
    threads: threads_of_node
    resources:
        mem_mb=memory_of_node,
    params:
        step=lambda wildcards: job_of(wildcards).params,
        columns=lambda wildcards: job_of(wildcards).columns,
        label=lambda wildcards: job_of(wildcards).label,
        backend=lambda wildcards: job_of(wildcards).backend,
        data=folder_of_data,
        code=code_of("quantize_model", "quantize"),
    message:
        "quantizing {params.label}"
    script:
        "../scripts/quantize_model.py"


use rule quantize_model as quantize_keras_model with:
    output:
        model="<results>/models/{node}/model.tflite",
        record="<results>/models/{node}/record.json",
    wildcard_constraints:
        node=nodes("quantize", "keras"),
    conda:
        "../../envs/keras.yaml"
