"""The whole plan of a config, one line of JSON per job: what every job is run with, reads, writes and says.

    python tests/golden/dump.py config.yaml            # the plan as text, to compare two versions with diff
    python tests/golden/dump.py --write                # write tests/golden/plans.json anew

A change of the code that should not change what is computed leaves every line as it is. The digests of code and the
versions of packages are left out: they change with every edit.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PLANS = Path(__file__).with_name("plans.json")
CONFIGS = (
    "config.yaml",
    *(f"config/{name}.yaml" for name in ("cats_dogs", "cifar10", "cifar100", "mnist", "published")),
)
# runs, measuring: the names of the functions that are called. preflight: what is tried of a net before it is trained.
# device, threads_asked: how a job is run. tensorboard: whether it writes logs beside its results. caption: words.
LEFT_OUT = (
    "code", "versions", "runs", "measuring", "preflight", "device", "jobs_per_gpu", "threads_asked", "tensorboard",
    "library", "caption",
)  # fmt: skip
RUN_BY = ("resources", "jobs_per_gpu")  # keys of the config that say how jobs are run


def jobs_of(config: str) -> list[str]:
    """The jobs that a config of this project plans, as lines of JSON in the order of their outputs."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    os.environ.pop("ESPALIER_DATA", None)
    with tempfile.TemporaryDirectory() as folder, SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=2),
            config_settings=ConfigSettings(configfiles=[PROJECT / config]),
            snakefile=PROJECT / "Snakefile",
            workdir=Path(folder),
        )
        workflow.dag(DAGSettings(targets={"all", "pages"})).execute_workflow(executor="dryrun")
        return sorted(
            json.dumps(_job(job), sort_keys=True, default=str) for job in workflow._workflow.dag.jobs if job.output
        )


def _job(job) -> dict:
    params = {key: value for key, value in job.params.items() if key not in LEFT_OUT}
    if "config" in params:
        params["config"] = {key: value for key, value in params["config"].items() if key not in RUN_BY}
    return {
        "outputs": sorted(map(str, job.output)),
        "inputs": sorted(map(str, job.input)),
        "message": job.message,
        "params": params,
    }


def digests(config: str) -> dict[str, str]:
    """First output of each job -> digest of its line."""
    lines = jobs_of(config)
    return {json.loads(line)["outputs"][0]: hashlib.sha256(line.encode()).hexdigest()[:16] for line in lines}


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        plans = {config: digests(config) for config in CONFIGS}
        PLANS.write_text(json.dumps(plans, indent=0) + "\n")
    elif sys.argv[1] == "--digests":
        print(json.dumps(digests(sys.argv[2])))
    else:
        print("\n".join(jobs_of(sys.argv[1])))
