"""Words for rows and studies: what a net is called, how it was trained, and how a study was set up.

A row is one of the grid, of results.csv or of `nets.of`, as a pandas Series or a dict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from espalier import registry
from espalier.analysis import chance, registered
from espalier.analysis.retraining import PLAIN, WORDS
from espalier.backends import BACKENDS
from espalier.registry import Scheme

Row = pd.Series | Mapping[str, Any]

FEW = 1000  # test images: with fewer an accuracy near 90 % has an interval of 4 points and more
COSTS = "macs|params|speed_up|compression|size_mib"  # amounts that say what is left
AMOUNT = re.compile(rf"((ratio|blocks|threshold|pattern|{COSTS})=)?[\d.:]+(e-?\d+)?")  # a word of a folder's name


def net_names(rows: pd.DataFrame, of: Callable[[Row], str] | None = None) -> list[str]:
    """What `of` (`label`, if not given) says of each row. Where it says the same of several variants, what tells their
    folders apart is added: "filter_wise sum 0.50, prune 0.20" (pruned before), "dense, train batch_size=64"."""
    words = [(of or label)(row) for _, row in rows.iterrows()]
    shared: dict[str, dict[str, list[list[str]]]] = {}
    for name, variant in zip(words, rows["variant"], strict=True):
        shared.setdefault(name, {})[variant] = [folder.split("~") for folder in variant.split("/")]
    names = {name: told_apart(name, folders) for name, folders in shared.items()}
    return [names[name][variant] for name, variant in zip(words, rows["variant"], strict=True)]


def told_apart(name: str, variants: dict[str, list[list[str]]]) -> dict[str, str]:
    """A name for each of the variants that share `name`. variants: each with the words of its folders.

    >>> told_apart("dense", {"a": [["train"]], "b": [["train", "batch_size=64"]]})
    {'a': 'dense, train', 'b': 'dense, train batch_size=64'}
    """
    if len(variants) == 1:
        return dict.fromkeys(variants, name)
    folders = set.intersection(*({tuple(folder) for folder in parts} for parts in variants.values()))
    words = set.intersection(*({word for _, *rest in parts for word in rest} for parts in variants.values()))
    names = {
        variant: ", ".join([name, *_own_words(parts, folders, words)]) for variant, parts in variants.items()
    }  # fmt: skip
    return names if len(set(names.values())) == len(names) else {variant: f"{name} ({variant})" for variant in variants}


def _own_words(parts: list[list[str]], folders: set[tuple[str, ...]], words: set[str]) -> list[str]:
    """The folders that not all variants share, without the words that all have."""
    return [
        " ".join([step, *(word for word in rest if word not in words)])
        for step, *rest in parts
        if (step, *rest) not in folders
    ]


def label(row: Row) -> str:
    """A variant in words: "filter_wise mean_abs 0.40, l2_groups training", "weight magnitude 0.50, init glorot",
    "filter_wise mean_abs 0.40, from scratch", "dense, static_int8", "dense, fine-tuned, static_int8"."""
    parts = [pruning_label(row)]
    if not parts[0]:
        parts = [training_label(row), "fine-tuned" if "finetune" in row["chain"] and not retraining_label(row) else ""]
    elif pd.isna(row["penalty"]):
        parts[0] += _init(row)
    else:
        groups = "" if row["penalty_type"] == row["prune_type"] else f" {row['penalty_type']}"
        parts.append(f"{row['penalty']}{groups} training{_init(row)}")
    return ", ".join(part for part in (*parts, retraining_label(row), scheme_label(row)) if part)


def training_label(row: Row) -> str:
    """How a row's net was trained: "dense", "l2_groups filter_wise", "dense, init glorot".

    >>> training_label({"penalty": None, "init": "glorot"})
    'dense, init glorot'
    """
    penalty = f"{row['penalty']} {row['penalty_type']}" if pd.notna(row["penalty"]) else "dense"
    return penalty + _init(row)


def pruning_label(row: Row) -> str:
    """How a row's net was pruned: "filter_wise mean_abs 0.40", "depth_wise mean_abs 2 blocks", "weight magnitude 2:4",
    "weight magnitude below 0.001", "weight magnitude 0.50 layer", "weight magnitude 0.50 gradual"; "" if it was not
    pruned. The scope is named where it is not the one that a config gets if it names none."""
    if pd.isna(row["prune_type"]):
        return ""
    words = [row["prune_type"], row["method"], amount(row), scope_label(row), row["schedule"]]
    return " ".join(word for word in words if pd.notna(word) and word)


def amount(row: Row) -> str:
    """How much the last pruning was asked to remove.

    >>> amount({"blocks": 2, "pattern": None, "threshold": None, "ratio": None})
    '2 blocks'
    >>> amount({"blocks": None, "pattern": None, "threshold": None, "ratio": "0.4"})
    '0.40'
    >>> amount({"blocks": None, "pattern": None, "threshold": None, "ratio": None, "asked": "macs 0.50"})
    'macs 0.50'
    """
    if pd.notna(row["blocks"]):
        return f"{row['blocks']:g} block{'s' if row['blocks'] != 1 else ''}"
    if pd.notna(row["pattern"]):
        return row["pattern"]
    if pd.notna(row["threshold"]):
        return f"below {row['threshold']:g}"
    if pd.notna(row.get("asked")):
        return row["asked"]
    return f"{float(row['ratio']):.2f}"


def scope_label(row: Row) -> str:
    """The scope of a row's pruning, if it has one (a threshold or a pattern has none), and that is not the usual one;
    else ""."""
    if pd.isna(row["scope"]) or pd.notna(row["threshold"]) or pd.notna(row["pattern"]):
        return ""
    return "" if row["scope"] == registered.usual_scope(row) else row["scope"]


def retraining_label(row: Row) -> str:
    """How a row's net was trained after its pruning, where that is not plain fine-tuning: "rewound", "distilled", "from
    scratch", "from scratch for equal FLOPs", "from scratch, fine-tuned".

    >>> retraining_label({"chain": "train > prune > finetune", "retraining": "rewind"})
    'rewound'
    >>> retraining_label({"chain": "train > prune > scratch > distill", "retraining": "distill", "budget": "epochs"})
    'from scratch, distilled'
    """
    later, words = row["chain"].rpartition("prune")[2], []
    if "scratch" in later:
        words.append("from scratch" + (" for equal FLOPs" if row["budget"] == "flops" else ""))
    value = row["retraining"]
    if pd.notna(value) and value != "scratch" and (words or value != PLAIN):
        words.append(WORDS[value])
    return ", ".join(words)


def scheme_label(row: Row) -> str:
    """How a row's net was quantized: "static_int8", "float32 export"; "" if it was not exported at all."""
    if pd.isna(row["scheme"]):
        return ""
    quantizes = registry.get(Scheme, row["scheme"], row["backend"]).quantizes
    return row["scheme"] if quantizes else f"{row['scheme']} export"


def way_of(row: Row, amounts: bool = True) -> str:
    """How a net came about, whatever its prune type: its folders with "*" for that, of the training the options only.
    amounts: whether nets that were pruned by different amounts came about in different ways.

    >>> way_of({"variant": "train~l1/prune~filter_wise~sum~0.40/finetune", "prune_type": "filter_wise"})
    'train/prune~*~sum~0.40/finetune'
    """
    first, *rest = row["variant"].split("/")
    kind, *options = first.split("~")
    words = [["*" if word == row["prune_type"] else word for word in folder.split("~")] for folder in rest]
    if not amounts:
        words = [[word for word in folder if not AMOUNT.fullmatch(word)] for folder in words]
    return "/".join(map("~".join, [[kind, *(word for word in options if "=" in word)], *words]))


def runtime_of(row: Row) -> str:
    """What runs a row's net: the framework that trained it, or the runtime that a quantized or exported net is for.

    >>> runtime_of({"backend": "pytorch", "scheme": "static_int8"})
    'ONNX Runtime'
    """
    backend = BACKENDS[row["backend"]]
    return (backend.quantized if pd.notna(row["scheme"]) else backend.net).runtime


def remark_on(row: Row) -> str | None:
    """What a reader must know of a row's accuracy: that the epoch was chosen by the very images it is measured on."""
    return "best epoch on test" if row["select"] == "best_test" else None


def floor_label(row: Row) -> str:
    """A remark on a net of which pruning cut layers down to the least that a layer keeps; "" if it cut none so far.

    >>> floor_label({"layers_on_floor": 4.0}), floor_label({"layers_on_floor": float("nan")})
    ('4 layers cut down to the least that a layer keeps', '')
    """
    number = row.get("layers_on_floor")
    if number is None or pd.isna(number) or not number:
        return ""
    return f"{number:.3g} layer{'' if number == 1 else 's'} cut down to the least that a layer keeps"


def data_name(dataset: dict) -> str:
    """A data set in words: "digits", or with those of its classes that are used.

    >>> data_name({"name": "digits", "classes": ["0", "1"]})
    'digits, classes 0 and 1'
    """
    if outputs := dataset.get("outputs"):
        return f"{dataset['name']}, {len(outputs['classes'])} classes among {outputs['number']} outputs"
    classes = dataset.get("classes")
    if not classes:
        return dataset["name"]
    *most, last = map(str, classes)
    return f"{dataset['name']}, class{'es' if most else ''} {' and '.join([', '.join(most), last] if most else [last])}"


def weights_name(study: dict, results: pd.DataFrame | None = None) -> str:
    """The initial weights in words: before there are results as the config asks for them, then as they really were."""
    net = study["model"]
    asked: str = net.get("weights", "random")
    if results is None:
        words = {"random": "initial weights random, not pretrained", "imagenet": "ImageNet weights"}
        fallback = " (random ones, if they cannot be had)" if asked != "random" and net.get("fallback") else ""
        return words.get(asked, f"weights of {Path(asked).name}") + fallback
    used = sorted(set(results["weights"].dropna()))
    if used == ["random"] and asked == "imagenet":
        return "random initial weights: ImageNet weights could not be had"
    if used == ["random"]:
        return "initial weights random, not pretrained"
    words = {
        "imagenet": "ImageNet weights",
        "random": "random initial weights",
        "file": f"weights of {Path(asked).name}",
    }
    return " and ".join(words.get(weights, str(weights)) for weights in used)


def setup_line(study: dict, results: pd.DataFrame | None = None) -> str:
    """What every table and figure says of its study: data, resolution, net, epochs, initial weights and seeds.

    study: its checked config; results: its rows, once there are any (initial weights are then those really used).
    """
    data, net, seeds = study["dataset"], study["model"], study["seeds"]
    images = _values(results, "test_images")
    return "; ".join((
        f"{data_name(data)} at {data['size']}x{data['size']}x{data.get('channels', 3)}",
        f"{net['name']}" + ("" if net.get("width", 1) == 1 else f" at {net['width']:g} of its width"),
        _epochs(study, results),
        weights_name(study, results),
        *_selected_epochs(study, results),
        *([_test_images(images)] if images else []),
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))} (n={len(seeds)})",
        *([words] if results is not None and (words := chance.warning(results)) else []),
        *([f"{len(missing)} more results failed or were not run"] if (missing := study.get("unfinished")) else []),
    ))  # fmt: skip


def smoke_test(results: pd.DataFrame | None) -> str:
    """A remark on accuracies of so few test images that nothing follows from them; "" if there are enough.

    >>> smoke_test(pd.DataFrame({"test_images": [360, 360]}))
    'smoke test: accuracies of 360 test images'
    """
    images = _values(results, "test_images")
    return f"smoke test: accuracies of {images[0]:g} test images" if images and images[0] < FEW else ""


def _test_images(images: list[float]) -> str:
    words = f"{' and '.join(f'{n:g}' for n in images)} test images"
    return f"smoke test: accuracies of {words}" if images[0] < FEW else words


def _epochs(study: dict, results: pd.DataFrame | None) -> str:
    """The epochs of each kind of training in words: "6 epochs of training, 3 of fine-tuning"."""
    epochs = study["train"].get("epochs")  # none of a study whose nets are all given
    trains = any("train" in chain[0] or "init" in chain[0] for chain in study["chains"])
    words = f"{epochs} epoch{'' if epochs == 1 else 's'} of training" if trains else "the net as given"
    if any("finetune" in step for chain in study["chains"] for step in _with_rounds(chain)):
        words += f", {(study.get('finetune') or {}).get('epochs', epochs)} of fine-tuning"
    if results is None:
        return words
    gradual = results[(results["schedule"] == "gradual") & (results["step"] == "prune")]
    later = {"gradual pruning": gradual, "training from scratch": results[results["step"] == "scratch"]}
    for name, rows in later.items():
        if numbers := _values(rows, "epochs"):
            words += f", {' or '.join(f'{n:g}' for n in numbers)} of {name}"
    return words


def _with_rounds(chain: list) -> list:
    """The steps of a chain, those of its rounds too."""
    inside = [step["rounds"]["steps"] for step in chain if isinstance(step, dict) and "rounds" in step]
    return [*chain, *(step for steps in inside for step in steps)]


def _values(results: pd.DataFrame | None, column: str) -> list[Any]:
    """The values of a column that are there, each once, in order."""
    return [] if results is None or column not in results else sorted(set(results[column].dropna()))


def _selected_epochs(study: dict, results: pd.DataFrame | None) -> list[str]:
    """Which epoch's weights the nets have, in words, if it is not the last one's: of all results, or of some."""
    used = {study["train"].get("select", "last")} if results is None else set(results["select"].dropna())
    words = {"best_validation": "the best epoch on validation images", "best_test": "the best epoch on the test images"}
    return [f"{name}{'' if len(used) == 1 else ' (some nets)'}" for key, name in words.items() if key in used]


def _init(row: Row) -> str:
    return f", init {row['init']}" if pd.notna(row["init"]) else ""
