# The small functions by which rules look things up in the grid, and the names that wildcards can have.

import functools
import re

from espalier.backends import BACKENDS
from espalier.datasets.contents import Contents
from espalier.plan.naming import sorted_keys
from espalier.plan.steps import STEPS
from espalier.plan.study import weights_of
from espalier.run.code import code_of_job
from espalier.training.pretrained import is_file

SHARED = (
    workflow.enable_cache
)  # whether results may come from the cache: asked here, since Snakemake tells of each such rule

CONTENTS = Contents(Path(".snakemake/espalier_contents.json"))  # of the files that data and weights are read from

# Of a prepared data set; the last is no input.
FILES_OF_DATA = ("manifest.json", "images.npy", "labels.npy", "timing.json")


wildcard_constraints:
    dataset="[^/]+",
    study="|".join(STUDIES),
    seed=r"\d+",
    item="[a-z0-9_]+",


def execution_of_job(wildcards, resources):
    """What a job needs to know that is no reason to compute its result again. Snakemake does not compare params whose
    function takes `resources`. Here: what the job compares the library with when it begins and ends; the digest in `code`
    says what its result depends on."""
    return {"library": LIBRARY}


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


@functools.cache
def dataset_of(study):
    """The folder of a study's prepared data set."""
    return f"<results>/data/{grid.dataset_id(STUDIES[study]['dataset'])}"


def looked_up(function, dataset):
    """What a function of a data set's files finds; what is wrong with them, as an error for the user."""
    try:
        return function(dataset["name"], DATA_ROOT, dataset["path"])
    except (ValueError, OSError) as error:
        raise WorkflowError(f"the data set {dataset['name']}: {error}") from None


def parameters_of_data(wildcards):
    """How a data set is prepared, and for one that is read from files what they contain: a copy elsewhere, or one with
    another time stamp, is the same data. These files are no inputs, as Snakemake compares inputs by path and time. What
    is not there, the job downloads, or says what is missing."""
    dataset = sorted_keys(GRID.datasets()[wildcards.dataset])
    if not datasets.reads_files(dataset["name"]):
        return {"how": dataset}
    return {"how": dataset, "contents": contents_of(looked_up(datasets.sources, dataset))}


def contents_of(files):
    """Digest of what files contain; None if there are none."""
    try:
        return CONTENTS.digest(files) if files else None
    except OSError as error:
        raise WorkflowError(f"{error.filename} cannot be read: {error.strerror}") from None


def place_of_data(wildcards, resources):
    """Where data is looked for, and downloaded to."""
    return DATA_ROOT


def code_of_data(wildcards):
    """What a job that prepares a data set is covered by."""
    dataset = GRID.datasets()[wildcards.dataset]["name"]
    return code_of_job(SCRIPTS / "prepare_dataset.py", uses=[("dataset", dataset, registry.ANY)])


def data_of_study(wildcards):
    """The files of the data set of a job's study."""
    return [f"{dataset_of(study_of(wildcards))}/{file}" for file in FILES_OF_DATA[:3]]


def folder_of_data(wildcards, input):
    return str(Path(input.data[0]).parent)


def record_of(node):
    return f"<results>/models/{node}/record.json"


def predictions_of(node):
    return f"<results>/models/{node}/predictions.npz"


include: "failures.smk"
include: "terminal.smk"
