"""Which of many nets is named: chosen by the validation images where their predictions were kept, judged by the test
images; and the Pareto set of a study."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

import pandas as pd

from espalier.analysis import accuracies, registered
from espalier.analysis.nets import same_graph, untouched
from espalier.analysis.statistics import Interval, Verdict
from espalier.analysis.study import StudyView
from espalier.analysis.tradeoffs import Candidate, Compared, Leads, Place, Standing, leads, places
from espalier.analysis.verdicts import Claim, claims


@dataclass(frozen=True)
class Choice:
    """Of some nets within a limit the first in an order (the smallest, the fastest): `named` is the one that was chosen
    by its accuracy, `shown` the one whose claim holds; None, if there is none."""

    named: Claim | None
    shown: Claim | None

    @property
    def both(self) -> list[Claim]:
        """The one that is shown, then the one that was chosen, if that is another one."""
        other = self.named if self.named is not self.shown else None
        return [claim for claim in (self.shown, other) if claim is not None]


def claims_with_drops(view: StudyView, nets: pd.DataFrame, limit: float) -> list[tuple[Claim, float]]:
    """The claim of each net (all one family), and the drop that it is chosen by: on the validation images, where the
    accuracy of the net and of its reference on them is known, else on the test images."""
    each = claims((row for _, row in nets.iterrows()), limit, view.accuracy, view.reference)
    return [(claim, _drop(view, claim)) for claim in each]


def by_validation(view: StudyView, nets: pd.DataFrame) -> bool:
    """Whether all of these nets, and their references, have an accuracy on validation images."""
    return len(nets) > 0 and all(
        view.accuracy(row).validation and view.reference(row).validation for _, row in nets.iterrows()
    )


def first(claims: list[tuple[Claim, float]], column: str, limit: float, *, largest: bool = True) -> Choice:
    """The choice by a column of the nets (rows of nets.of); nets without a value there do not take part."""
    valued = [(claim, drop) for claim, drop in claims if pd.notna(claim.net[column])]
    ordered = sorted(valued, key=lambda each: each[0].net[column], reverse=largest)
    named = next((claim for claim, drop in ordered if drop <= limit), None)
    return Choice(named, next((claim for claim, _ in ordered if claim.verdict == Verdict.WON), None))


def _drop(view: StudyView, claim: Claim) -> float:
    net, reference = view.accuracy(claim.net).validation, view.reference(claim.net).validation
    shared = net.keys() & reference.keys()
    if not shared:
        return claim.drop
    return accuracies.mean({seed: reference[seed] - net[seed] for seed in shared})


@dataclass(frozen=True)
class Standings:
    """The Pareto set on one axis of cost: the nets (rows of nets.of) in the order of cost, where each stands, and the
    leads of the nets over each other. `best` are the variants that no net of at most their cost reaches in mean
    accuracy: on validation images where these are known of all nets (`validated`), else on the test images, which
    flatters them. It is what one seed can say, and proves nothing."""

    axis: str
    nets: pd.DataFrame
    places: list[Place]
    leads: Leads
    best: frozenset[str]
    validated: bool

    def of(self, standing: Standing) -> pd.DataFrame:
        return self.nets[[place.standing == standing for place in self.places]]

    @property
    def named(self) -> pd.DataFrame:
        """The nets that a reader is told of: those on the frontier, and `best`."""
        frontier = {place.name for place in self.places if place.standing == Standing.FRONTIER}
        return self.nets[self.nets["variant"].isin(self.best | frontier)]


def standings(view: StudyView, nets: pd.DataFrame, axis: str, compared: Compared | None = None) -> Standings:
    """Where nets stand in accuracy against a cost, such as `zipped_bytes` or `ms_per_image`. An export as float32 is no
    net of its own; left out are nets that were to be pruned and lost nothing, of times also those with the dense net's
    graph. compared: pairs of these nets that were compared before (see tradeoffs.leads).
    """
    nets = nets[nets[axis].notna() & ~registered.exported(nets) & ~untouched(nets)]
    nets = nets[~same_graph(nets)] if axis == "ms_per_image" else nets
    nets = nets.sort_values(axis, kind="stable").reset_index(drop=True)
    candidates = [_candidate(view, row, axis) for _, row in nets.iterrows()]
    known = leads(candidates, compared=compared)
    validation = [accuracies.mean(view.accuracy(row).validation) for _, row in nets.iterrows()]
    validated = len(nets) > 0 and all(map(isfinite, validation))
    best = _best(nets[axis], pd.Series(validation, nets.index) if validated else nets["top1"])
    return Standings(axis, nets, places(candidates, known), known, frozenset(nets["variant"][best]), validated)


def _best(costs: pd.Series, values: pd.Series) -> pd.Series:
    """Which have a larger value than all others of at most their cost; of equals the first.

    >>> _best(pd.Series([1.0, 2.0, 2.0, 3.0]), pd.Series([70.0, 71.0, 72.0, 71.5])).tolist()
    [True, False, True, False]
    """
    order = pd.DataFrame({"cost": costs, "value": -values}).sort_values(["cost", "value"], kind="stable").index
    before = values[order].cummax().shift(fill_value=float("-inf"))
    return values > before.reindex(values.index)


def _candidate(view: StudyView, net: pd.Series, axis: str) -> Candidate:
    """A net with what it costs: of several seeds the least and the most, of times also what noise may have made of
    them (see speed.with_times)."""
    accuracy = view.accuracy(net)
    ends = ("ms_low", "ms_high") if axis == "ms_per_image" else (axis, axis)
    pairs = [(net["variant"], seed) for seed in accuracy.top1]
    low, high = (view.by_seed[end].reindex(pairs).dropna() for end in ends)
    known = Interval(float(low.min()), float(high.max())) if len(low) else None
    unknown = Interval(0.0, inf) if axis == "ms_per_image" else float(net[axis])  # a time whose noise was not measured
    return Candidate(net["variant"], known or unknown, accuracy.top1, accuracy.outcomes)
