# What jobs ask an executor for: time, memory and disk as the config says, a GPU where they compute on one.

import functools

from espalier.plan import resources as asked
from espalier.run import gpus

# Submitted jobs look things up here too, in a Snakemake of their own on their node.
ON_CLUSTER = workflow.non_local_exec or workflow.remote_exec


def study_of(wildcards):
    """The study that a job is of, if any."""
    return job_of(wildcards).study if "node" in wildcards.keys() else wildcards.get("study")


def asks(kind):
    """The resources of a kind of job. A retry asks for more time and memory: too little of these is what it failed by."""

    def of(wildcards):
        return asked.of(GRID.config, kind, study_of(wildcards))

    def runtime(wildcards, attempt):
        return of(wildcards).runtime * attempt

    def memory(wildcards, attempt):
        return of(wildcards).mem_mb * attempt

    def disk(wildcards):
        return of(wildcards).disk_mb

    return {"runtime": runtime, "mem_mb": memory, "disk_mb": disk}


@functools.cache
def machine_has_gpu():
    return bool(gpus.visible())


def device_asked(wildcards):
    """The device that a node is to be computed on: cpu, cuda, or auto, which is cuda on a machine that has a GPU, and cpu
    on a cluster."""
    job = job_of(wildcards)
    return STUDIES[job.study]["device"] if STEPS[job.step].device else "cpu"


def gpu_of_node(wildcards):
    """1 for a job that computes on a GPU; for others None, by which Snakemake leaves the resource out."""
    device = device_asked(wildcards)
    on_gpu = device == "cuda" or (device == "auto" and not ON_CLUSTER and machine_has_gpu())
    return 1 if on_gpu else None


def device_of_node(wildcards, resources):
    """The device for the job. Like threads, another one is no reason to compute a node again: Snakemake does not compare
    params whose function takes `resources`."""
    return device_asked(wildcards) if resources.get("gpu") else "cpu"


def jobs_per_gpu(wildcards, resources):
    return GRID.config["jobs_per_gpu"]


def cores_of_latency(wildcards):
    """The cores of a job that times nets: on one machine all of it, so that nothing else runs beside it (there are none
    to count when Snakemake only writes a report); on a cluster those that it uses, of a node that it has for itself."""
    if ON_CLUSTER:
        return STUDIES[wildcards.study]["latency"]["threads"]
    return workflow.resource_settings.cores or 1


def whole_node(wildcards):
    """What asks Slurm for a node that no other job is on."""
    return "--exclusive" if ON_CLUSTER else None


if workflow.non_local_exec and (on_cpu := [name for name, study in STUDIES.items() if study["device"] == "auto"]):
    logger.warning(
        f"`device: auto` is the CPU on a cluster: {', '.join(on_cpu)} will ask for no GPU. Say `device: cuda` in the config "
        "for jobs that ask for one each (resource gpu), or `device: cpu`."
    )
