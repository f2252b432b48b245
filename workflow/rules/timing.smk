# What measure_latency looks up: which nets are timed, how, and on how many cores.

# Keys of `latency` that say how calls are timed; of the last two only what a config gives.
CALLS = ("batch_sizes", "threads", "warmup", "repeats", "precision", "most_repeats")


def timed_nodes(wildcards):
    """The nodes whose nets are timed, each with the one that it is compared with."""
    return GRID.timed(wildcards.study, int(wildcards.seed))


def timed_models(wildcards):
    return [model_of(node) for node in timed_nodes(wildcards)]


def origins_of_timed_models(wildcards):
    return [origin_of(model) for model in timed_models(wildcards)]


def backend_of_study(wildcards):
    return STUDIES[wildcards.study]["backend"]


def environment_of_study(wildcards):
    return f"../../envs/{backend_of_study(wildcards)}.yaml"


def threads_of_calls(wildcards):
    return STUDIES[wildcards.study]["latency"]["threads"]


def how_nets_are_timed(wildcards):
    asked = STUDIES[wildcards.study]["latency"]
    return {key: asked[key] for key in CALLS if key in asked}


def code_of_latency(wildcards):
    """What a job that times nets is covered by."""
    backend, model = STUDIES[wildcards.study]["backend"], STUDIES[wildcards.study]["model"]["name"]
    modules = [f"espalier.{backend}.{module}" for module in ("runtime", "latency")]
    return code_of_job(SCRIPTS / "measure_latency.py", modules, [("model", model, backend)])


def latency_files(study):
    """The files with the times of a study's nets, if it times any."""
    seeds = STUDIES[study]["seeds"] if "latency" in STUDIES[study] else []
    timed = [seed for seed in seeds if (study, seed) not in GRID.untimed]
    return [f"<results>/records/{study}/seed{seed}/latency.json" for seed in timed]


def cores_of_latency(wildcards):
    """The cores of a job that times nets: on one machine all of it, so that nothing else runs beside it (there are none
    to count when Snakemake only writes a report); on a cluster those that it uses, of a node that it has for itself."""
    if on_cluster():
        return STUDIES[wildcards.study]["latency"]["threads"]
    return workflow.resource_settings.cores or 1


def whole_node(wildcards):
    """What asks Slurm for a node that no other job is on."""
    return "--exclusive" if on_cluster() else None


include: "scanning.smk"
