# The small functions by which rules look things up in the grid, and the names that wildcards can have.

import functools
import re

from espalier.backends import BACKENDS
from espalier.plan.naming import sorted_keys
from espalier.plan.steps import STEPS
from espalier.plan.study import weights_of
from espalier.run.code import code_of_job

# Of a prepared data set; the last is no input.
FILES_OF_DATA = ("manifest.json", "images.npy", "labels.npy", "timing.json")


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


def sources_of_data(wildcards):
    """The files that a data set is read from, those that are there: a changed one is read anew. What is not there, the
    job downloads, or says what is missing. Images in folders are too many to be inputs; see the next function. The
    files are `local`: neither in a module's prefix nor in remote storage."""
    dataset = GRID.datasets()[wildcards.dataset]
    return [local(str(path)) for path in looked_up(datasets.sources, dataset)]


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
    return [f"{dataset_of(study_of(wildcards))}/{file}" for file in FILES_OF_DATA[:3]]


def folder_of_data(wildcards, input):
    return str(Path(input.data[0]).parent)


def study_of_weights(wildcards):
    """A study whose nets begin with these weights."""
    return next(study for study in STUDIES.values() if weights_of(study) == wildcards.weights)


def place_of_weights(wildcards, resources):
    return str(Path(DATA_ROOT, "weights"))


def given_weights(wildcards):
    """The user's own file of these weights, if there is one: under the name of the architecture, or under torchvision's,
    such as resnet50-0676ba61.pth."""
    study = study_of_weights(wildcards)
    name, suffix = study["model"]["name"], {"pytorch": "pth", "keras": "h5"}[study["backend"]]
    folder = Path(DATA_ROOT, "weights")
    return [
        local(str(path))
        for path in (folder / f"{name}.{suffix}", *sorted(folder.glob(f"{name}-*.{suffix}")))
        if path.exists()
    ][:1]


def stamp_of_weights(wildcards):
    """Of the user's file: size and time, by which one that is replaced by an older file is another one."""
    files = [Path(file).stat() for file in given_weights(wildcards)]
    return [[file.st_size, file.st_mtime_ns] for file in files]


def parameters_of_weights(wildcards):
    study = study_of_weights(wildcards)
    model = {key: study["model"][key] for key in ("name", "fallback") if study["model"].get(key)}
    return {"model": model, "size": study["dataset"]["size"]}


def backend_of_weights(wildcards):
    return study_of_weights(wildcards)["backend"]


def environment_of_weights(wildcards):
    return f"../../envs/{backend_of_weights(wildcards)}.yaml"


def code_of_weights(wildcards):
    """What a job that fetches weights is covered by."""
    study = study_of_weights(wildcards)
    modules = [f"espalier.{study['backend']}.{module}" for module in ("runtime", "pretrained")]
    return code_of_job(SCRIPTS / "fetch_weights.py", modules, [("model", study["model"]["name"], study["backend"])])


def record_of(node):
    return f"<results>/models/{node}/record.json"


def predictions_of(node):
    return f"<results>/models/{node}/predictions.npz"


include: "failures.smk"
