# The checked config and its grid, and the small functions by which rules look things up in it.

import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# The library lies beside the scripts. Jobs find it there by themselves; only this file has to be told.
SCRIPTS = Path(workflow.current_basedir).parent / "scripts"
sys.path.append(str(SCRIPTS))

from espalier import datasets, plugins, registry
from espalier.backends import BACKENDS
from espalier.plan import doubts, grid
from espalier.plan.naming import sorted_keys
from espalier.plan.steps import STEPS
from espalier.run.code import code_of_job, stamp
from espalier.plan.config import ConfigError, typed
from espalier.run import locks

if workflow.is_main_process and locks.take_over(Path(".snakemake").absolute()):
    logger.info("removed the lock of a run that was killed on this machine")


onstart:
    if workflow.non_local_exec:
        locks.jobs_run_elsewhere(Path(".snakemake").absolute())


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

for doubt in doubts.doubts(GRID) if workflow.is_main_process else ():
    logger.warning(doubt)

STUDIES = GRID.studies
LIBRARY = stamp()
try:
    DATA_ROOT = datasets.data_root(GRID.config["data_root"])
except ValueError as error:
    raise WorkflowError(f"data_root: {error}") from None


wildcard_constraints:
    dataset="[^/]+",
    study="|".join(STUDIES),
    seed=r"\d+",
    item="[a-z0-9_]+",


def library_as_planned(wildcards, resources):
    """What a job compares the library with when it begins and ends. Snakemake does not compare params whose function takes
    `resources`: the digest among `code` says what a result depends on."""
    return LIBRARY


def job_of(wildcards):
    """The grid's job of a node."""
    if wildcards.node not in GRID.jobs:
        raise WorkflowError(f"no chain of the config leads to {wildcards.node}")
    return GRID.jobs[wildcards.node]


def model_of(node):
    """The file of a node's model."""
    job = GRID.jobs[node]
    return f"<results>/models/{node}/{BACKENDS[job.backend].format_of(job.step).file}"


def origin_of(model):
    """The file in which the job that made a net writes what only it knows of the net."""
    return f"{model}.json"


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
    """How a data set is prepared, and for one that is read from files where from, and a stamp of these files: one that is
    replaced by an older file is another one, too."""
    dataset = sorted_keys(GRID.datasets()[wildcards.dataset])
    if not datasets.reads_files(dataset["name"]):
        return {"how": dataset}
    stamp = looked_up(datasets.stamp, dataset)
    return {"how": dataset | {"data_root": DATA_ROOT}, "stamp": stamp}


def code_of_data(wildcards):
    """What a job that prepares a data set is covered by."""
    dataset = GRID.datasets()[wildcards.dataset]["name"]
    return code_of_job(SCRIPTS / "prepare_dataset.py", uses=[("dataset", dataset, registry.ANY)])


def data_of_study(wildcards):
    """The files of the data set of a job's study."""
    return [f"{dataset_of(study_of(wildcards))}/{file}" for file in ("manifest.json", "images.npy", "labels.npy")]


def folder_of_data(wildcards, input):
    return str(Path(input.data[0]).parent)


def record_of(node):
    return f"<results>/models/{node}/record.json"


def predictions_of(node):
    return f"<results>/models/{node}/predictions.npz"
