"""How long prediction takes: nets timed side by side, in one process and in turns, so that their ratios are of one run.

A shared or busy machine makes single times worthless; when all nets take turns, whatever disturbs one disturbs all.
Each baseline is timed twice, as two nets: what its two copies differ by is the noise, and a smaller gain is none.
Rounds of calls go on until the interval of each net's ratio to its baseline is narrow enough, or to a limit. To stop by
the width of an interval, and not by what it holds, leaves its level as it is (Chow and Robbins 1965, "On the asymptotic
theory of fixed-width sequential confidence intervals for the mean", Annals of Mathematical Statistics 36).
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espalier.datasets.prepare import load

if TYPE_CHECKING:
    from espalier.training.operators import Operator

Predictor = tuple[Callable[[np.ndarray], Any], Callable[[Any], Any]]  # (prepare, run)
Timed = tuple[str, bool]  # a node, and whether it is the second copy of a baseline
RESAMPLES = 1000
PRECISION = 0.05  # as a share of a ratio: the width of its interval that is narrow enough
MORE = 3  # times as many rounds as asked for, at the most


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How nets are timed. threads: of each call. warmup: calls before the first that is timed. repeats: rounds of calls
    that all nets take part in; then those go on, up to `most_repeats` (None: MORE times `repeats`), the interval of
    whose ratio to their baseline is wider than `precision`, as a share of the ratio."""

    batch_sizes: list[int]
    threads: int
    warmup: int
    repeats: int
    precision: float = PRECISION
    most_repeats: int | None = None

    @property
    def most(self) -> int:
        return max(self.repeats, MORE * self.repeats if self.most_repeats is None else self.most_repeats)


def measure(
    nets: Mapping[str, str | Path],
    predictor: Callable[[str | Path, int], Predictor],
    data: str | Path,
    baselines: Mapping[str, str],
    *,
    operators: Callable[[str | Path, np.ndarray, int], list[Operator]] | None = None,
    **how: Any,
) -> list[dict[str, Any]]:
    """Time every net at every batch size.

    nets: node -> model file. predictor: (file, threads) -> (prepare, run), where prepare(images (n, h, w, c) uint8)
    gives what run takes. Only `run` is timed: neither opening a file, nor putting images into the form that a runtime
    takes, nor the first calls. data: prepared data set; its test images are the input. baselines: node -> the node it
    is compared with. operators: (file, images, threads) -> what a call is spent on. how: what `Timing` says. Returns
    one row per net and batch size: median and 90th percentile in milliseconds per call, the interval of the time of its
    baseline / its own (of a baseline: of its copy), the noise, which is the factor that the two copies of its baseline
    may differ by, and where they are known the operators, as JSON.
    """
    timing, images = Timing(**how), load(data).test.images
    functions: dict[Timed, Predictor] = {(node, False): predictor(path, timing.threads) for node, path in nets.items()}
    for base in dict.fromkeys(baselines[node] for node in nets):
        functions[base, True] = predictor(nets[base], timing.threads)
    turns, rows = random.Random(0), []
    for size in timing.batch_sizes:
        batch = np.resize(images, (size, *images.shape[1:]))
        taken = _milliseconds(_calls(functions, batch), baselines, timing, turns)
        for node in nets:
            row = {"node": node, "baseline": baselines[node], "threads": timing.threads, "batch_size": size}
            row |= {"repeats": len(taken[node, False])} | _measured(taken, node, baselines[node])
            spent = operators(nets[node], batch, timing.threads) if operators else []
            rows.append(row | ({"operators": json.dumps([each.row() for each in spent])} if spent else {}))
        rounds = [len(times) for times in taken.values()]
        print(f"batch size {size}: {len(nets)} nets, {min(rounds)} to {max(rounds)} calls each", flush=True)
    return rows


def _measured(taken: Mapping[Timed, list[float]], node: str, base: str) -> dict[str, float]:
    """The numbers of a net's row."""
    median, p90 = np.percentile(taken[node, False], [50, 90])
    null, (low, high) = _ratio(taken, base, base), _ratio(taken, node, base)
    numbers = {"median_ms": median, "p90_ms": p90, "ratio_low": low, "ratio_high": high}
    return {key: float(number) for key, number in (numbers | {"noise": max(null[1], 1 / null[0])}).items()}


def _ratio(taken: Mapping[Timed, list[float]], node: str, base: str) -> tuple[float, float]:
    """The interval of the time of a baseline / that of a net, over the rounds that both took part in; of the baseline
    that of its second copy / its first."""
    own = taken[node, False]
    return ratio_interval(taken[base, node == base][: len(own)], own)


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
    calls: Mapping[Timed, Callable[[], Any]], baselines: Mapping[str, str], timing: Timing, turns: random.Random
) -> dict[Timed, list[float]]:
    """The times of each net's calls, which take turns in an order that changes: no net is always in another's wake."""
    for call in calls.values():
        for _ in range(timing.warmup):
            call()
    taken: dict[Timed, list[float]] = {net: [] for net in calls}
    order, rounds = list(calls), 0
    while order and rounds < timing.most:
        number = min(timing.repeats if not rounds else -(-timing.repeats // 4), timing.most - rounds)
        for _ in range(number):
            turns.shuffle(order)
            for net in order:
                started = time.perf_counter()
                calls[net]()
                taken[net].append(1000 * (time.perf_counter() - started))
        rounds += number
        order = _unsettled(taken, {net: baselines[net] for net, copy in order if not copy}, timing.precision)
    return taken


def _unsettled(taken: Mapping[Timed, list[float]], baselines: Mapping[str, str], precision: float) -> list[Timed]:
    """Those of some nets whose ratio to their baseline is not known well enough, with both copies of that."""
    ratios = {node: _ratio(taken, node, base) for node, base in baselines.items()}
    wide = [node for node, (low, high) in ratios.items() if high / low - 1 > precision]
    copies = [(baselines[node], copy) for node in wide for copy in (False, True)]
    return list(dict.fromkeys([*((node, False) for node in wide), *copies]))


def plain(images: np.ndarray) -> np.ndarray:
    """Images (n, h, w, c) uint8 as a batch from -1 to 1 to be timed: how they are normalised changes no time.

    >>> plain(np.array([[[[0], [255]]]], np.uint8)).ravel().tolist()
    [-1.0, 1.0]
    """
    return (images / 127.5 - 1).astype(np.float32)
