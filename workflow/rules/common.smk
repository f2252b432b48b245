# The checked config and its grid, and the small functions by which rules look things up in it.

import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The library lies beside the scripts. Jobs find it there by themselves; only this file has to be told.
SCRIPTS = Path(workflow.current_basedir).parent / "scripts"
sys.path.append(str(SCRIPTS))

from espalier import datasets, plugins, registry
from espalier.backends import BACKENDS
from espalier.plan import grid
from espalier.plan.steps import STEPS
from espalier.run.code import code_of_job
from espalier.plan.config import ConfigError, typed


def only_submitted(config):
    """On a node of a cluster: the config with the studies of the submitted jobs alone. The others are checked and laid out
    where Snakemake was started."""
    targets = [re.match(r"\w+:(?:.*,)?(?:node|study)=(\w+)", word) for word in sys.argv]
    mine = {target[1] for target in targets if target} & set(config.get("studies", ()))
    if not workflow.remote_exec or not mine:
        return config
    return config | {"run": "all", "studies": {name: config["studies"][name] for name in sorted(mine)}}


try:  # in a list given by --config, such as seeds=[0,1], Snakemake leaves numbers as text
    given = workflow.config_settings.config.items()
    lists = {key: typed(value) for key, value in given if isinstance(value, list) and key in config}
    places = [Path(file).absolute().parent for file in reversed(workflow.configfiles)]
    plugins.load(plugins.find(plugins.named_in(config | lists), [*places, Path.cwd()]))  # before names are looked up
    GRID = grid.build(only_submitted(config | lists))
except (ConfigError, plugins.PluginError) as error:
    raise WorkflowError(f"in the config ({', '.join(map(str, workflow.configfiles))}): {error}") from None

STUDIES = GRID.studies
CALLS = ("batch_sizes", "threads", "warmup", "repeats")  # keys of `latency` that say how calls are timed
try:
    DATA_ROOT = datasets.data_root(GRID.config["data_root"])
except ValueError as error:
    raise WorkflowError(f"data_root: {error}") from None


wildcard_constraints:
    dataset="[^/]+",
    study="|".join(STUDIES),
    seed=r"\d+",
    item="[a-z0-9_]+",


def job_of(wildcards):
    """The grid's job of a node."""
    if wildcards.node not in GRID.jobs:
        raise WorkflowError(f"no chain of the config leads to {wildcards.node}")
    return GRID.jobs[wildcards.node]


def model_of(node):
    """The file of a node's model."""
    job = GRID.jobs[node]
    return f"<results>/models/{node}/{BACKENDS[job.backend].format_of(job.step).file}"


def record_beside(model):
    """The record of a model's file."""
    return str(Path(model).with_name("record.json"))


def dataset_of(study):
    return f"<results>/data/{grid.dataset_id(STUDIES[study]['dataset'])}"


def looked_up(function, dataset):
    """What a function of a data set's files finds; what is wrong with them, as an error for the user."""
    try:
        return function(dataset["name"], DATA_ROOT, dataset["path"])
    except (ValueError, OSError) as error:
        raise WorkflowError(f"the data set {dataset['name']}: {error}") from None


def sources_of_data(wildcards):
    """The files that a data set is read from, those that are there: a changed one is read anew. What is not there, the
    job downloads, or says what is missing. Images in folders are too many to be inputs; see the next function."""
    dataset = GRID.datasets()[wildcards.dataset]
    return looked_up(datasets.sources, dataset)


def parameters_of_data(wildcards):
    """How a data set is prepared, and for one that is read from files where from, and a stamp of images in folders."""
    dataset = GRID.datasets()[wildcards.dataset]
    if not datasets.reads_files(dataset["name"]):
        return {"how": dataset}
    stamp = looked_up(datasets.stamp, dataset)
    return {"how": dataset | {"data_root": DATA_ROOT}, "stamp": stamp}


def code_of_data(wildcards):
    """What a job that prepares a data set is covered by."""
    dataset = GRID.datasets()[wildcards.dataset]["name"]
    return code_of_job(SCRIPTS / "prepare_dataset.py", uses=[("dataset", dataset, registry.ANY)])


def timed_nodes(wildcards):
    """The nodes whose nets are timed, each with the one that it is compared with."""
    return GRID.timed(wildcards.study, int(wildcards.seed))


def timed_models(wildcards):
    return [model_of(node) for node in timed_nodes(wildcards)]


def records_of_timed_models(wildcards):
    return [record_beside(model) for model in timed_models(wildcards)]


def manifest_of_study(wildcards):
    return f"{dataset_of(wildcards.study)}/manifest.json"


def folder_of_manifest(wildcards, input):
    return str(Path(input.data).parent)


def backend_of_study(wildcards):
    return STUDIES[wildcards.study]["backend"]


def environment_of_study(wildcards):
    return f"../../envs/{backend_of_study(wildcards)}.yaml"


def threads_of_calls(wildcards):
    return STUDIES[wildcards.study]["latency"]["threads"]


def how_nets_are_timed(wildcards):
    return {key: STUDIES[wildcards.study]["latency"][key] for key in CALLS}


def code_of_latency(wildcards):
    """What a job that times nets is covered by."""
    backend, model = STUDIES[wildcards.study]["backend"], STUDIES[wildcards.study]["model"]["name"]
    modules = [f"espalier.{backend}.{module}" for module in ("runtime", "latency")]
    return code_of_job(SCRIPTS / "measure_latency.py", modules, [("model", model, backend)])


def all_latency():
    return [
        f"<results>/records/{name}/seed{seed}/latency.json"
        for name, study in STUDIES.items()
        for seed in study["seeds"]
        if "latency" in study
    ]
