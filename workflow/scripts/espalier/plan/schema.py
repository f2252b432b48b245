"""The keys of a config: its sections as tables, beside the recipe (recipe.py) and the kinds of steps (steps/).

`document` is the whole as a JSON Schema, for editors: workflow/schemas/config.schema.yaml, written by `make docs`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from espalier import registry
from espalier.plan.keys import Table, key, limits, named, table
from espalier.plan.recipe import Recipe
from espalier.plan.resources import Asked, Kinds
from espalier.plan.rounds import ROUNDS, Rounds
from espalier.plan.sensitivity import Sensitivity
from espalier.plan.steps import STEPS
from espalier.plan.steps.finetune import Finetune
from espalier.plan.steps.scratch import Scratch

Names = Annotated[list[str], limits(minItems=1)]
Seeds = Annotated[list[Annotated[int, limits(minimum=0)]], limits(minItems=1, uniqueItems=True)]
Positive = Annotated[float, limits(exclusiveMinimum=0)]
Device = Literal["auto", "cpu", "cuda"]
END = "$(?!\\n)"  # of a pattern: `$` alone lets a line break follow
NAME = {  # of a study: of a folder, and of a word on the command line
    "pattern": f"^[a-z][a-z0-9_]*{END}",
    "maxLength": 64,
    "not": {"enum": ["all", "false", "nan", "none", "null", "true"]},
}
FOLDER = {  # one or several in each other, by a path that Snakemake takes for nothing else
    "type": "string",
    "pattern": "^(?=.*[^ /])[^\\x00-\\x1f\\x7f{}]+" + END,
    "maxLength": 200,
    "examples": ["results"],
    "x-words": "a path without braces and line breaks, at most 200 characters",
}
Kind = Annotated[Any, limits(enum=list(STEPS))]  # of a step
Keyed = Annotated[  # a step with keys
    dict[str, Any], limits(minProperties=1, maxProperties=1, propertyNames={"enum": [*STEPS, ROUNDS]})
]


class Outputs(Table):
    """Which outputs of a net stand for the classes of a data set, of a net that tells more classes apart."""

    number: Annotated[
        int, key("Outputs that the net has, such as ImageNet's 1000.", required=True, minimum=2, examples=[1000])
    ]
    classes: Annotated[
        dict[str, Annotated[int, limits(minimum=0)]],
        key(
            "Class of the data set -> its output, counted from 0. Classes that are not named are left out.",
            required=True, minProperties=2, examples=[{"cats": 281, "dogs": 207}],
        ),
    ]  # fmt: skip


class Dataset(Table):
    """The images of a study, and how they are prepared."""

    name: Annotated[str, key("Registered data set.", required=True), named(registry.Dataset)]
    size: Annotated[
        int,
        key("Side of the square images, in pixels; others are resized to it.", required=True, minimum=1, examples=[32]),
    ]
    path: Annotated[
        str | None,
        key(
            "Folder or zip that the data set is in, below `data_root` or absolute; null for where the set is looked "
            "for by itself. image_folder needs it.",
            default=None, minLength=1, examples=["my_images"],
        ),
    ]  # fmt: skip
    fit: Annotated[
        Literal["squash", "crop"],
        key(
            "How an image that is not square becomes so: squashed, or cut to the square in its middle.",
            default="squash",
        ),
    ]
    channels: Annotated[Literal[1, 3], key("1 for grey, 3 for RGB. A grey image's channel is repeated.", default=3)]
    classes: Annotated[
        Annotated[list[str], limits(minItems=2, uniqueItems=True, examples=[["0", "1"]])] | None,
        key(
            "Names of the classes to keep, in the order of their new labels; null for all. Two make a binary study.",
            default=None,
        ),
    ]
    outputs: Annotated[
        Outputs,
        key(
            "In place of `classes`, where the net tells more classes apart than the images are of: which of its "
            "outputs stand for them. Accuracy is that among all of its outputs."
        ),
    ]
    validation: Annotated[
        float,
        key(
            "Share of the training images that are kept aside to watch training by (seeded, stratified).",
            default=0.1, minimum=0, maximum=0.5,
        ),
    ]  # fmt: skip
    mean: Annotated[
        float | Annotated[list[float], limits(minItems=1, maxItems=3)],
        key(
            "Subtracted from pixels (0 to 1) before they enter the net: a number, or a list of one for each channel, "
            "such as [0.485, 0.456, 0.406].",
            default=0.45,
        ),
    ]
    std: Annotated[
        Positive | Annotated[list[Positive], limits(minItems=1, maxItems=3)],
        key("Pixels are divided by it after that: a number, or a list of one for each channel.", default=0.225),
    ]
    order: Annotated[
        Literal["rgb", "bgr"],
        key(
            "Order of the channels that nets are given, and of `mean` and `std`: bgr for weights that were trained so; "
            "rgb, if it is not given."
        ),
    ]
    preprocessing: Annotated[
        Literal["caffe", "tf", "torch"],
        key(
            "In place of `mean`, `std` and `order`, the mode of Keras's preprocess_input. caffe: bgr, 0 to 255 less "
            "ImageNet's mean (Keras's VGG16); tf: -1 to 1 (MobileNetV2); torch: ImageNet's mean and deviation."
        ),
    ]


class Model(Table):
    """The architecture of a study's nets. Any other key is an option of the architecture itself."""

    RULES: ClassVar[dict[str, Any]] = {"additionalProperties": True}

    name: Annotated[
        str,
        key(
            "Registered architecture, or a net of a library: `torchvision/resnet18`, `timm/convnext_atto`. Options of "
            "its own stand beside it.",
            required=True,
        ),
        named(registry.Model),
    ]
    width: Annotated[
        float,
        key("Factor on the width of every layer, rounded; 1.0 is the published net.", default=1.0, exclusiveMinimum=0),
    ]
    weights: Annotated[
        str,
        key(
            "Weights that the chains start from: random, imagenet, or a file of your own (PyTorch: .safetensors, .pt, "
            ".pth, .npz; Keras: .h5, .keras), its path from the folder of the config file. Those of ImageNet need "
            "width 1.0; a file of them below `data_root` is taken (docs/data.md), else they are fetched.",
            default="random",
            minLength=1,
            examples=["random", "best.pt"],
        ),
    ]
    fallback: Annotated[
        Literal["random"] | None,
        key(
            "What to start from where ImageNet weights cannot be had; null to stop there. Every table says which it "
            "was.",
            default=None,
        ),
    ]


# `import` is a word of Python, which no annotation in the class can begin with.
Model.__annotations__["import"] = Annotated[
    str,
    key(
        "In place of `name`, a function of your own that returns the net: a file beside the config file and the "
        'function\'s name, `"my_nets.py:make_net"`, or an installed module, `"my_package.nets:make_net"`.',
        examples=["my_nets.py:make_net"],
    ),
]


class Latency(Table):
    """Times nets of the study. The first five keys select results; without any, all that are not quantized."""

    prune_type: Annotated[Names, key("Only results of these prune types.")]
    method: Annotated[Names, key("Only results of these methods.")]
    ratio: Annotated[list[float], key("Only results of these ratios.", minItems=1)]
    blocks: Annotated[list[int], key("Only results of these numbers of blocks.", minItems=1)]
    scheme: Annotated[
        Names,
        key(
            "Only results of these quantization schemes, `none` for nets as the framework runs them; by default these "
            "alone. A quantized net is compared with the dense net exported to the same runtime, "
            "[train, quantize float32]."
        ),
    ]
    batch_sizes: Annotated[
        list[Annotated[int, limits(minimum=1)]], key("Images per call.", default=[1, 256], minItems=1)
    ]
    threads: Annotated[int, key("Threads of the timed calls.", default=1, minimum=1)]
    warmup: Annotated[int, key("Calls before timing begins.", default=10, minimum=0)]
    repeats: Annotated[int, key("Timed calls of each net, in rounds that all take part in.", default=100, minimum=1)]
    precision: Annotated[
        float,
        key(
            "Further rounds follow for each net until the 95 % interval of its ratio to its baseline is this narrow, "
            "as a share of the ratio: 0.05, if it is not given.",
            exclusiveMinimum=0,
        ),
    ]
    most_repeats: Annotated[
        int, key("At most so many rounds in all: 3 times `repeats`, if it is not given.", minimum=1)
    ]


class Study(Table):
    """Each entry under `studies`: a data set, a net, a recipe, and the chains to run with them."""

    title: Annotated[str, key("What the report calls the study. Its name, if empty.", default="", maxLength=200)]
    published: Annotated[
        str | None, key("Id of the published figures that the report shows beside the study's own.", default=None)
    ]
    backend: Annotated[Literal["pytorch", "keras"], key("Framework that trains and prunes the nets.", required=True)]
    seeds: Annotated[Seeds, key("Seeds of this study, instead of those at the top.")]
    threads: Annotated[int, key("Threads of this study's jobs, instead of the number at the top.", minimum=1)]
    device: Annotated[
        Device, key("Where this study's nets are trained and evaluated, instead of the device at the top.")
    ]
    memory_mb: Annotated[int, key("Memory of this study's jobs, instead of the number at the top.", minimum=100)]
    resources: Annotated[Kinds, key("What this study's jobs ask an executor for, where it differs from the top.")]
    dataset: Annotated[Dataset, key("The images.", required=True)]
    model: Annotated[Model, key("The net.", required=True)]
    train: Annotated[
        Recipe, key("The recipe that nets are trained by. Without chains that begin with train, it may be left out.")
    ]
    finetune: Annotated[
        Finetune,
        key("What fine-tuning does differently from `train`; a key that is not given is as in `train`.", default={}),
    ]
    scratch: Annotated[
        Scratch,
        key(
            "What training a pruned net from scratch does differently from the training that its chain begins with; a "
            "key that is not given is as there. It has no penalty, unless one is given here.",
            default={},
        ),
    ]
    chains: Annotated[
        list[list[Kind | Keyed]],
        key(
            "What to run: a list of chains, each a list of steps, the first of them train or given. A step is its "
            "name, or its name with keys. A list of values under a key, or of alternatives under a step, is expanded "
            "as a product.",
            required=True,
            minItems=1,
        ),
    ]
    latency: Annotated[
        Latency,
        key(
            "Which results to time, side by side in one process, alone on the machine. Their dense nets are always "
            "timed."
        ),
    ]
    sensitivity: Annotated[
        Sensitivity,
        key("Prunes each layer of the dense nets alone, without training: what each of them costs (PyTorch)."),
    ]


class Config(Table):
    """The keys of the file itself."""

    run: Annotated[
        Literal["all"] | Annotated[list[str], limits(minItems=1, uniqueItems=True)],
        key("Which studies to run. `all`, or a list of names under `studies`.", default="all"),
    ]
    seeds: Annotated[
        Seeds,
        key(
            "Every study is run once for each seed. Tables show mean and sample standard deviation over them.",
            default=[0],
        ),
    ]
    threads: Annotated[int, key("CPU threads of each training, pruning or evaluation job.", default=1, minimum=1)]
    device: Annotated[
        Device,
        key(
            "Where nets are trained and evaluated: cpu, cuda, or auto, which is cuda where there is such a device. "
            "Quantized nets are made and run, and prediction times measured, on the CPU. Another device gives other "
            "last digits.",
            default="auto",
        ),
    ]
    memory_mb: Annotated[
        int,
        key(
            "Memory that a job asks for, in MB, where `resources` says nothing else. A retry asks for as much again.",
            default=2000,
            minimum=100,
        ),
    ]
    resources: Annotated[
        Kinds,
        key("What jobs ask an executor for, by kind of job: data, a kind of step, latency or report.", default={}),
    ]
    jobs_per_gpu: Annotated[
        int, key("How many jobs at a time compute on one GPU of a machine. Others wait.", default=1, minimum=1)
    ]
    warm_workers: Annotated[
        bool,
        key(
            "Whether jobs on the CPU are forked from a process that has imported PyTorch, TensorFlow or pandas; "
            "without it each job imports them for itself. Results are the same.",
            default=True,
        ),
    ]
    container: Annotated[
        str | None,
        key(
            "The container image that jobs run in with `--software-deployment-method apptainer`: a file, or an address "
            "such as docker://example.org/espalier.",
            default=None,
            minLength=1,
            examples=["espalier.sif"],
        ),
    ]
    data_root: Annotated[
        str | None,
        key(
            "Folder that holds the data sets, or that they are downloaded to; null for what the environment variable "
            "ESPALIER_DATA says, else `data`.",
            default=None, minLength=1,
        ),
    ]  # fmt: skip
    pathvars: Annotated[
        dict[str, str],
        key(
            "Snakemake's path variables, such as `results`, the folder that everything is written to.",
            propertyNames={"pattern": f"^[a-z][a-z0-9_]*{END}"},
            additionalProperties=FOLDER,
        ),
    ]
    only_finished: Annotated[
        bool,
        key(
            "Report what is finished of a run in which something failed: tables and figures of the results that are "
            "there, and which are missing and why. Nothing else is computed. For the command line: "
            "--config only_finished=true."
        ),
    ]
    max_jobs: Annotated[
        int,
        key("A config that plans more results than this is refused, so that no list is a zero too long: 10000, if it "
            "is not given.", minimum=1),
    ]  # fmt: skip
    plugins: Annotated[
        list[Annotated[str, limits(minLength=1)]],
        key(
            "Python files, or importable modules, that register methods, models, data sets or figures of your own. "
            "Paths begin at the folder of the config file.",
            uniqueItems=True, examples=[["my_methods.py"]],
        ),
    ]  # fmt: skip
    studies: Annotated[
        dict[str, Study],
        key(
            "The studies by name. A name is lower-case letters, digits and underscores, at most 64.",
            required=True,
            minProperties=1,
            propertyNames=NAME,
        ),
    ]


def document() -> dict[str, Any]:
    """The whole as a JSON Schema, each section and step a definition."""
    sections: tuple[type[Table], ...] = (
        Study,
        Dataset,
        Model,
        Recipe,
        Finetune,
        Scratch,
        Rounds,
        Latency,
        Sensitivity,
        Asked,
    )
    steps = {name: step.keys for name, step in STEPS.items() if step.keys not in sections}
    tables = {keys.__name__.lower(): keys for keys in sections} | steps
    parts = {id(table(keys)["properties"]): name for name, keys in tables.items()}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Espalier configuration"}
    definitions = {name: _referring(table(keys), parts, inside=name) for name, keys in tables.items()}
    definitions["model"] = _with_imports(definitions["model"])
    return head | _referring(table(Config), parts) | {"$defs": definitions}


def _with_imports(model: dict[str, Any]) -> dict[str, Any]:
    """The section `model` as a file has it: with a name of a library's net, or `import` in place of the name."""
    name = model["properties"]["name"]
    registered = {key: name[key] for key in ("type", "enum")}
    either = {"anyOf": [registered, {"type": "string", "pattern": "^(torchvision|timm)/[a-z0-9_.]+$"}]}
    rest = {key: value for key, value in name.items() if key not in registered}
    one_of = {"oneOf": [{"required": ["name"]}, {"required": ["import"]}]}
    kept = {key: value for key, value in model.items() if key != "required"}
    return kept | one_of | {"properties": model["properties"] | {"name": rest | either}}


def _referring(part: Any, parts: dict[int, str], inside: str = "") -> Any:
    """A part of the schema, with a reference wherever it contains one of the others."""
    if isinstance(part, list):
        return [_referring(value, parts) for value in part]
    if not isinstance(part, dict):
        return part
    name = parts.get(id(part.get("properties")))
    if name and name != inside:
        own = {k: v for k, v in part.items() if k in ("description", "default")}
        return own | {"$ref": f"#/$defs/{name}"}
    return {k: _referring(v, parts) for k, v in part.items()}
