# The steps of chains: for each kind of step (espalier.plan.steps) one rule in each backend, since a rule's outputs cannot
# depend on its wildcards. All run the same script, which calls the backend's function that the kind of step names.


def parent_of_node(wildcards):
    return model_of(job_of(wildcards).parent)


def dense_of_node(wildcards):
    """The trained net that a node comes from, before anything was pruned."""
    return model_of(GRID.trained(job_of(wildcards)))


def inputs_of(step):
    """The input functions of a kind of step, by name. The nets that it reads are compared with their records."""
    known = {"parent": parent_of_node, "dense": dense_of_node, "data": data_of_study}
    nets = [known[name] for name in ("parent", "dense") if name in step.reads]

    def records(wildcards):
        return [record_beside(net(wildcards)) for net in nets]

    return {name: known[name] for name in step.reads} | ({"records": records} if nets else {})


def outputs_of(step, backend):
    """The output files of a kind of step, by name."""
    files = {
        "model": f"<results>/models/{{node}}/{BACKENDS[backend].format_of(step.kind).file}",
        "record": "<results>/models/{node}/record.json",
    }
    if step.tensorboard and backend == "keras":
        files["tensorboard"] = directory("<results>/logs/tensorboard/{node}/events")
    return files


def nodes_of(step, backend):
    """A regular expression for the nodes of a kind of step in the studies of a backend."""
    studies = "|".join(name for name, study in STUDIES.items() if study["backend"] == backend) or "none"
    return rf"(?:{studies})/seed\d+/(?:[^/]+/)*{step.kind}(?:~[^/]+)?"


def threads_of_node(wildcards):
    return STUDIES[job_of(wildcards).study]["threads"]


def parameters_of_node(wildcards):
    """What the backend's function is called with."""
    return job_of(wildcards).params


def columns_of_node(wildcards):
    return job_of(wildcards).columns


def label_of_node(wildcards):
    return job_of(wildcards).label


def code_of_node(wildcards):
    """What a node's job is covered by."""
    job = job_of(wildcards)
    modules = [f"espalier.{job.backend}.{module}" for module in ("runtime", *STEPS[job.step].modules)]
    return code_of_job(SCRIPTS / "run_step.py", modules, job.uses)


for step in STEPS.values():
    for backend in BACKENDS:

        rule:
            name:
                f"{step.kind}_{backend}"
            input:
                **inputs_of(step),
            output:
                **outputs_of(step, backend),
            log:
                "<results>/logs/{node}.log",
            wildcard_constraints:
                node=nodes_of(step, backend),
            cache: backend in step.cached
            group:
                None if step.kind == "train" else study_of  # what is applied to a trained net is submitted as one
            conda:
                f"../../envs/{backend}.yaml"
            threads: threads_of_node
            resources:
                **asks(step.kind),
                gpu=gpu_of_node,
            params:
                step=parameters_of_node,
                columns=columns_of_node,
                label=label_of_node,
                backend=backend,
                data=folder_of_data,
                device=device_of_node,
                jobs_per_gpu=jobs_per_gpu,
                runs=step.runs,
                code=code_of_node,
            message:
                step.message
            script:
                "../scripts/run_step.py"
