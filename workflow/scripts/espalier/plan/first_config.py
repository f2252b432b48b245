"""The config that `espalier init` writes: what fits into a time, and the text with its comments."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from espalier.plan import grid
from espalier.plan.job import Job

SIZES = (32, 64, 96, 128, 160, 192, 224)  # sides of images that are proposed
LOOKED_AT = 50  # images whose sizes and colours are looked at
GREY = ("1", "L", "I;16")  # modes of images without colours
CORES = 2
JOB = 4.0  # seconds that a job takes beside its computing, and the report for each
# Ratios of pruning and epochs of fine-tuning, the most thorough first.
PLANS = (
    ((0.2, 0.4, 0.6, 0.8), 20),
    ((0.2, 0.4, 0.6, 0.8), 10),
    ((0.2, 0.4, 0.6, 0.8), 5),
    ((0.3, 0.5, 0.7), 5),
    ((0.3, 0.5, 0.7), 3),
    ((0.4, 0.7), 3),
    ((0.4, 0.7), 2),
    ((0.5,), 2),
    ((0.5,), 1),
)


UNTOLD = "put in what your own training used"
FIT = "\n      fit: crop  # an image that is not square is cut to the square in its middle; squash keeps all of it"
TRAIN = """
    train:  # the training of the net
      epochs: $epochs
      batch_size: 64
      learning_rate: 0.05
      momentum: 0.9
"""
TEXT = """\
# Written by `espalier init`. Change what you like, and run again: only what depends on it is computed anew.
# Every key: docs/configuration.md. A wrong key or value stops before anything runs, and the error says what is allowed.
#
# In the folder of Espalier, `--configfile` says where this file is, if it is not called config.yaml:
#
#   snakemake -n            show what would run
#   snakemake --cores 2     run it; $said

seeds: [0]  # [0, 1, 2] gives means with intervals, and verdicts
threads: 1

studies:
  $study:
    title: $title
    backend: $backend
    dataset:
      $source
      size: $size$fit$channels
      $normalised
    # The net, and the weights that it begins with. Options of its function stand beside them.
    model: $model
$train
    finetune:  # training after the pruning
      epochs: $epochs
      batch_size: 64
      learning_rate: 0.01
      momentum: 0.9

    chains:
      # The net as it is, and exported and quantized without any training.
      - [$first]
      - [$first, quantize: {scheme: [float32, static_int8]}]
      # What the pruned nets are compared with: the net as it is, trained for as many epochs more.
      - [$first, finetune]
      # $pruned
      - - $first
        - prune: $prune
        - finetune
        - quantize: {scheme: [float32, static_int8]}

    # Prediction times of the exported nets, side by side, one image at a time.
    latency: {scheme: [float32, static_int8], batch_sizes: [1], repeats: 50}
"""


# What is pruned: of PyTorch's nets whole filters, of Keras's single weights, which any layers have.
PRUNED = {
    "pytorch": (
        {"prune_type": "filter_wise", "method": "mean_abs"},
        "The share `ratio` of all filters is removed, the rest trained further and quantized.",
    ),
    "keras": (
        {"prune_type": "weight", "method": "magnitude"},
        "The share `ratio` of each layer's weights is set to zero, the rest trained further and quantized: the zipped "
        "file\n      # becomes smaller, the net no faster.",
    ),
}


@dataclass(frozen=True)
class Images:
    """The user's images: how a config names them, and what is known of them."""

    dataset: dict[str, Any]
    classes: int
    number: int  # of training images
    channels: int
    remark: str  # where the size is from


@dataclass(frozen=True)
class Wish:
    """What the user asks for. normalised: the keys of the data set that say how pixels are; told: whether the user said
    so. budget: in seconds."""

    backend: str
    model: dict[str, str]
    weights: str | None
    images: Images
    normalised: dict[str, Any]
    told: bool
    budget: int

    @property
    def first(self) -> str:
        """The step that chains begin with: a net without a file of weights is trained."""
        return "given" if self.weights else "train"

    @property
    def name(self) -> str:
        """The name of the study."""
        word = re.split(r"[:/]", next(iter(self.model.values())))[-1]
        slug = re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_0123456789") or "net"
        return f"my_{slug.removeprefix('make_')}"[:60]


@dataclass(frozen=True)
class Plan:
    """What is run: shares of filters that are pruned, epochs, and what that costs in words."""

    ratios: tuple[float, ...]
    epochs: int
    said: str


def images(data: str, size: int | None, channels: int | None) -> Images:
    """The images that a user names: a folder or zip, or a registered data set. size: their side, None to propose one.
    channels: 1 or 3, None for 1 if the images are grey.

    Raises ValueError or OSError if there is no such thing, and for images that are not laid out as they should be.
    """
    from espalier import datasets, registry

    path = Path(data).expanduser()
    registered = registry.entries(registry.Dataset)
    if not path.exists() and data in registered:
        entry = registered[data]
        raw = entry(**datasets.arguments(entry, datasets.data_root(None), None))
        side = size or min(SIZES, key=lambda known: abs(known - max(raw[0][0].shape[:2])))
        grey = raw[0][0].squeeze().ndim == 2
        return Images({"name": data, "size": side}, len(raw[4]), len(raw[0]), channels or (1 if grey else 3), "")
    if not path.exists():
        names = ", ".join(name for name in registered if name != "image_folder")
        raise ValueError(f"there is no folder {data}, nor a data set of this name. Allowed: a folder or zip; {names}")
    from espalier.datasets.folders import read

    raw = read(path, path)
    seen = [raw.images[i] for i in range(min(LOOKED_AT, len(raw.images)))]
    typical = sorted(min(image.size) for image in seen)[len(seen) // 2]
    grey = all(image.mode in GREY for image in seen)
    side = size or max([known for known in SIZES if known <= typical], default=SIZES[0])
    dataset = {"name": "image_folder", "path": str(path.resolve()), "size": side, "fit": "crop"}
    remark = (
        "" if size else f"  # the images have about {typical} pixels; best is the size that the net was trained with"
    )
    return Images(dataset, len(raw.classes), len(raw.images), channels or (1 if grey else 3), remark)


def planned(wish: Wish, folder: Path) -> Plan:
    """The most thorough plan that fits the budget, by the time that a training step of the net takes here.

    Raises ConfigError if the net, its weights or the data set cannot be used.
    """
    jobs = _jobs(wish, Plan((0.5,), 1, ""), folder)
    began = next(job for job in jobs if not job.parent)
    per_image = _seconds_per_image(began, wish)
    for ratios, epochs in PLANS:
        cost = _cost(wish, len(ratios), epochs, per_image)
        if cost <= wish.budget:
            break
    about = f"about {max(1, round(cost / 60))} min on {CORES} cores"
    short = "" if cost <= wish.budget else f", more than the {wish.budget / 60:g} min asked for, and the least there is"
    return Plan(ratios, epochs, f"{len(ratios)} pruned nets, {epochs} epochs each: {about}{short}")


def _jobs(wish: Wish, plan: Plan, folder: Path) -> list[Job]:
    """The jobs of the config, which is checked by that."""
    return list(grid.build(yaml.safe_load(text(wish, plan)), [folder]).jobs.values())


def _cost(wish: Wish, ratios: int, epochs: int, per_image: float) -> float:
    """Seconds of the whole run: trainings, evaluations of three files for each net, and the jobs themselves."""
    trained = (ratios + 1) * epochs + (0 if wish.first == "given" else 2 * epochs)
    nets = 2 + 4 * ratios + 2
    computing = wish.images.number * per_image * (trained + nets / 8)
    return (computing + nets * 2 * JOB) / CORES + 30


def _seconds_per_image(job: Job, wish: Wish) -> float:
    """How long a training step of the net takes, for each image; its weights are read, too."""
    tried, images = importlib.import_module(f"espalier.{wish.backend}.tried"), wish.images
    return tried.seconds_per_image(job.params["model"], images.classes, images.channels, images.dataset["size"])


def text(wish: Wish, plan: Plan) -> str:
    """The config with its comments."""
    dataset = wish.images.dataset
    prune, about = PRUNED[wish.backend]
    normalised = [f"{key}: {_flow(value)}" for key, value in wish.normalised.items()]
    return Template(TEXT).substitute(
        said=plan.said or "the results are in the folder results",
        study=wish.name,
        title=_flow(f"Compression of {next(iter(wish.model.values()))}"),
        source="\n      ".join(f"{key}: {_flow(dataset[key])}" for key in ("name", "path") if key in dataset),
        size=f"{dataset['size']}{wish.images.remark}",
        fit=FIT if "fit" in dataset else "",
        backend=wish.backend,
        channels="\n      channels: 1  # grey" if wish.images.channels == 1 else "",
        normalised="\n      ".join([normalised[0] + ("" if wish.told else f"  # {UNTOLD}"), *normalised[1:]]),
        model=_flow(wish.model | ({"weights": wish.weights} if wish.weights else {})),
        train=Template(TRAIN).substitute(epochs=3 * plan.epochs) if wish.first == "train" else "",
        epochs=plan.epochs,
        first=wish.first,
        prune=_flow(prune | {"ratio": list(plan.ratios)}),
        pruned=about,
    )


def _flow(value: Any) -> str:
    """A value as YAML in one line."""
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).strip().removesuffix("\n...")
