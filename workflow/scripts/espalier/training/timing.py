"""How long prediction takes: nets timed side by side, in one process and in turns, so that their ratios are of one run.

A shared or busy machine makes single times worthless; when all nets take turns, whatever disturbs one disturbs all.
Each baseline is timed twice, as two nets: what its two copies differ by is the noise, and a smaller gain is none.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from espalier.datasets.prepare import load

Predictor = tuple[Callable[[np.ndarray], Any], Callable[[Any], Any]]  # (prepare, run)
Timed = tuple[str, bool]  # a node, and whether it is the second copy of a baseline
RESAMPLES = 1000


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
    milliseconds per call, the interval of the time of its baseline / its own (of a baseline: of its copy), and the
    noise, which is the factor that the two copies of its baseline may differ by.
    """
    timing, images = Timing(**how), load(data).test.images
    functions: dict[Timed, Predictor] = {(node, False): predictor(path, timing.threads) for node, path in nets.items()}
    for base in dict.fromkeys(baselines[node] for node in nets):
        functions[base, True] = predictor(nets[base], timing.threads)
    turns, rows = random.Random(0), []
    for size in timing.batch_sizes:
        calls = _calls(functions, np.resize(images, (size, *images.shape[1:])))
        taken = _milliseconds(calls, timing, turns)
        for node in nets:
            row = {"node": node, "baseline": baselines[node], "threads": timing.threads, "batch_size": size}
            rows.append(row | {"repeats": timing.repeats} | _measured(taken, node, baselines[node]))
        print(f"batch size {size}: {len(nets)} nets, {timing.repeats} calls each", flush=True)
    return rows


def _measured(taken: Mapping[Timed, list[float]], node: str, base: str) -> dict[str, float]:
    """The numbers of a net's row."""
    median, p90 = np.percentile(taken[node, False], [50, 90])
    null = ratio_interval(taken[base, True], taken[base, False])
    low, high = null if node == base else ratio_interval(taken[base, False], taken[node, False])
    numbers = {"median_ms": median, "p90_ms": p90, "ratio_low": low, "ratio_high": high}
    return {key: float(number) for key, number in (numbers | {"noise": max(null[1], 1 / null[0])}).items()}


def ratio_interval(one: Sequence[float], other: Sequence[float], resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % interval of median(one) / median(other), by a bootstrap over rounds (Efron 1979): the calls of a round
    are disturbed by the same things, and are drawn together.

    >>> ratio_interval([2.0, 2.0, 2.0], [1.0, 1.0, 1.0])
    (2.0, 2.0)
    """
    times = np.array([one, other])
    rounds = np.random.default_rng(0).integers(0, times.shape[1], (resamples, times.shape[1]))
    medians = np.median(times[:, rounds], axis=2)
    low, high = np.percentile(medians[0] / medians[1], [2.5, 97.5])
    return float(low), float(high)


def _calls(functions: Mapping[Timed, Predictor], batch: np.ndarray) -> dict[Timed, Callable[[], Any]]:
    """For each node the call that is timed. Nets of one kind share their prepared input."""
    prepared = {prepare: prepare(batch) for prepare in {prepare for prepare, _ in functions.values()}}
    return {net: partial(run, prepared[prepare]) for net, (prepare, run) in functions.items()}


def _milliseconds(
    calls: Mapping[Timed, Callable[[], Any]], timing: Timing, turns: random.Random
) -> dict[Timed, list[float]]:
    """The times of each net's calls, which take turns in an order that changes: no net is always in another's wake."""
    for call in calls.values():
        for _ in range(timing.warmup):
            call()
    taken: dict[Timed, list[float]] = {net: [] for net in calls}
    order = list(calls)
    for _ in range(timing.repeats):
        turns.shuffle(order)
        for net in order:
            started = time.perf_counter()
            calls[net]()
            taken[net].append(1000 * (time.perf_counter() - started))
    return taken


def plain(images: np.ndarray) -> np.ndarray:
    """Images (n, h, w, c) uint8 as a batch from -1 to 1 to be timed: how they are normalised changes no time.

    >>> plain(np.array([[[[0], [255]]]], np.uint8)).ravel().tolist()
    [-1.0, 1.0]
    """
    return (images / 127.5 - 1).astype(np.float32)
