"""A run that never ran: small studies of every kind with made-up numbers, to try figures, tables and findings on.

The jobs are those that the configs below lead to; their records are written by the code that writes real ones, and
collected as real ones are. The numbers are plausible: pruned nets are smaller and a little less accurate.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from espalier.analysis import tidy
from espalier.plan import grid, sensitivity
from espalier.plan.grid import Grid
from espalier.plan.job import Job
from espalier.plan.steps import STEPS
from espalier.run import records
from espalier.run.integrity import write_sealed
from espalier.training.operators import FLOAT, INT8, Operator

DIGITS = {"name": "digits", "size": 32, "channels": 3}
FILTERS = {"prune_type": "filter_wise", "method": ["mean_abs", "random"], "ratio": [0.2, 0.4, 0.6]}
TIMED = {"batch_sizes": [1, 8]}
CONFIG = {
    "seeds": [0, 1],
    "studies": {
        "filters": {
            "title": "Filters, made up", "published": "cifar100_vgg16_bn", "backend": "pytorch", "dataset": DIGITS,
            "model": {"name": "vgg16_bn"}, "train": {"epochs": 3}, "finetune": {"epochs": 2}, "latency": TIMED,
            "sensitivity": {"prune_type": "filter_wise", "method": "mean_abs", "ratios": [0.25, 0.5, 0.75]},
            "chains": [
                ["train"], ["train", "finetune"],
                [{"train": {"penalty": "l2_groups", "prune_type": "filter_wise"}}, {"prune": FILTERS}, "finetune"],
                ["train", {"prune": FILTERS}, "finetune"], ["train", {"prune": FILTERS}, "scratch"],
                ["train", {"prune": {"prune_type": "weight", "ratio": [0.5, 0.9]}}, "finetune"],
                [{"train": {"penalty": "l2_groups", "prune_type": "channel_wise"}},
                 {"prune": {"prune_type": "channel_wise", "method": "mean_abs", "ratio": [0.2, 0.4]}}, "finetune"],
            ],
        },
        "blocks": {
            "title": "Residual blocks, made up", "published": "cifar100_resnet50", "backend": "pytorch",
            "dataset": DIGITS, "model": {"name": "resnet50"}, "train": {"epochs": 3}, "latency": TIMED,
            "chains": [
                ["train", "finetune"],
                ["train", {"prune": {"prune_type": "depth_wise", "method": "mean_abs", "blocks": [1, 2, 4]}},
                 {"finetune": [{"learning_rate": 0.02}, {"rewind": True}]}],
            ],
        },
        "sparse": {
            "title": "Sparse filters, made up", "published": "cifar10_conv", "backend": "pytorch", "dataset": DIGITS,
            "model": {"name": "cifar10_conv"}, "train": {"epochs": 3}, "latency": TIMED,
            "chains": [
                ["train"],
                [{"train": {"penalty": "group_lasso", "prune_type": "filter_wise"}},
                 {"prune": [{"prune_type": "weight", "threshold": [0.001, 0.01]},
                            {"prune_type": "filter_wise", "method": "max_abs", "threshold": 0.001}]}],
            ],
        },
        "units": {
            "title": "Weights and units, made up", "published": "mnist_mlp", "backend": "keras",
            "dataset": {"name": "digits", "size": 28, "channels": 1}, "model": {"name": "mlp"}, "train": {"epochs": 3},
            "latency": TIMED,
            "chains": [
                [{"train": {"init": [{"name": "glorot"}, {"name": "normal"}]}},
                 {"prune": {"prune_type": ["weight", "unit"], "ratio": [0.2, 0.5, 0.8, 0.9]}}],
            ],
        },
        "quantized": {
            "title": "Pruned and quantized, made up", "published": "cats_dogs_vgg16", "backend": "keras",
            "dataset": DIGITS | {"classes": ["3", "8"]}, "model": {"name": "vgg16"}, "train": {"epochs": 3},
            "latency": TIMED | {"scheme": ["none", "float32", "dynamic_int8", "static_int8"]},
            "chains": [
                ["train", "finetune"],
                ["train", {"prune": {"prune_type": "weight", "ratio": [0.5, 0.9], "schedule": "gradual"}}],
                ["train", {"quantize": {"scheme": ["float32", "float16", "dynamic_int8", "static_int8", "qat_int8"]}}],
                ["train", {"prune": {"prune_type": "weight", "ratio": 0.9, "schedule": "gradual"}},
                 {"quantize": {"scheme": ["dynamic_int8", "static_int8"]}}],
            ],
        },
    },
}  # fmt: skip
LAYERS = {"conv1": (64, 1_728), "conv2": (128, 73_728), "conv3": (256, 294_912), "classifier": (10, 2_560)}
PARAMS = sum(weights for _, weights in LAYERS.values())
FILES = {"model_sha256": 64 * "0", "data_sha256": 64 * "0"}
SOFTWARE = {"python": "3.11.7", "torch": "2.0.1", "tensorflow": "2.0.1", "processor": "made up", "device": "cpu"}
SECONDS = {"seconds": 9.0, "import_seconds": 2.0, "work_seconds": 6.0, "evaluate_seconds": 1.0}
TIMING = SECONDS | {"peak_memory_mib": 500.0, "threads": 1}


@functools.cache
def run() -> tuple[Grid, Path]:
    """The jobs of the made-up run, and the folder of its tidy tables, which lasts as long as the process."""
    made_up, folder = grid.build(CONFIG), tempfile.TemporaryDirectory(prefix="espalier_made_up_")
    _kept.append(folder)
    return made_up, write(made_up, folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []  # they are removed when the process ends


def write(made_up: Grid, folder: str | Path) -> Path:
    """Write the records of all jobs, and their tidy tables; the folder of these."""
    folder, written = Path(folder), []
    for job in made_up.jobs.values():
        written.append(folder / job.node / "record.json")
        written[-1].parent.mkdir(parents=True)
        records.write(written[-1], job.columns, _details(job), TIMING, SOFTWARE, FILES)
    places = [(name, seed) for name, study in made_up.studies.items() for seed in study["seeds"]]
    timed = [folder / name / f"seed{seed}" / "latency.json" for name, seed in places]
    for file, (name, seed) in zip(timed, places, strict=True):
        write_sealed(file, {"rows": list(_times(made_up, name, seed)), "timing": TIMING, "software": SOFTWARE})
    tidy.collect(written, timed, folder / "records")
    scanned = list(_sensitivity(made_up, folder))
    tidy.collect_sensitivity(scanned, folder / "records" / "sensitivity.csv")
    return folder / "records"


def _sensitivity(made_up: Grid, folder: Path) -> Iterator[Path]:
    """Write what pruning of single layers costs, of the studies that ask for it; the files."""
    for name, seed in [(name, seed) for name, study in made_up.studies.items() for seed in study["seeds"]]:
        for node in sensitivity.roots(made_up.studies[name], made_up.of(name, seed)):
            how = sensitivity.how(made_up.studies[name])
            place = {"node": node, "prune_type": how["prune_type"], "method": how["method"], "together": 1}
            rows = [
                place | _without(layer, number, ratio, _generator(f"{node}{layer}{ratio}"))
                for number, layer in enumerate(LAYERS)
                for ratio in how["ratios"]
            ]
            path = folder / node / "sensitivity.json"
            write_sealed(path, {"node": node, "rows": rows, "timing": TIMING, "software": SOFTWARE})
            yield path


def _without(layer: str, number: int, ratio: float, draw: np.random.Generator) -> dict[str, Any]:
    channels = LAYERS[layer][0]
    top1 = float(92 - (30 - 5 * number) * ratio**2 + draw.normal(0, 0.3))
    measured = {"images": 180, "top1": top1, "dense_top1": 92.0}
    return {"layer": layer, "channels": channels, "ratio": ratio, "removed": int(channels * ratio)} | measured


def _generator(node: str) -> np.random.Generator:
    return np.random.default_rng(int(hashlib.sha256(node.encode()).hexdigest()[:8], 16))


def _left(columns: dict[str, Any]) -> tuple[float, bool]:
    """The share of the weights that are left, and whether the others are zero rather than gone."""
    gone = float(columns["ratio"] or 0) or (columns["blocks"] or 0) / 16 or (0.4 if columns["threshold"] else 0)
    return 1 - gone, columns["prune_type"] == "weight"


def _details(job: Job) -> dict[str, Any]:
    draw, columns = _generator(job.node), job.columns
    left, zeroed = _left(columns)
    top1 = float(92 - 15 * (1 - left) ** 2 - (4 if job.step == "prune" else 0) + draw.normal(0, 0.3))
    size = 4 * PARAMS * (1 if zeroed else left) / (4 if "int8" in (columns["scheme"] or "") else 1)
    params = round(PARAMS * (1 if zeroed else left))
    macs = 100 * params
    measured = {
        "top1": top1, "top5": (100 + top1) / 2, "test_loss": (100 - top1) / 20, "test_images": 360, "params": params,
        "macs": macs, "flops": 2 * macs, "published_macs": macs + 1000, "nonzero_params": round(PARAMS * left),
        "sparsity": 100 * (1 - left) if zeroed else 0.0, "size_bytes": round(size), "zipped_bytes": round(0.9 * size),
    }  # fmt: skip
    if columns["prune_type"] and job.step == "prune":
        measured["actual_ratio"] = 1 - left
    if job.step == "quantize":
        measured |= {"int8_operators": 4 if "int8" in columns["scheme"] else 0}
    details: dict[str, Any] = {"measured": measured, "layers": [_layer(name, left, zeroed) for name in LAYERS]}
    if STEPS[job.step].trains or "recipe" in job.params:
        epochs = round(columns["epochs"])
        details["history"] = [_epoch(number, epochs, top1) for number in range(1, epochs + 1)]
    if columns["schedule"] == "gradual" and job.step == "prune":
        details["summary"] = [_wrapped(name) for name in LAYERS]
        wrapped = {"wrapped_params": 2 * PARAMS, "wrapped_trainable_params": PARAMS, "wrapped_bytes": 8 * PARAMS}
        measured |= wrapped | {"h5_bytes": 4 * PARAMS, "h5_zipped_bytes": round(4 * PARAMS * left)}
    return details


def _layer(name: str, left: float, zeroed: bool) -> dict[str, Any]:
    width, weights = LAYERS[name]
    if not zeroed:
        return {"layer": name, "width": max(1, round(width * left)), "weights": round(weights * left), "zeros": 0}
    zeros = round(weights * (1 - left))
    each = [zeros // width + (number < zeros % width) for number in range(width)]
    return {"layer": name, "width": width, "weights": weights, "zeros": zeros, "kind": "Conv2d", "filter_zeros": each}


def _epoch(number: int, epochs: int, top1: float) -> dict[str, Any]:
    loss, reached = 2.0 / number, top1 * number / epochs
    trained = {"train_loss": loss, "train_top1": reached}
    validated = {"validation_loss": loss + 0.1, "validation_top1": reached - 0.5}
    return {"epoch": number, "learning_rate": 0.05} | trained | validated | {"seconds": 1.0}


def _wrapped(name: str) -> dict[str, Any]:
    weights = LAYERS[name][1]
    shape = {"output_shape": "(32, 32, 3)", "params": weights, "wrapped_params": 2 * weights, "pruned": True}
    return {"layer": name, "kind": "Conv2D", **shape}


def _times(made_up: Grid, study: str, seed: int) -> Iterator[dict[str, Any]]:
    for node, baseline in made_up.timed(study, seed).items():
        columns, draw = made_up.jobs[node].columns, _generator(node)
        left, zeroed = _left(columns)
        for batch in made_up.studies[study]["latency"]["batch_sizes"]:
            median = (
                batch * (1.0 if zeroed else 0.3 + 0.7 * left) * (0.4 if columns["scheme"] == "static_int8" else 1.0)
            )
            median *= float(draw.uniform(0.98, 1.02))
            place = {"study": study, "seed": seed, "node": node, "baseline": baseline, "threads": 1}
            timed = {"batch_size": batch, "repeats": 100, "median_ms": median, "p90_ms": 1.1 * median, "noise": 1.03}
            ratio = batch / median if node != baseline else 1.0
            timed |= {"ratio_low": 0.98 * ratio, "ratio_high": 1.02 * ratio}
            yield place | timed | ({"operators": _operators(columns["scheme"])} if columns["scheme"] else {})


def _operators(scheme: str) -> str:
    """What a TFLite file runs, as a record has it."""
    name, computes = ("FULLY_CONNECTED hybrid", INT8) if "int8" in scheme else ("FULLY_CONNECTED", FLOAT)
    return json.dumps([Operator("CONV_2D", FLOAT, True, 3).row(), Operator(name, computes, True, 1).row()])
