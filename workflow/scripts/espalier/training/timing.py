"""How long prediction takes: nets timed side by side, in one process and in turns, so that their ratios are of one run.

A shared or busy machine makes single times worthless; when all nets take turns, whatever disturbs one disturbs all.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from espalier.datasets.prepare import load

Predictor = tuple[Callable[[np.ndarray], Any], Callable[[Any], Any]]  # (prepare, run)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How nets are timed. threads: of each call. warmup: calls before the `repeats` that are timed."""

    batch_sizes: list[int]
    threads: int
    warmup: int
    repeats: int


def measure(
    nets: Mapping[str, str | Path],
    predictor: Callable[[str | Path, int], Predictor],
    data: str | Path,
    baselines: Mapping[str, str],
    **how: Any,
) -> list[dict[str, Any]]:
    """Time every net at every batch size.

    nets: node -> model file. predictor: (file, threads) -> (prepare, run), where prepare(images (n, h, w, c) uint8)
    gives what run takes. Only `run` is timed: neither opening a file, nor putting images into the form that a runtime
    takes, nor the first calls. data: prepared data set; its test images are the input. baselines: node -> the node it
    is compared with. how: what `Timing` says. Returns one row per net and batch size: median and 90th percentile in
    milliseconds per call.
    """
    timing, images = Timing(**how), load(data).test.images
    functions = {node: predictor(path, timing.threads) for node, path in nets.items()}
    turns, rows = random.Random(0), []
    for size in timing.batch_sizes:
        calls = _calls(functions, np.resize(images, (size, *images.shape[1:])))
        taken = _milliseconds(calls, timing, turns)
        for node, times in taken.items():
            median, p90 = np.percentile(times, [50, 90])
            row = {"node": node, "baseline": baselines[node], "threads": timing.threads, "batch_size": size}
            rows.append(row | {"repeats": timing.repeats, "median_ms": float(median), "p90_ms": float(p90)})
        print(f"batch size {size}: {len(calls)} nets, {timing.repeats} calls each", flush=True)
    return rows


def _calls(functions: Mapping[str, Predictor], batch: np.ndarray) -> dict[str, Callable[[], Any]]:
    """For each node the call that is timed. Nets of one kind share their prepared input."""
    prepared = {prepare: prepare(batch) for prepare in {prepare for prepare, _ in functions.values()}}
    return {node: partial(run, prepared[prepare]) for node, (prepare, run) in functions.items()}


def _milliseconds(
    calls: Mapping[str, Callable[[], Any]], timing: Timing, turns: random.Random
) -> dict[str, list[float]]:
    """The times of each node's calls, which take turns in an order that changes: no net is always in another's wake."""
    for call in calls.values():
        for _ in range(timing.warmup):
            call()
    taken: dict[str, list[float]] = {node: [] for node in calls}
    order = list(calls)
    for _ in range(timing.repeats):
        turns.shuffle(order)
        for node in order:
            started = time.perf_counter()
            calls[node]()
            taken[node].append(1000 * (time.perf_counter() - started))
    return taken


def plain(images: np.ndarray) -> np.ndarray:
    """Images (n, h, w, c) uint8 as a batch from -1 to 1 to be timed: how they are normalised changes no time.

    >>> plain(np.array([[[[0], [255]]]], np.uint8)).ravel().tolist()
    [-1.0, 1.0]
    """
    return (images / 127.5 - 1).astype(np.float32)
