"""Prune types and methods at equal cost: each one's curve of accuracy against cost, seed by seed, and leads along it.

The curve of a method is the nets that it made by several amounts, and the dense net of equal epochs, which all methods
share as their beginning. `tradeoffs` interpolates the curves and extrapolates nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from espalier.analysis.labels import Row
from espalier.analysis.statistics import Estimate
from espalier.analysis.study import StudyView
from espalier.analysis.tradeoffs import Curves, along
from espalier.analysis.verdicts import Contest, estimated

AXES = {"macs": "MACs", "params": "parameters", "ms_per_image": "time for one image"}
RULE = (
    "At equal cost: each curve is interpolated on a logarithmic axis of cost, and begins at the dense net of equal "
    "epochs where there is one; the lead is the mean over the costs that both curves have."
)


@dataclass(frozen=True)
class Method:
    """A curve that is compared with others: its name, what it shares with those that it may be compared with, its nets
    (rows of nets.of), and by axis the curve of each seed."""

    name: str
    group: tuple
    nets: pd.DataFrame
    curves: dict[str, Curves]

    @property
    def row(self) -> pd.Series:
        return self.nets.iloc[0]


@dataclass(frozen=True)
class Lead:
    """How far one method is ahead of another at equal cost on an axis."""

    axis: str
    one: Method
    other: Method
    estimate: Estimate

    @property
    def pair(self) -> tuple[Row, Row, Estimate]:
        """As `verdicts.estimated` takes it."""
        return self.one.row, self.other.row, self.estimate


@dataclass(frozen=True)
class Match:
    """Two methods at equal cost on one axis, and the verdict."""

    axis: str
    one: Method
    other: Method
    contest: Contest


def method(name: str, group: tuple, nets: pd.DataFrame, view: StudyView) -> Method:
    """The curves of nets of one method. nets: rows of nets.of that were made by several amounts."""
    return Method(name, group, nets, {axis: _curves(nets, view, axis) for axis in AXES})


def leads_of(pairs: Iterable[tuple[Method, Method]]) -> list[Lead]:
    """The lead of each pair on each axis on which the two share a range of costs."""
    found = [(axis, one, other) for one, other in pairs for axis in AXES if axis in one.curves and axis in other.curves]
    leads = [Lead(*each, along(each[1].curves[each[0]], each[2].curves[each[0]])) for each in found]
    return [lead for lead in leads if lead.estimate.n]


def matches(pairs: Iterable[tuple[Method, Method]]) -> list[Match]:
    """Each pair at equal cost, with its verdict; all of them one family."""
    leads = leads_of(pairs)
    contests = estimated([lead.pair for lead in leads])
    return [Match(lead.axis, lead.one, lead.other, contest) for lead, contest in zip(leads, contests, strict=True)]


def turning(found: Iterable[Match]) -> list[list[Match]]:
    """The pairs whose order depends on the axis of cost: one list of matches for each."""
    pairs: dict[tuple[str, str, tuple], list[Match]] = {}
    for match in found:
        pairs.setdefault((match.one.name, match.other.name, match.one.group), []).append(match)
    return [
        each for each in pairs.values() if min(m.contest.lead for m in each) < 0 < max(m.contest.lead for m in each)
    ]


def _curves(nets: pd.DataFrame, view: StudyView, axis: str) -> Curves:
    """Seed -> the points of the curve: cost and top-1 of each net and of its reference."""
    points: dict[int, list[tuple[float, float]]] = {}
    for seed, cost, top1 in _points(nets, view, axis):
        if pd.notna(cost) and cost > 0 and (cost, top1) not in points.setdefault(seed, []):
            points[seed].append((cost, top1))
    return {seed: curve for seed, curve in points.items() if len(curve) > 1}


def _points(nets: pd.DataFrame, view: StudyView, axis: str) -> Iterator[tuple[int, float, float]]:
    """Seed, cost and top-1 of each net, and of the dense net that it is compared with."""
    costs = view.by_seed
    for _, net in nets.iterrows():
        for seed, top1 in view.accuracy(net).top1.items():
            yield seed, costs[axis].get((net["variant"], seed), float("nan")), top1
        dense = view.variant_of(net["reference"])
        for seed, top1 in view.reference(net).top1.items():
            # The dense net that was timed need not be the one of equal epochs: their graphs are the same.
            key = (net["variant"], seed) if axis == "ms_per_image" else (dense, seed)
            yield seed, costs["dense_ms" if axis == "ms_per_image" else axis].get(key, float("nan")), top1


def of_published(rows: pd.DataFrame, name: str, group: tuple, dense_top1: float) -> Method:
    """The curves of published rows of one method, with the published dense net: one run, so that no verdict follows."""
    columns = {"macs": "flops_g", "params": "params_m"}
    curves = {}
    for axis, column in columns.items():
        if column in rows:
            points = list(zip(rows[column].astype(float), rows["top1"].astype(float), strict=True))
            before = rows.get(f"{column}_before", pd.Series(dtype=float)).dropna()
            curves[axis] = {0: [*points, *([(float(before.iloc[0]), dense_top1)] if len(before) else [])]}
    return Method(name, group, rows, curves)
