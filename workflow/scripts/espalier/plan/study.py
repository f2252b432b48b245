"""Checks of a study as a whole: its data set, its net, and whether they go together."""

from __future__ import annotations

import inspect
from typing import Any

from espalier import registry
from espalier.backends import BACKENDS
from espalier.plan import naming
from espalier.plan.explain import ConfigError
from espalier.plan.keys import defaults
from espalier.plan.lookup import known
from espalier.plan.schema import Dataset
from espalier.plan.suggest import nearest
from espalier.plan.validate import check_arguments, example
from espalier.training.pretrained import is_file

OF_MODEL = ("name", "width", "weights", "fallback")  # keys of `model` that are not options of the architecture
BY_LIBRARY = ("pixels", "num_classes", "widths", "width")  # parameters of an architecture that the library fills in
NAMING = (
    "path",
    "fit",
    "classes",
    "outputs",
    "validation",
    "mean",
    "std",
    "order",
)  # keys that name a data set's folder if they are given


def check_study(study: dict[str, Any], path: list) -> None:
    """Check a study's data set, net and published numbers against the register; raises ConfigError."""
    backend, dataset = study["backend"], study["dataset"]
    source = known(registry.Dataset, dataset["name"], backend, [*path, "dataset", "name"])
    _check_path(dataset["path"], source, [*path, "dataset", "path"])
    _check_classes(dataset["classes"] or [], source, [*path, "dataset", "classes"])
    if "outputs" in dataset:
        _check_outputs(dataset, source, [*path, "dataset"])
    model = known(registry.Model, study["model"]["name"], backend, [*path, "model", "name"])
    _check_images(dataset, model, [*path, "dataset"])
    own = {key: value for key, value in study["model"].items() if key not in OF_MODEL}
    check_arguments(model, own, [*path, "model"], given=BY_LIBRARY)
    _check_width(study["model"]["width"], model, [*path, "model", "width"])
    if study["model"]["weights"] == "imagenet":
        _check_imagenet(study, model, [*path, "model", "weights"])
    _check_normalisation(dataset, backend, [*path, "dataset"])
    if study["published"] is not None:
        _check_published(study["published"], model, [*path, "published"])


def dataset_id(dataset: dict[str, Any]) -> str:
    """The folder name of a prepared data set, such as digits_32x32x3; keys that are not at their default are named."""
    name = f"{dataset['name']}_{dataset['size']}x{dataset['size']}x{dataset['channels']}"
    usual = defaults(Dataset)
    changed = [key for key in NAMING if dataset.get(key) != usual.get(key)]
    return naming.shortened("_".join([name, *(f"{key}{naming.slug(dataset[key])}" for key in changed)]))


def weights_of(study: dict[str, Any]) -> str | None:
    """The file below `weights` that a study's nets begin with: ImageNet weights, or in a folder of the study those of
    the user's own file; None, if they begin with random weights."""
    model, backend = study["model"], study["backend"]
    suffix = BACKENDS[backend].pretrained
    if is_file(model["weights"]):
        return f"{study['name']}/weights.{suffix}"
    if model["weights"] != "imagenet":
        return None
    fallback = f"-or-{model['fallback']}" if model.get("fallback") else ""
    return f"{backend}-{naming.slug(model['name'])}-{study['dataset']['size']}{fallback}.{suffix}"


def _check_path(given: str | None, dataset: registry.Dataset, path: list) -> None:
    """A path for data sets that are read from one."""
    taken = inspect.signature(dataset.function).parameters.get("path")
    if given and not taken:
        raise ConfigError(path, f"{dataset.name} is read from no file", allowed="null", corrected={"path": None})
    if not given and taken and taken.default is taken.empty:
        raise ConfigError(
            path,
            f"is missing: {dataset.name} is read from there",
            allowed="a folder or zip, below data_root or absolute",
            corrected=example(Dataset, "path"),
        )


def _check_normalisation(dataset: dict[str, Any], backend: str, path: list) -> None:
    """A mean and a standard deviation for each channel, or one for all."""
    for key in ("mean", "std"):
        if isinstance(dataset[key], list) and len(dataset[key]) != dataset["channels"]:
            usual = defaults(Dataset)[key]
            raise ConfigError(
                [*path, key],
                f"{len(dataset[key])} values, and the images have {dataset['channels']} channels",
                allowed="a number, or a list of one for each channel",
                corrected={key: (dataset[key] + [usual] * 3)[: dataset["channels"]]},
            )


def _check_classes(given: list[str], dataset: registry.Dataset, path: list) -> None:
    """The names of classes, where the data set says beforehand which it has."""
    names = list(given if dataset.classes is None else dataset.classes)
    for number, name in enumerate(given):
        if name not in names:
            raise ConfigError(
                [*path, number],
                f"{dataset.name} has no class {name!r}",
                allowed=", ".join(names),
                corrected=[nearest(name, [n for n in names if n not in given])],
            )


def _check_outputs(dataset: dict[str, Any], source: registry.Dataset, path: list) -> None:
    """Which outputs stand for which classes: each for one, and no more than there are."""
    places, number = dataset["outputs"]["classes"], dataset["outputs"]["number"]
    if dataset["classes"]:
        raise ConfigError(
            [*path, "outputs"], "says which classes are kept, and `classes` is given too", allowed="one of the two"
        )
    path = [*path, "outputs", "classes"]
    unknown = [name for name in places if source.classes is not None and name not in source.classes]
    if unknown:
        raise ConfigError(
            path, f"{source.name} has no class {unknown[0]!r}", allowed=", ".join(map(str, source.classes or ()))
        )
    for name, place in places.items():
        if place >= number:
            raise ConfigError([*path, name], f"{place}, and the net has {number} outputs", allowed=f"0 to {number - 1}")
    if len(set(places.values())) < len(places):
        raise ConfigError(path, "two classes have the same output", allowed="another output for each class")


def _check_width(width: float, model: registry.Model, path: list) -> None:
    """A width, of an architecture that has one."""
    parameters = inspect.signature(model.function).parameters.values()
    if width != 1 and not any(p.name == "width" or p.kind is p.VAR_KEYWORD for p in parameters):
        raise ConfigError(
            path, f"{model.name} has one width: its function takes none", allowed="1.0", corrected={"width": 1.0}
        )


def _check_images(dataset: dict[str, Any], model: registry.Model, path: list) -> None:
    """Images that the net can take."""
    if dataset["channels"] not in model.channels:
        raise ConfigError(
            [*path, "channels"],
            f"{dataset['channels']}, but {model.name} takes {' or '.join(map(str, model.channels))} channels",
            allowed=", ".join(map(str, model.channels)),
            corrected={"channels": model.channels[0]},
        )
    if dataset["size"] < model.smallest:
        raise ConfigError(
            [*path, "size"],
            f"{dataset['size']}, but {model.name} needs images of {model.smallest} pixels or more",
            allowed=f"a whole number, at least {model.smallest}",
            corrected={"size": model.smallest},
        )


def _check_imagenet(study: dict[str, Any], model: registry.Model, path: list) -> None:
    """Weights that are there for this very net."""
    refused = (
        None if model.imagenet else f"there are no ImageNet weights of {model.name}",
        None if study["model"]["width"] == 1 else "ImageNet weights are of the whole net, width 1.0",
        None if study["dataset"]["channels"] == 3 else "ImageNet weights are for images of 3 channels",
    )
    if problem := next(filter(None, refused), None):
        raise ConfigError(path, problem, allowed="random", corrected={"weights": "random"})


def _check_published(given: str, model: registry.Model, path: list) -> None:
    """Published numbers that are there, and are of this architecture."""
    from espalier.analysis import published

    if given not in published.STUDIES:
        ids = sorted(published.STUDIES)
        raise ConfigError(
            path,
            f"there are no published figures {given!r}",
            allowed=f"null, {', '.join(ids)}",
            corrected={"published": nearest(given, ids)},
        )
    theirs = published.STUDIES[given].setup.model
    if theirs and theirs != model.name:
        raise ConfigError(
            path,
            f"{given!r} is of {theirs}, this study of {model.name}",
            allowed=f"null, or a study of {model.name}",
            corrected={"published": None},
        )
