# What the rules of a chain's steps look up for a node.


def parent_of_node(wildcards):
    return model_of(job_of(wildcards).parent)


def dense_of_node(wildcards):
    """The trained net that a node comes from, before anything was pruned."""
    return model_of(GRID.trained(job_of(wildcards)))


def pretrained_of_node(wildcards):
    """The file of the ImageNet weights that a training begins with, if it does."""
    weights = weights_of(STUDIES[job_of(wildcards).study])
    return f"<results>/weights/{weights}" if weights else []


NETS = {"parent": parent_of_node, "dense": dense_of_node}


def inputs_of(step):
    """The input functions of a kind of step, by name. The nets that it reads are compared with their origins."""
    nets = [NETS[name] for name in ("parent", "dense") if name in step.reads]

    @with_signature
    def origins(wildcards):
        return [origin_of(net(wildcards)) for net in nets]

    known = NETS | {"data": data_of_study}
    files = {name: known[name] for name in step.reads}
    if not nets:
        return files | {"pretrained": pretrained_of_node}
    return files | {"origins": origins}


def inputs_of_measuring(wildcards):
    """The files that a net is measured with."""
    nets = {"model": model_of(wildcards.node)}
    nets |= {name: NETS[name](wildcards) for name in STEPS[job_of(wildcards).step].measured_with}
    return nets | {"origins": [origin_of(net) for net in nets.values()], "data": data_of_study(wildcards)}


def nodes_of(*kinds):
    """A regular expression for the nodes of these kinds of step."""
    return rf"(?:{'|'.join(STUDIES)})/seed\d+/(?:[^/]+/)*(?:{'|'.join(kinds)})(?:~[^/]+)?"


def formats_of(step):
    """A regular expression for the formats of the nets that a kind of step makes, of all backends."""
    return "|".join(re.escape(backend.format_of(step.kind).suffix) for backend in BACKENDS.values())


def threads_of_node(wildcards):
    threads = STUDIES[job_of(wildcards).study]["threads"]
    warn_of_cores(threads)
    return threads


def backend_of_node(wildcards):
    return job_of(wildcards).backend


def environment_of_node(wildcards):
    return f"../../envs/{backend_of_node(wildcards)}.yaml"


def parameters_of_node(wildcards):
    """What the backend's function is called with."""
    return job_of(wildcards).params


def function_of_node(wildcards):
    """The backend's function that writes the model's file."""
    return job_of(wildcards).function


def columns_of_node(wildcards):
    return job_of(wildcards).columns


def label_of_node(wildcards):
    return job_of(wildcards).label


def code_of_node(wildcards):
    """What a node's job is covered by."""
    job = job_of(wildcards)
    modules = [f"espalier.{job.backend}.{module}" for module in ("runtime", job.function.partition(".")[0])]
    return code_of_job(SCRIPTS / "run_step.py", modules, job.uses)


def measuring_of_node(wildcards):
    """How a node's net is measured."""
    step = STEPS[job_of(wildcards).step]
    return {"function": step.measure, "measured_with": step.measured_with}


def code_of_measuring(wildcards):
    """What the job is covered by that measures a node's net."""
    job = job_of(wildcards)
    measure = STEPS[job.step].measure.partition(".")[0]
    modules = [f"espalier.{job.backend}.{module}" for module in ("runtime", measure)]
    return code_of_job(SCRIPTS / "measure.py", modules, [use for use in job.uses if use[0] == "model"])


def execution_of_measuring(wildcards, resources):
    """How the job is run that measures a node's net. The threads are those of the config, however few cores Snakemake gives
    the job: another number adds up in another order and gives other last digits."""
    job = job_of(wildcards)
    return {
        "device": device_asked(wildcards) if resources.get("gpu") else "cpu",
        "jobs_per_gpu": GRID.config["jobs_per_gpu"],
        "threads": STUDIES[job.study]["threads"],
        "library": LIBRARY,
    }


def execution_of_step(wildcards, resources):
    """How the job of a step is run: also with what it measures its net at once, while the framework is loaded; whether it
    writes logs for TensorBoard, which are no output, as not every backend has them; and what it tries of the net first.
    """
    job = job_of(wildcards)
    return execution_of_measuring(wildcards, resources) | {
        "measuring": measuring_of_node(wildcards) | {"code": code_of_measuring(wildcards)},
        "tensorboard": STEPS[job.step].tensorboard and BACKENDS[job.backend].tensorboard,
        "preflight": preflight_of_job(job),
    }


def group_of_node(wildcards):
    """What is submitted as one job: a training with the measuring of its net; all that is applied to a trained net."""
    job = job_of(wildcards)
    return job.study if job.parent else "_".join(Path(job.node).parts)
