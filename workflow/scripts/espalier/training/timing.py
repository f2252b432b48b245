"""How long prediction takes: nets timed side by side, in one process and in turns, so that their ratios are of one run.

A shared or busy machine makes single times worthless; when all nets take turns, whatever disturbs one disturbs all.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from espalier.datasets.prepare import load


def measure(
    nets: dict[str, str | Path],
    predictor: Callable,
    data: str | Path,
    baselines: dict[str, str],
    *,
    batch_sizes: list[int],
    threads: int,
    warmup: int,
    repeats: int,
) -> list[dict]:
    """Time every net at every batch size.

    nets: node -> model file. predictor: (file, threads) -> (prepare, run), where prepare(images (n, h, w, c) uint8)
    gives what run takes. Only `run` is timed: neither opening a file, nor putting images into the form that a runtime
    takes, nor the first calls. data: prepared data set; its test images are the input. baselines: node -> the node it
    is compared with. Returns one row per net and batch size: median and 90th percentile in milliseconds per call, over
    `repeats` calls after `warmup` calls.
    """
    images = load(data).test.images
    functions = {node: predictor(path, threads) for node, path in nets.items()}
    order, turns = list(functions), random.Random(0)
    rows = []
    for size in batch_sizes:
        batch = np.resize(images, (size, *images.shape[1:]))
        kinds = {prepare for prepare, _ in functions.values()}
        prepared = {prepare: prepare(batch) for prepare in kinds}  # nets of one kind share their input
        calls = {node: partial(run, prepared[prepare]) for node, (prepare, run) in functions.items()}
        for call in calls.values():
            for _ in range(warmup):
                call()
        taken: dict[str, list[float]] = {node: [] for node in order}
        for _ in range(repeats):
            turns.shuffle(order)  # so that no net always runs in another's wake
            for node in order:
                started = time.perf_counter()
                calls[node]()
                taken[node].append(1000 * (time.perf_counter() - started))
        for node in functions:
            median, p90 = np.percentile(taken[node], [50, 90])
            place = {
                "node": node,
                "baseline": baselines[node],
                "threads": threads,
                "batch_size": size,
                "repeats": repeats,
            }
            rows.append({**place, "median_ms": float(median), "p90_ms": float(p90)})
        print(f"batch size {size}: {len(functions)} nets, {repeats} calls each", flush=True)
    return rows


def plain(images: np.ndarray) -> np.ndarray:
    """Images (n, h, w, c) uint8 as a batch of -1 to 1 to be timed: to what they are normalised changes no time."""
    return (images / 127.5 - 1).astype(np.float32)
