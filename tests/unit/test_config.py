"""A wrong config says where it is wrong, what stands there, what is allowed, and the YAML that mends it."""

import copy
import itertools
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from espalier import registry
from espalier.plan import config, grid, validate
from espalier.plan.explain import ConfigError, dotted

PROJECT = Path(__file__).resolve().parents[2]
VALID = yaml.safe_load((PROJECT / "tests" / "config" / "valid.yaml").read_text())

GONE = object()  # the key is taken out
VGG, RESNET, MLP = (["studies", name] for name in ("vgg", "resnet", "mlp"))
CHAIN = [*VGG, "chains", 0]
PRUNE = [*CHAIN, 1, "prune"]
DEPTH = [*RESNET, "chains", 0, 1, "prune"]
ENTROPY = {"quantize": {"scheme": "static_int8", "calibration": "entropy"}}
FILTERS = {"prune_type": "filter_wise", "method": "mean_abs", "ratio": 0.2}


@dataclass
class Mistake:
    """`value` put at `path` of the valid config. The message is to be about the place `at` and to say all of `says`."""

    path: list
    value: Any
    says: tuple
    at: str = ""  # the path itself, if not given
    corrected: Any = None  # what the message shows
    then: str = ""  # the place of another mistake, which the corrected config still has


MISTAKES = {
    # text
    "a title that ends a script of the report": Mistake(
        [*VGG, "title"], "a </Script> b", ("</script",), corrected={"title": "a < /Script> b"}
    ),
    "a title that begins a comment": Mistake([*VGG, "title"], "a<!--", ("<!--",), corrected={"title": "a< !--"}),
    # outputs of a net that tells more classes apart
    "an output that the net does not have": Mistake(
        [*VGG, "dataset", "outputs"],
        {"number": 1000, "classes": {"3": 7, "4": 1000}},
        ("1000 outputs", "0 to 999"),
        at="studies.vgg.dataset.outputs.classes.4",
    ),
    "one output for two classes": Mistake(
        [*VGG, "dataset", "outputs"],
        {"number": 1000, "classes": {"3": 7, "4": 7}},
        ("two classes",),
        at="studies.vgg.dataset.outputs.classes",
    ),
    "an output for a class that is not there": Mistake(
        [*VGG, "dataset", "outputs"],
        {"number": 1000, "classes": {"3": 7, "cat": 281}},
        ("no class 'cat'", "0, 1, 2"),
        at="studies.vgg.dataset.outputs.classes",
    ),
    # keys
    "unknown key at the top": Mistake(
        ["thread"], 2, ("no such key", "did you mean 'threads'", "seeds"), corrected={"threads": 2}
    ),
    "misspelt key of the recipe": Mistake(
        [*VGG, "train", "learning_rat"],
        0.1,
        ("did you mean 'learning_rate'", "momentum"),
        corrected={"learning_rate": 0.1},
    ),
    "misspelt key of a step with a list": Mistake(
        [*PRUNE, "ratios"], [0.2, 0.4], ("did you mean 'ratio'",), corrected={"ratio": [0.2, 0.4]}
    ),
    "misspelt key of a step": Mistake(
        [*PRUNE, "ratios"], 0.2, ("did you mean 'ratio'", "prune_type, method, ratio, blocks"), corrected={"ratio": 0.2}
    ),
    "missing key": Mistake(
        [*VGG, "train", "epochs"], GONE, ("missing", "a whole number, at least 1"), corrected={"epochs": 10}
    ),
    "missing recipe": Mistake(
        [*VGG, "train"], GONE, ("missing", "epochs, batch_size"), corrected={"train": {"epochs": 10}}
    ),
    "no studies": Mistake(["studies"], {}, ("{} is empty",)),
    "name of a study": Mistake(
        ["studies", "My Study"], VALID["studies"]["vgg"], ("'My Study'", "'my_study'", "lower-case")
    ),
    "number for the name of a study": Mistake(
        ["studies", 2024], VALID["studies"]["vgg"], ("'2024'", "a letter first"), at="studies.2024"
    ),
    # types
    "number that YAML takes for text": Mistake(
        [*VGG, "train", "learning_rate"],
        "1e-4",
        ("'1e-4' is text to YAML", "1.0e-4", "a number, above 0"),
        corrected={"learning_rate": 0.0001},
    ),
    "word for a number": Mistake(
        [*VGG, "train", "momentum"], "high", ("'high'", "a number, at least 0, below 1"), corrected={"momentum": 0.0}
    ),
    "epochs with a decimal point": Mistake(
        [*VGG, "train", "epochs"], 100.0, ("100.0 is not a whole number",), corrected={"epochs": 100}
    ),
    "not a number": Mistake([*VGG, "train", "gamma"], float("nan"), ("nan is not a finite",), corrected={"gamma": 0.1}),
    "number for a list": Mistake(
        [*VGG, "train", "milestones"], 46, ("46", "a list of: a whole number"), corrected={"milestones": [46]}
    ),
    "name for a mapping": Mistake(
        [*VGG, "model"],
        "vgg16_bn",
        ("'vgg16_bn'", "keys with values: name, width"),
        corrected={"model": {"name": "vgg16_bn"}},
    ),
    "null": Mistake([*VGG, "train", "shuffle"], None, ("None", "true or false"), corrected={"shuffle": True}),
    # values
    "ratio of one": Mistake(
        [*PRUNE, "ratio"], 1.0, ("1.0 is too large", "at least 0, below 1"), corrected={"ratio": 0.5}
    ),
    "negative ratio": Mistake([*PRUNE, "ratio"], -0.1, ("-0.1 is too small",), corrected={"ratio": 0.5}),
    "ratio in percent": Mistake([*PRUNE, "ratio"], 40, ("40 is too large",), corrected={"ratio": 0.4}),
    "ratio with a percent sign": Mistake([*PRUNE, "ratio"], "40%", ("'40%'",), corrected={"ratio": 0.4}),
    "one wrong ratio of several": Mistake(
        [*PRUNE, "ratio"], [0.2, 1.5], ("1.5 is too large",), corrected={"ratio": [0.2, 0.5]}
    ),
    "several wrong ratios of several": Mistake(
        [*PRUNE, "ratio"], [0.2, 40, "30%", 0.2], ("40 is too large",), corrected={"ratio": [0.2, 0.4, 0.3]}
    ),
    "a wrong ratio beside the one that is suggested": Mistake(
        [*PRUNE, "ratio"], [0.5, 1.5], ("1.5 is too large",), corrected={"ratio": 0.5}
    ),
    "more blocks than there are, beside others": Mistake(
        [*DEPTH, "blocks"], [1, 17], ("17, but resnet50 has 16 blocks",), corrected={"blocks": [1, 16]}
    ),
    "preprocessing beside what it stands for": Mistake(
        [*VGG, "dataset"],
        {"name": "digits", "size": 32, "preprocessing": "caffe", "mean": 0.5},
        ("caffe says what mean", "given too"),
        at="studies.vgg.dataset.preprocessing",
    ),
    "an order of grey images": Mistake(
        [*MLP, "dataset", "order"], "bgr", ("blue, green and red", "channels: 1", "channels: 3")
    ),
    "no ratio at all": Mistake([*PRUNE, "ratio"], [], ("the list is empty",), corrected={"ratio": 0.5}),
    "no alternative at all": Mistake(PRUNE, [], ("the list is empty", "at least one")),
    "no batch sizes": Mistake(
        [*MLP, "latency", "batch_sizes"], [], ("too few", "at least 1"), corrected={"batch_sizes": [1, 256]}
    ),
    "the same seed twice": Mistake(["seeds"], [0, 1, 0], ("[0, 1, 0]", "twice"), corrected={"seeds": [0, 1]}),
    # names
    "unknown method": Mistake(
        [*PRUNE, "method"], "mean_asb", ("'mean_asb'", "group_lasso", "sum_abs"), corrected={"method": "mean_abs"}
    ),
    "method that judges something else": Mistake(
        [*PRUNE, "method"],
        "magnitude",
        ("filter_wise of vgg16_bn does not go by magnitude", "group_lasso, mean_abs, sum_abs"),
        corrected={"method": "group_lasso"},
    ),
    "unknown prune type": Mistake(
        [*PRUNE, "prune_type"], "filterwise", ("'filterwise'",), corrected={"prune_type": "filter_wise"}
    ),
    "unknown model": Mistake([*VGG, "model", "name"], "vgg16", ("'vgg16'", "resnet50"), corrected={"name": "vgg16_bn"}),
    "model of the other backend": Mistake(
        [*VGG, "model", "name"],
        "cifar10_cnn",
        ("'cifar10_cnn' for backend pytorch", "vgg16_bn"),
        corrected={"name": "cifar10_conv"},
    ),
    "unknown backend": Mistake([*VGG, "backend"], "torch", ("'torch'", "keras"), corrected={"backend": "pytorch"}),
    "unknown data set": Mistake([*VGG, "dataset", "name"], "digit", ("'digit'",), corrected={"name": "digits"}),
    "unknown augmentation": Mistake(
        [*VGG, "train", "augment", 0],
        "random_flip",
        ("'random_flip'", "horizontal_flip"),
        corrected=["random_crop"],
        then="studies.vgg.train.augment[0].random_crop.size",
    ),
    "unknown penalty": Mistake(
        [*CHAIN, 0],
        {"train": {"penalty": "l2_group", "prune_type": "filter_wise"}},
        ("'l2_group'", "group_lasso"),
        at="studies.vgg.chains[0][0].train.penalty",
        corrected={"penalty": "l2_groups"},
    ),
    "unknown initial weights": Mistake(
        [*MLP, "train", "init"],
        {"name": "glorrot"},
        ("'glorrot'",),
        at="studies.mlp.train.init.name",
        corrected={"name": "glorot"},
    ),
    "unknown published figures": Mistake(
        [*VGG, "published"], "cifar100_vgg", ("'cifar100_vgg'",), corrected={"published": "cifar100_vgg16_bn"}
    ),
    "study to run that there is not": Mistake(
        ["run"], ["vggg"], ("'vggg'", "vgg, resnet, mlp"), corrected={"run": ["vgg"]}
    ),
    "nothing to run": Mistake(["run"], [], ("[] has too few entries",), corrected={"run": "all"}),
    "one study to run, not in a list": Mistake(["run"], "vgg", ("'vgg'", "all or a list"), corrected={"run": ["vgg"]}),
    # values of registered functions
    "value that an augmentation does not take": Mistake(
        [*VGG, "train", "augment", 0, "random_crop", "border"], 1, ("no such key", "padding, size")
    ),
    "value of an augmentation that is text": Mistake(
        [*VGG, "train", "augment", 0, "random_crop", "size"],
        "32px",
        ("'32px'", "a whole number"),
        corrected={"size": 32},
    ),
    "augmentation without the value it needs": Mistake(
        [*VGG, "train", "augment", 0],
        {"random_crop": None},
        ("missing", "random_crop needs"),
        at="studies.vgg.train.augment[0].random_crop.size",
        corrected={"size": 32},
    ),
    "word that an augmentation does not know": Mistake(
        [*VGG, "train", "augment", 0],
        {"autoaugment": "cifar100"},
        ("'cifar100'", "cifar10, imagenet, svhn"),
        at="studies.vgg.train.augment[0].autoaugment.policy",
        corrected={"policy": "cifar10"},
    ),
    "deviation that YAML takes for text": Mistake(
        [*MLP, "chains", 0, 0, "train", "init"],
        {"name": "normal", "stddev": "1e-1"},
        ("'1e-1' is text to YAML",),
        at="studies.mlp.chains[0][0].train.init.stddev",
        corrected={"stddev": 0.1},
    ),
    "device that there is not": Mistake(["device"], "gpu", ("'gpu'", "auto, cpu, cuda"), corrected={"device": "cpu"}),
    "precision that there is not": Mistake(
        [*VGG, "train", "precision"], "float16", ("'float16'", "float32, bf16"), corrected={"precision": "float32"}
    ),
    "colour jitter that would turn every hue": Mistake(
        [*VGG, "train", "augment", 0],
        {"color_jitter": 0.8},
        ("0.8 is too large", "at most 0.5"),
        at="studies.vgg.train.augment[0].color_jitter.strength",
        corrected={"strength": 0.1},
    ),
    "cutout without its side": Mistake(
        [*VGG, "train", "augment", 0],
        {"cutout": None},
        ("missing", "cutout needs"),
        at="studies.vgg.train.augment[0].cutout.side",
        corrected={"side": 8},
    ),
    # what does not go together
    "one_cycle beside milestones": Mistake(
        [*CHAIN, 0],
        {"train": {"schedule": "one_cycle", "milestones": [1]}},
        ("one_cycle sets the learning rate of every step, and milestones is [1]",),
        at="studies.vgg.chains[0][0].train.schedule",
        corrected={"schedule": "one_cycle", "milestones": []},
    ),
    "schedule that there is not": Mistake(
        [*VGG, "train", "schedule"], "linear", ("'linear'", "one_cycle"), corrected={"schedule": "milestones"}
    ),
    "milestones where one_cycle is inherited": Mistake(
        VGG,
        VALID["studies"]["vgg"] | {"train": {"epochs": 2, "schedule": "one_cycle"}, "finetune": {"milestones": [1]}},
        ("one_cycle sets the learning rate of every step, and milestones is [1]",),
        at="studies.vgg.finetune.milestones",
        corrected={"milestones": [1], "schedule": "milestones"},
    ),
    "an average of weights in Keras": Mistake(
        [*MLP, "train", "ema"],
        0.999,
        ("0.999, but keras keeps no average", "pytorch"),
        corrected={"ema": None},
    ),
    "an average that never moves": Mistake(
        [*VGG, "train", "ema"], 1.0, ("1.0 is too large", "below 1"), corrected={"ema": 0.999}
    ),
    "bf16 in Keras": Mistake(
        [*MLP, "train", "precision"],
        "bf16",
        ("bf16, but keras trains in float32 only", "bf16 for backend pytorch"),
        corrected={"precision": "float32"},
    ),
    "depth_wise on a net without residual blocks": Mistake(
        [*PRUNE, "prune_type"],
        "depth_wise",
        ("depth_wise needs residual blocks, and vgg16_bn has none", "depth_wise on resnet50"),
        corrected={"prune_type": "filter_wise"},
    ),
    "channel_wise on a net that is no chain": Mistake(
        [*DEPTH, "prune_type"],
        "channel_wise",
        ("channel_wise needs conv chain", "channel_wise on vgg16_bn"),
        corrected={"prune_type": "filter_wise"},
        then="studies.resnet.chains[0][1].prune",
    ),
    "a ratio of blocks": Mistake(
        DEPTH,
        {"prune_type": "depth_wise", "method": "mean_abs", "ratio": 0.2},
        ("depth_wise takes blocks, not ratio", "blocks: how many go"),
        corrected={"prune": {"prune_type": "depth_wise", "method": "mean_abs", "blocks": 1}},
    ),
    "a number of filters": Mistake(
        PRUNE,
        FILTERS | {"blocks": 1},
        ("filter_wise takes ratio, threshold, macs, params, speed_up, compression or size_mib, not blocks",),
        corrected={"prune": FILTERS},
    ),
    "more blocks than there are": Mistake(
        [*DEPTH, "blocks"], 17, ("17, but resnet50 has 16 blocks", "from 1 to 16"), corrected={"blocks": 16}
    ),
    "penalty without its groups": Mistake(
        [*CHAIN, 0],
        {"train": {"penalty": "group_lasso"}},
        ("the penalty group_lasso needs to know its groups", "filter_wise, channel_wise, filter_and_channel_wise"),
        at="studies.vgg.chains[0][0].train.prune_type",
        corrected={"prune_type": "filter_wise"},
    ),
    "penalty in the study's recipe without its groups": Mistake(
        [*VGG, "train", "penalty"],
        "l2_groups",
        ("the penalty l2_groups needs to know its groups",),
        at="studies.vgg.train.prune_type",
        corrected={"prune_type": "filter_wise"},
    ),
    "penalty of the other backend": Mistake(
        [*MLP, "train", "penalty"], "l2_groups", ("there is no penalty 'l2_groups' for backend keras", "none")
    ),
    "regularize without a penalty": Mistake(
        [*CHAIN, 1],
        "regularize",
        ("regularize trains with a penalty", "l2_groups, group_lasso"),
        at="studies.vgg.chains[0][1].regularize.penalty",
        corrected={"penalty": "l2_groups", "prune_type": "filter_wise"},
    ),
    "grey images for a colour net": Mistake(
        [*VGG, "dataset", "channels"], 1, ("1, but vgg16_bn takes 3 channels",), corrected={"channels": 3}
    ),
    "images too small for the net": Mistake(
        [*VGG, "dataset", "size"], 28, ("28, but vgg16_bn needs images of 32 pixels",), corrected={"size": 32}
    ),
    "ratio and threshold": Mistake(
        PRUNE,
        FILTERS | {"threshold": 0.01},
        ("filter_wise takes one of ratio and threshold, not both",),
        corrected={"prune": FILTERS},
    ),
    "ratio and MACs": Mistake(
        PRUNE,
        FILTERS | {"macs": 0.5},
        ("filter_wise takes one of ratio and macs, not both",),
        corrected={"prune": FILTERS},
    ),
    "all MACs to be left": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "macs": 1},
        ("1 is too large", "a number, above 0, below 1"),
        at="studies.vgg.chains[0][1].prune.macs",
        corrected={"macs": 0.5},
    ),
    "no parameters to be left": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "params": 0},
        ("0 is too small",),
        at="studies.vgg.chains[0][1].prune.params",
        corrected={"params": 0.25},
    ),
    "a negative share of MACs in a list": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "macs": [0.7, -0.5]},
        ("-0.5 is too small",),
        at="studies.vgg.chains[0][1].prune.macs",
        corrected={"macs": [0.7, 0.5]},
    ),
    "MACs in percent": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "macs": 50},
        ("50 is too large",),
        at="studies.vgg.chains[0][1].prune.macs",
        corrected={"macs": 0.5},
    ),
    "a speed-up that slows down": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "speed_up": 0.5},
        ("0.5 is too small", "a number, above 1"),
        at="studies.vgg.chains[0][1].prune.speed_up",
        corrected={"speed_up": 2.0},
    ),
    "a compression by nothing": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "compression": 1},
        ("1 is too small",),
        at="studies.vgg.chains[0][1].prune.compression",
        corrected={"compression": 4.0},
    ),
    "a file of no size": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "size_mib": 0},
        ("0 is too small",),
        at="studies.vgg.chains[0][1].prune.size_mib",
        corrected={"size_mib": 1.5},
    ),
    "MACs of single weights": Mistake(
        PRUNE,
        {"prune_type": "weight", "macs": 0.5},
        ("weight takes ratio, threshold, pattern, params or compression, not macs", "leaves MACs"),
        corrected={"prune": {"prune_type": "weight", "ratio": 0.5}},
    ),
    "MACs of blocks": Mistake(
        DEPTH,
        {"prune_type": "depth_wise", "method": "mean_abs", "macs": 0.5},
        ("depth_wise takes blocks, not macs",),
        corrected={"prune": {"prune_type": "depth_wise", "method": "mean_abs", "blocks": 1}},
    ),
    "parameters of a Keras net": Mistake(
        [*MLP, "chains", 0, 1, "prune"],
        {"prune_type": "unit", "params": 0.5},
        ("unit takes ratio, not params",),
        corrected={"prune": {"prune_type": "unit", "ratio": 0.5}},
    ),
    "no fewer MACs than the pruning before": Mistake(
        CHAIN,
        [
            "train",
            {"prune": {"prune_type": "filter_wise", "macs": 0.5}},
            "finetune",
            {"prune": {"prune_type": "channel_wise", "macs": 0.5}},
        ],
        ("0.50, and the pruning before was asked for 0.50",),
        at="studies.vgg.chains[0][3].prune.macs",
        corrected={"macs": 0.25},
    ),
    "a smaller speed-up than that of the pruning before": Mistake(
        CHAIN,
        [
            "train",
            {"prune": {"prune_type": "filter_wise", "speed_up": 3}},
            {"prune": {"prune_type": "channel_wise", "speed_up": 2}},
        ],
        ("2, and the pruning before was asked for 3", "a number above 3"),
        at="studies.vgg.chains[0][2].prune.speed_up",
        corrected={"speed_up": 6.0},
    ),
    "a multiple that hardware does not know": Mistake(
        [*PRUNE, "multiple"], 3, ("3 is not allowed", "1, 2, 4, 8, 16"), corrected={"multiple": 1}
    ),
    "a multiple of single weights": Mistake(
        PRUNE,
        {"prune_type": "weight", "ratio": 0.5, "multiple": 4},
        ("makes no difference to weight",),
        at="studies.vgg.chains[0][1].prune.multiple",
    ),
    "a multiple of a Keras net": Mistake(
        [*MLP, "chains", 0, 1, "prune"],
        {"prune_type": "unit", "ratio": 0.5, "multiple": 4},
        ("makes no difference to unit", "PyTorch"),
        at="studies.mlp.chains[0][1].prune.multiple",
    ),
    "a least beside a threshold": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "threshold": 0.1, "least": 0.1},
        ("makes no difference to a threshold",),
        at="studies.vgg.chains[0][1].prune.least",
    ),
    "everything as the least": Mistake(
        [*PRUNE, "least"], 1, ("1 is too large", "above 0, below 1"), corrected={"least": 0.1}
    ),
    "pattern that YAML takes for a number": Mistake(
        PRUNE,
        {"prune_type": "weight", "pattern": 124},  # 2:4 is 2 minutes and 4 seconds
        ("124 is a number to YAML", "quotes"),
        at="studies.vgg.chains[0][1].prune.pattern",
        corrected={"pattern": "2:4"},
    ),
    "pattern that keeps all": Mistake(
        PRUNE,
        {"prune_type": "weight", "pattern": "4:4"},
        ("'4:4' keeps 4 of 4 weights",),
        at="studies.vgg.chains[0][1].prune.pattern",
        corrected={"pattern": "2:4"},
    ),
    "scope of a pattern": Mistake(
        PRUNE,
        {"prune_type": "weight", "pattern": "2:4", "scope": "layer"},
        ("makes no difference beside a pattern",),
        at="studies.vgg.chains[0][1].prune.scope",
    ),
    "threshold of scores by chance": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "method": "random", "threshold": 0.1},
        ("random draws its scores",),
        at="studies.vgg.chains[0][1].prune.method",
        corrected={"method": "max_abs"},
    ),
    "gradual pruning that begins where it ends": Mistake(
        [*MLP, "chains", 0, 1, "prune"],
        {"prune_type": "weight", "ratio": 0.5, "schedule": "gradual", "initial": 0.9},
        ("would begin at 0.9, and end at 0.5",),
        at="studies.mlp.chains[0][1].prune.initial",
        corrected={"initial": 0.0},
    ),
    "initial weights beside ImageNet's": Mistake(
        VGG,
        VALID["studies"]["vgg"]
        | {
            "backend": "keras",
            "model": {"name": "vgg16", "weights": "imagenet"},
            "train": {"epochs": 1, "init": {"name": "glorot"}},
            "chains": [["train"]],
        },
        ("draws new weights, and the model begins with those of imagenet",),
        at="studies.vgg.train.init",
        corrected={"init": None},
    ),
    "fallback that YAML calls null": Mistake(
        [*VGG, "model", "fallback"], "None", ("'None' is not allowed", "null, random"), corrected=None
    ),
    "no scheme to time": Mistake(
        [*MLP, "latency"],
        {"scheme": []},
        ("[] has too few entries",),
        at="studies.mlp.latency.scheme",
        corrected=None,
    ),
    "pattern of filters": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "method": "mean_abs", "pattern": "2:4"},
        ("filter_wise takes ratio, threshold, macs, params, speed_up, compression or size_mib, not pattern",),
        corrected={"prune": {"prune_type": "filter_wise", "method": "mean_abs", "ratio": 0.5}},
    ),
    "scores of each layer divided by their mean within the layer": Mistake(
        PRUNE,
        FILTERS | {"scope": "layer", "normalize": "layer"},
        ("scope layer ranks each layer by itself",),
        at="studies.vgg.chains[0][1].prune.normalize",
        corrected={"normalize": "none"},
    ),
    "signed scores divided by their mean": Mistake(
        PRUNE,
        FILTERS | {"method": "mean", "normalize": "layer"},
        ("mean can be negative", "mean_abs"),
        at="studies.vgg.chains[0][1].prune.normalize",
        corrected={"normalize": "none"},
    ),
    "scores divided by their mean beside a threshold": Mistake(
        PRUNE,
        {"prune_type": "filter_wise", "method": "max_abs", "threshold": 0.1, "normalize": "layer"},
        ("by threshold ranks no layer against another",),
        at="studies.vgg.chains[0][1].prune.normalize",
        corrected={"normalize": "none"},
    ),
    "penalty on scales of a net without batch norm": Mistake(
        VGG,
        VALID["studies"]["vgg"]
        | {
            "model": {"name": "cifar10_conv"},
            "chains": [[{"train": {"penalty": "slimming", "prune_type": "filter_wise"}}]],
        },
        ("slimming is a penalty on the scales of batch norms, and cifar10_conv has none",),
        at="studies.vgg.chains[0][0].train.penalty",
    ),
    "penalty on scales for input channels": Mistake(
        [*CHAIN, 0],
        {"train": {"penalty": "slimming", "prune_type": "channel_wise"}},
        ("each of which belongs to a filter",),
        at="studies.vgg.chains[0][0].train.prune_type",
        corrected={"prune_type": "filter_wise"},
    ),
    "shares by shape of what is left": Mistake(
        PRUNE,
        {"prune_type": "weight", "params": 0.5, "scope": "erk"},
        ("erk says which share of a ratio", "params"),
        at="studies.vgg.chains[0][1].prune.scope",
        corrected={"scope": "global"},
    ),
    "weights rewound without the learning rates": Mistake(
        CHAIN,
        ["train", {"prune": {"prune_type": "weight", "ratio": 0.5}}, {"finetune": {"rewind_weights": True}}],
        ("this one is not rewound",),
        at="studies.vgg.chains[0][2].finetune.rewind_weights",
        corrected={"rewind": True, "rewind_weights": True},
    ),
    "weights of groups that are gone": Mistake(
        CHAIN,
        ["train", {"prune": FILTERS}, {"finetune": {"rewind": True, "rewind_weights": True, "epochs": 1}}],
        ("filter_wise took groups out of the net",),
        at="studies.vgg.chains[0][2].finetune.rewind_weights",
        corrected={"rewind_weights": False},
    ),
    "train_pruned of a trained net": Mistake(
        CHAIN,
        ["train", {"prune": FILTERS}, "train_pruned"],
        ("pruned before any training, and the chain begins with train",),
        at="studies.vgg.chains[0][2]",
        corrected=["finetune"],
    ),
    "train_pruned of a net that is not pruned": Mistake(
        CHAIN,
        ["init", "train_pruned"],
        ("comes after init, and trains what pruning has left",),
        at="studies.vgg.chains[0][1]",
        corrected=[{"prune": {"prune_type": "weight", "method": "snip", "ratio": 0.5}}, "train_pruned"],
    ),
    "init of a net with weights": Mistake(
        VGG,
        VALID["studies"]["vgg"]
        | {"model": {"name": "vgg16_bn", "weights": "imagenet"}, "chains": [["init", {"prune": FILTERS}]]},
        ("the weights are those of imagenet",),
        at="studies.vgg.model.weights",
        corrected={"weights": "random"},
    ),
    "init of a Keras net": Mistake(
        [*MLP, "chains", 0], ["init"], ("keras trains a net before it prunes it",), at="studies.mlp.chains[0][0]"
    ),
    "scope of what has none": Mistake(
        [*DEPTH, "scope"], "layer", ("depth_wise has no scope layer", "no scope"), corrected=None
    ),
    "gradual pruning of what cannot": Mistake(
        [*PRUNE, "schedule"],
        "gradual",
        ("filter_wise by ratio is not pruned gradually", "gradual for weight"),
        corrected={"schedule": "at_once"},
    ),
    "end of pruning at once": Mistake(
        [*MLP, "chains", 0, 1, "prune"],
        {"prune_type": "weight", "ratio": 0.5, "end": 0.7},
        ("end says how a net is pruned gradually", "with schedule: gradual"),
        corrected={"prune": {"prune_type": "weight", "ratio": 0.5, "end": 0.7, "schedule": "gradual"}},
    ),
    "batch norm's scale of a net without batch norm": Mistake(
        VGG,
        VALID["studies"]["vgg"]
        | {"model": {"name": "cifar10_conv"}, "chains": [["train", {"prune": FILTERS | {"method": "bn_scale"}}]]},
        ("filter_wise of cifar10_conv does not go by bn_scale", "taylor"),
        at="studies.vgg.chains[0][1].prune.method",
        corrected={"method": "group_lasso"},
    ),
    "ImageNet weights of a net of another width": Mistake(
        [*VGG, "model", "weights"],
        "imagenet",
        ("ImageNet weights are of the whole net",),
        corrected={"weights": "random"},
    ),
    "option that a net does not have": Mistake(
        [*VGG, "model", "depth"], 16, ("there is no such key", "no keys"), corrected=None
    ),
    "class that there is not": Mistake(
        [*VGG, "dataset", "classes"],
        ["3", "cat"],
        ("digits has no class 'cat'", "0, 1, 2"),
        at="studies.vgg.dataset.classes[1]",
        corrected=["0"],
    ),
    "one class": Mistake(
        [*VGG, "dataset", "classes"], ["3"], ("['3'] has too few entries",), corrected={"classes": ["0", "1"]}
    ),
    "path of what is read from no file": Mistake(
        [*VGG, "dataset", "path"], "digits.zip", ("digits is read from no file",), corrected={"path": None}
    ),
    "images from nowhere": Mistake(
        [*VGG, "dataset", "name"],
        "image_folder",
        ("image_folder is read from there", "a folder or zip, below data_root or absolute"),
        at="studies.vgg.dataset.path",
        corrected={"path": "my_images"},
    ),
    "images from a place without a name": Mistake(
        [*VGG, "dataset"],
        {"name": "image_folder", "size": 32, "path": ""},
        ("'' is not allowed",),
        at="studies.vgg.dataset.path",
        corrected={"path": "my_images"},
    ),
    "two data sets in one folder": Mistake(
        ["studies"],
        {
            name: VALID["studies"][name] | {"dataset": {"name": "image_folder", "size": 32, "path": path}}
            for name, path in {"vgg": "my-images", "resnet": "my/images"}.items()
        },
        ("would share the folder image_folder_32x32x3_pathmy-images",),
        at="studies.resnet.dataset",
    ),
    # quantization
    "scheme that there is not": Mistake(
        CHAIN,
        ["train", {"quantize": {"scheme": "static_int"}}],
        ("'static_int'", "float32, "),
        at="studies.vgg.chains[0][1].quantize.scheme",
        corrected={"scheme": "static_int8"},
    ),
    "calibration of what needs none": Mistake(
        CHAIN,
        ["train", {"quantize": {"scheme": "float16", "calibration_images": 64}}],
        ("float16 needs no calibration",),
        at="studies.vgg.chains[0][1].quantize",
        corrected={"quantize": {"scheme": "float16"}},
    ),
    "calibration of a scheme of Keras": Mistake(
        [*MLP, "chains", 0],
        ["train", {"prune": {"prune_type": "unit", "ratio": 0.5}}, ENTROPY],
        ("static_int8 of backend keras has no calibration", "a scheme of backend pytorch"),
        at="studies.mlp.chains[0][2].quantize",
        corrected={"quantize": {"scheme": "static_int8"}},
    ),
    "layers in float of a scheme that has all in float": Mistake(
        CHAIN,
        ["train", {"quantize": {"scheme": "float16", "keep_float": 2}}],
        ("float16 of backend pytorch has no keep_float", "static_int8"),
        at="studies.vgg.chains[0][1].quantize",
        corrected={"quantize": {"scheme": "float16"}},
    ),
    "penalty on batch norms that are folded": Mistake(
        VGG,
        VALID["studies"]["vgg"]
        | {
            "finetune": {"keep_penalty": True},
            "chains": [
                [{"train": {"penalty": "slimming", "prune_type": "filter_wise"}}, {"quantize": {"scheme": "qat_int8"}}]
            ],
        },
        ("qat_int8 folds batch norms", "slimming", "keep_penalty: false"),
        at="studies.vgg.chains[0][1].quantize.scheme",
        corrected={"scheme": "static_int8"},
    ),
    "percentile of another calibration": Mistake(
        CHAIN,
        ["train", {"quantize": {"scheme": "static_int8", "percentile": 99.9}}],
        ("99.9, but the calibration is minmax",),
        at="studies.vgg.chains[0][1].quantize.percentile",
        corrected={"calibration": "percentile", "percentile": 99.9},
    ),
    "epochs of a scheme that trains nothing": Mistake(
        CHAIN,
        ["train", {"quantize": {"scheme": "float16", "epochs": 2}}],
        ("float16 trains nothing", "qat_int8"),
        at="studies.vgg.chains[0][1].quantize",
        corrected={"quantize": {"scheme": "float16"}},
    ),
    "fine-tuning of a quantized net": Mistake(
        CHAIN,
        ["train", {"quantize": {"scheme": "float16"}}, "finetune"],
        ("quantize is followed by finetune", "last step"),
        corrected=[["train", "finetune", {"quantize": {"scheme": "float16"}}]],
    ),
    "latency of quantized nets with nothing to compare them with": Mistake(
        MLP,
        VALID["studies"]["mlp"]
        | {"chains": [["train", {"quantize": {"scheme": "float16"}}]], "latency": {"scheme": ["float16"]}},
        ("no dense net is exported to its runtime",),
        at="studies.mlp.latency",
        corrected=None,
    ),
    # chains
    "no chains": Mistake([*VGG, "chains"], [], ("too few",), corrected={"chains": [["train"]]}),
    "empty chain": Mistake(CHAIN, [], ("the chain is empty",), corrected=[["train"]]),
    "chain that does not begin with train": Mistake(
        CHAIN,
        [{"prune": FILTERS}],
        ("begins with 'prune'", "begins with train"),
        corrected=[["train", {"prune": FILTERS}]],
    ),
    "training twice": Mistake(
        CHAIN,
        ["train", "train"],
        ("trains once", "regularize and finetune"),
        at="studies.vgg.chains[0][1]",
        corrected=["finetune"],
    ),
    "misspelt step": Mistake(
        [*CHAIN, 2], "finetun", ("'finetun'", "regularize, prune, finetune"), corrected=["finetune"]
    ),
    "misspelt step with keys": Mistake(
        [*CHAIN, 1], {"pruning": FILTERS}, ("no step 'pruning'", "regularize"), corrected=[{"prune": FILTERS}]
    ),
    "two steps in one": Mistake(
        [*CHAIN, 1],
        {"prune": FILTERS, "finetune": None},
        ("more than one name",),
        corrected=[{"prune": FILTERS}, "finetune"],
    ),
    "a step, not a chain": Mistake(CHAIN, "train", ("'train'", "a list of"), corrected=[["train"]]),
    "the same chain twice": Mistake(
        [*VGG, "chains"],
        [["train"], ["train"]],
        ("twice", "first at studies.vgg.chains[0]"),
        at="studies.vgg.chains[1]",
    ),
    "the same ratio twice": Mistake([*PRUNE, "ratio"], [0.4, 0.40], ("twice", "0.40"), at="studies.vgg.chains[0]"),
    "products that overlap": Mistake(
        PRUNE,
        [FILTERS | {"ratio": [0.2, 0.4]}, FILTERS | {"method": ["mean_abs", "sum"]}],
        ("train > prune~filter_wise~mean_abs~0.20 > finetune is there twice",),
        at="studies.vgg.chains[0]",
    ),
    "wrong alternative of several": Mistake(
        PRUNE,
        [FILTERS, FILTERS | {"method": "mena"}],
        ("'mena'",),
        at="studies.vgg.chains[0][1].prune[1].method",
        corrected={"method": "mean"},
    ),
    "more blocks than are left": Mistake(
        [*RESNET, "chains", 0],
        ["train", *[{"prune": {"prune_type": "depth_wise", "method": "mean_abs", "blocks": 9}}] * 2],
        ("9, but resnet50 has 7 blocks left",),
        at="studies.resnet.chains[0][2].prune.blocks",
        corrected={"blocks": 7},
    ),
    # training after pruning
    "from scratch, and nothing was pruned": Mistake(
        CHAIN,
        ["train", "scratch"],
        ("scratch trains a pruned net from scratch, and nothing was pruned", "scratch right after prune"),
        at="studies.vgg.chains[0][1]",
        corrected=[{"prune": {"prune_type": "weight", "ratio": 0.5}}, "scratch"],
    ),
    "from scratch after fine-tuning": Mistake(
        CHAIN,
        ["train", {"prune": FILTERS}, "finetune", "scratch"],
        ("scratch comes after finetune", "what that did is lost"),
        corrected=[["train", {"prune": FILTERS}, "scratch"]],
    ),
    "the FLOPs of the dense net for one with as many": Mistake(
        CHAIN,
        ["train", {"prune": {"prune_type": "weight", "ratio": 0.5}}, {"scratch": {"budget": "flops"}}],
        ("pruning of single weights leaves the MACs of a net as they are", "epochs; flops after filters"),
        at="studies.vgg.chains[0][2].scratch.budget",
        corrected={"budget": "epochs"},
    ),
    "budget that there is not": Mistake(
        CHAIN,
        ["train", {"prune": FILTERS}, {"scratch": {"budget": "macs"}}],
        ("'macs'", "epochs, flops"),
        at="studies.vgg.chains[0][2].scratch.budget",
        corrected={"budget": "epochs"},
    ),
    "rewinding to learning rates of one's own": Mistake(
        [*CHAIN, 2],
        {"finetune": {"rewind": True, "learning_rate": 0.1}},
        ("takes the learning rates of the training, and learning_rate is given too", "without learning_rate, warmup"),
        at="studies.vgg.chains[0][2].finetune.rewind",
        corrected={"rewind": False},
    ),
    "milestones beside rewinding in the study's section": Mistake(
        [*VGG, "finetune"],
        {"rewind": True, "milestones": [1]},
        ("and milestones is given too",),
        at="studies.vgg.finetune.rewind",
        corrected={"rewind": False},
    ),
    "rewinding more epochs than there were": Mistake(
        [*CHAIN, 2],
        {"finetune": {"rewind": True, "epochs": 3}},
        ("3, but there are only 2 epochs of training to rewind", "from 1 to 2"),
        at="studies.vgg.chains[0][2].finetune.epochs",
        corrected={"epochs": 2},
    ),
    "rewinding where there is no schedule": Mistake(
        CHAIN,
        [
            {"train": {"plateau": {"factor": 0.5, "patience": 3, "minimum": 0.0}}},
            {"prune": FILTERS},
            {"finetune": {"rewind": True}},
        ],
        ("there is no schedule to rewind to", "plateau: null"),
        at="studies.vgg.chains[0][2].finetune.rewind",
        corrected={"rewind": False},
    ),
    "rewinding a number of epochs that nobody knows": Mistake(
        CHAIN,
        [
            "train",
            {"prune": FILTERS},
            {"scratch": {"budget": "flops"}},
            {"prune": FILTERS},
            {"finetune": {"rewind": True}},
        ],
        ("not known before the training from scratch", "scratch: {budget: epochs}"),
        at="studies.vgg.chains[0][4].finetune.rewind",
        corrected={"rewind": False},
    ),
    "the best epoch by validation images that are not there": Mistake(
        VGG,
        VALID["studies"]["vgg"]
        | {"dataset": {"name": "digits", "size": 32, "validation": 0}, "finetune": {"select": "best_validation"}},
        ("chooses by accuracy on validation images, and the data set keeps none", "dataset.validation above 0"),
        at="studies.vgg.finetune.select",
        corrected={"select": "last"},
    ),
    # latency
    "latency of what is not there": Mistake(
        [*MLP, "latency"],
        {"ratio": [0.5, 0.6]},
        ("0.6", "0.00, 0.50"),
        at="studies.mlp.latency.ratio",
        corrected={"ratio": [0.5]},
    ),
    "latency of a combination that is not there": Mistake(
        MLP,
        VALID["studies"]["mlp"]
        | {
            "chains": [
                ["train", {"prune": [{"prune_type": "weight", "ratio": 0.5}, {"prune_type": "unit", "ratio": 0.9}]}]
            ],
            "latency": {"prune_type": ["unit"], "ratio": [0.5]},
        },
        ("selects no result", "stand together"),
        at="studies.mlp.latency",
        corrected={"latency": {"prune_type": ["weight"], "ratio": [0.5]}},
    ),
}


def put(tree, path, value):
    for part in path[:-1]:
        tree = tree[part]
    if value is GONE:
        del tree[path[-1]]
    else:
        tree[path[-1]] = copy.deepcopy(value)


def broken(name):
    mistake, tree = MISTAKES[name], copy.deepcopy(VALID)
    put(tree, mistake.path, mistake.value)
    return tree


def error_of(tree):
    with pytest.raises(ConfigError) as caught:
        grid.build(tree)
    return caught.value


def opened(tree, path):
    """The part of a config at a place; what stands there as a name alone (`finetune`) gets keys (`finetune: {}`)."""
    for part, following in itertools.zip_longest(path, path[1:]):
        if tree[part] is None or tree[part] == following:
            tree[part] = {} if tree[part] is None else {following: {}}
        tree = tree[part]
    return tree


def mend(tree, error):
    """Do what the message shows: put its keys beside the wrong one, or its entries in the place of the wrong one."""
    *place, last = error.path
    around = opened(tree, place)
    if isinstance(error.corrected, list):
        around[last : last + 1] = error.corrected
    elif isinstance(around, dict):
        around.pop(last, None)
        around.update(error.corrected)
    else:  # a value written without its key
        put(tree, place, error.corrected)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_place_its_value_and_what_is_allowed(name):
    mistake = MISTAKES[name]
    message = str(error_of(broken(name)))
    assert message.startswith((mistake.at or dotted(mistake.path)) + ": ")
    assert "\n  Allowed: " in message
    for words in mistake.says:
        assert words in message


@pytest.mark.parametrize("name", MISTAKES)
def test_the_message_shows_yaml_that_mends_it(name):
    mistake, tree = MISTAKES[name], broken(name)
    error = error_of(tree)
    assert error.corrected == mistake.corrected
    if mistake.corrected is not None:
        shown = str(error).split("\n  Corrected:\n")[1]
        assert yaml.safe_load(textwrap.dedent(shown)) == mistake.corrected
        mend(tree, error)
        if mistake.then:  # one mistake hid another
            another = error_of(tree)
            assert str(another).startswith(mistake.then + ": ")
            mend(tree, another)
        grid.build(tree)


def everywhere(tree, path=()):
    yield list(path)
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from everywhere(value, (*path, key))


PLACES = [path for path in everywhere(VALID) if path]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NAMES = st.sampled_from(["train", "prune", "name", "filter_wise", "random_crop", "resize", "size", "1e-4", "40%"])
JUNK = st.recursive(
    SCALARS | NAMES,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES | st.integers(0, 3), part, max_size=3),
    max_leaves=4,
)


@settings(max_examples=300)
@given(st.sampled_from(PLACES), JUNK)
def test_anything_anywhere_is_accepted_or_explained(path, junk):
    tree = copy.deepcopy(VALID)
    put(tree, path, junk)
    try:
        grid.build(tree)
    except ConfigError as error:
        assert str(error)


# What is right


def test_the_configs_that_come_with_the_project_are_right():
    files = [
        PROJECT / "config.yaml",
        *(PROJECT / "config").glob("*.yaml"),
        *(PROJECT / "tests" / "config").glob("*.yaml"),
    ]
    for file in files:
        assert grid.build(yaml.safe_load(file.read_text())).jobs, file


def test_a_right_config_is_not_changed():
    before = copy.deepcopy(VALID)
    grid.build(VALID)
    assert before == VALID


def test_defaults_are_filled_in():
    checked = config.check(VALID)
    assert (checked["run"], checked["seeds"], checked["threads"], checked["memory_mb"]) == ("all", [0], 1, 2000)
    study = checked["studies"]["vgg"]
    assert study["dataset"] == {
        "name": "digits", "path": None, "size": 32, "fit": "squash", "channels": 3, "classes": None, "validation": 0.1,
        "mean": 0.45, "std": 0.225,
    }  # fmt: skip
    assert study["finetune"] == {} and study["published"] is None
    assert study["train"]["batch_size"] == 128 and study["train"]["learning_rate"] == 0.05
    assert study["train"]["augment"] == [{"random_crop": {"size": 32, "padding": 2}}]
    assert checked["studies"]["mlp"]["latency"]["batch_sizes"] == [1, 256]
    assert "latency" not in study


def test_defaults_of_one_study_are_not_those_of_another():
    checked = config.check(VALID)
    checked["studies"]["vgg"]["train"]["milestones"].append(3)
    assert config.check(VALID)["studies"]["resnet"]["train"]["milestones"] == []


def test_a_study_has_the_device_of_the_top_unless_it_has_its_own_and_nodes_do_not_depend_on_it():
    assert {study["device"] for study in grid.build(VALID).studies.values()} == {"auto"}
    tree = copy.deepcopy(VALID) | {"device": "cuda"}
    tree["studies"]["mlp"]["device"] = "cpu"
    made = grid.build(tree)
    assert [study["device"] for study in made.studies.values()] == ["cuda", "cuda", "cpu"]
    assert made.jobs == grid.build(VALID).jobs


def test_a_study_has_the_seeds_threads_and_memory_of_the_top_unless_it_has_its_own():
    tree = copy.deepcopy(VALID) | {"seeds": [1, 2], "threads": 4}
    tree["studies"]["mlp"] |= {"seeds": [3], "threads": 1, "memory_mb": 500}
    studies = grid.build(tree).studies
    assert [(s["seeds"], s["threads"], s["memory_mb"]) for s in studies.values()] == [
        ([1, 2], 4, 2000), ([1, 2], 4, 2000), ([3], 1, 500)
    ]  # fmt: skip


# The register


def test_a_newly_registered_name_is_allowed_at_once(own_register):
    registry.register(registry.Score("newest", backend="pytorch", title=""))(lambda weight, dims: weight.sum(dims))
    tree = copy.deepcopy(VALID)
    put(tree, [*PRUNE, "method"], "newest")
    assert any("newest" in node for node in grid.build(tree).jobs)


def test_a_width_of_an_architecture_that_has_none_is_refused(own_register):
    @registry.register(registry.Model("narrow", backend="pytorch", title="", has=("convs",)))
    def narrow(num_classes):
        raise AssertionError("a check of a config builds no net")

    study = {"backend": "pytorch", "dataset": {"name": "digits", "size": 32}, "train": {"epochs": 2}}
    study |= {"chains": [["train"]], "model": {"name": "narrow"}}
    assert grid.build({"studies": {"a": study}}).jobs
    with pytest.raises(ConfigError, match=r"studies\.a\.model\.width: narrow has one width"):
        grid.build({"studies": {"a": study | {"model": {"name": "narrow", "width": 0.5}}}})


def test_annotations_that_only_type_checkers_can_read_do_not_hinder_the_check_of_arguments(own_register):
    def annotated(num_classes: int, depth: int = 2, layer: "nn.Module" = None) -> "nn.Module":  # noqa: F821
        raise AssertionError("a check of a config builds no net")

    entry = registry.Model("annotated", backend="pytorch", title="", function=annotated)
    validate.check_arguments(entry, {"depth": 3, "layer": "any"}, [], given=("num_classes",))
    with pytest.raises(ConfigError, match="depth"):
        validate.check_arguments(entry, {"depth": "three"}, [], given=("num_classes",))


@pytest.mark.parametrize(
    "path, text",
    [
        ([], ""),
        (["a"], "a"),
        (["a", 0, "b"], "a[0].b"),
        (["studies", "x", "chains", 1, 2, "prune"], "studies.x.chains[1][2].prune"),
    ],
)
def test_places_are_written_as_in_the_file(path, text):
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("nesterov", True, "Nesterov's momentum needs momentum"),
        ("augment", [{"random_crop": {"size": 64}}], "64 is more than the 32 pixels there are"),
        ("augment", [{"random_crop": {"size": 40, "padding": 3}}], "40 is more than the 38 pixels there are"),
        ("augment", [{"random_crop": {"size": 32, "padding": -3}}], "-3 is too small"),
        ("augment", [{"resize": 40}], "training would see images of 40 pixels, evaluation of 32"),
        ("augment", [{"horizontal_flip": {"probability": 7}}], "7 is too large"),
        ("prune_type", "filter_wise", "there is no penalty"),
    ],
)
def test_what_would_fail_or_mean_nothing_in_training_is_refused_before(key, value, words):
    study = copy.deepcopy(VALID["studies"]["vgg"])
    study |= {"chains": [[{"train": {key: [value] if key == "augment" else value, "momentum": 0.0}}]]}
    study.pop("latency", None)
    with pytest.raises(ConfigError, match=words):
        grid.build({"studies": {"vgg": study}})


def test_augmentations_that_end_at_the_right_size_are_accepted():
    study = copy.deepcopy(VALID["studies"]["vgg"])
    study |= {"chains": [[{"train": {"augment": [[{"resize": 40}, {"random_crop": {"size": 32}}]]}}]]}
    study.pop("latency", None)
    assert len(grid.build({"studies": {"vgg": study}}).jobs) == 1


def test_the_error_that_the_readme_shows_is_the_real_one():
    tree = yaml.safe_load((PROJECT / "config.yaml").read_text())
    wrong = {"prune_type": "filter_wise", "method": "mean_abs", "ratio": 40}
    tree["studies"]["cifar100_vgg16_bn"]["chains"] = [["train"], ["train", {"prune": wrong}]]
    shown = (PROJECT / "README.md").read_text()
    for line in str(error_of(tree)).splitlines():
        assert line.strip() in shown, f"mend it: in README.md, the error should have the line\n{line}"


def test_the_study_that_the_page_on_fair_comparison_shows_is_right():
    page = (PROJECT / "docs" / "fair_comparison.md").read_text()
    tree = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    steps = [job.step for job in grid.build(tree).jobs.values()]
    # Each seed: one net; filters and weights, by two methods in two scopes at five ratios; both ways of fine-tuning, of
    # the dense net too; from scratch filters for both budgets, weights for one.
    expected = {"train": 1, "prune": 2 * 2 * 2 * 5, "finetune": 2 * (2 * 2 * 2 * 5 + 1), "scratch": 5 * 2 + 5}
    assert {step: steps.count(step) for step in expected} == {step: 3 * n for step, n in expected.items()}
    assert len(steps) == 3 * sum(expected.values())
