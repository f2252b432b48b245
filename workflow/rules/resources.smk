# What jobs ask an executor for: time, memory and disk as the config says, a GPU where they compute on one. The defaults are
# in espalier/plan/resources.py and, of a kind of step, in its file in espalier/plan/steps.

import functools

from espalier.plan import resources as asked
from espalier.run import gpus


def on_cluster():
    """Whether jobs are submitted, asked where Snakemake was started or by the Snakemake of a submitted job on its node. Not
    to be asked while rules are read: which executor it is, Snakemake knows only afterwards."""
    return workflow.non_local_exec or workflow.remote_exec


def study_of(wildcards):
    """The study that a job is of, if any."""
    return job_of(wildcards).study if "node" in wildcards.keys() else wildcards.get("study")


def asks(kind):
    """The resources of a kind of job. A retry asks for more time and memory: too little of these is what it failed by."""

    def of(wildcards):
        return asked.of(GRID.config, kind, study_of(wildcards))

    @with_signature
    def runtime(wildcards, attempt):
        return of(wildcards).runtime * attempt

    @with_signature
    def memory(wildcards, attempt):
        return of(wildcards).mem_mb * attempt

    @with_signature
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
    if device == "auto" and on_cluster():
        warn_of_cpu()
        return None
    return 1 if device == "cuda" or (device == "auto" and machine_has_gpu()) else None


@functools.cache
def warn_of_cpu():
    """Say once what `device: auto` is on a cluster: nodes with a GPU and without would give other last digits."""
    if workflow.non_local_exec:
        logger.warning(
            "`device: auto` is the CPU on a cluster, and no job asks for a GPU. Say `device: cuda` in the config for jobs that "
            "ask for one each (resource gpu), or `device: cpu`."
        )


@functools.cache
def warn_of_cores(threads):
    """Say once that jobs have more threads than cores: they are slow, and their results are those of that many threads."""
    cores = None if on_cluster() else workflow.resource_settings.cores
    if cores and cores < threads:
        logger.warning(
            f"`threads: {threads}` in the config, and `--cores {cores}`: jobs compute with {threads} threads all the same, "
            f"since another number gives other last digits. They are faster with `threads: {cores}`."
        )
