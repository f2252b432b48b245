"""The questions of the MNIST study about weight and unit pruning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from espalier.analysis import curves, selections
from espalier.analysis.statistics import Verdict
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import RULE, decided
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import PUBLISHED, Fact, Finding, fact
from espalier.report.findings.words import listed, percent, points
from espalier.report.table import number

OTHER_KNEES = (1.0, 10.0)  # points below the unpruned net, beside curves.KNEE


@dataclass(frozen=True)
class Pair:
    """The curves of weight and of unit pruning of nets with the same initial weights: top-1 by sparsity.

    init: the initialisation, "" if it has no name; slack: how far the two may be apart by chance, by sparsity; n: the
    fewest seeds of a point.
    """

    init: str
    weight: pd.Series
    unit: pd.Series
    slack: pd.Series
    n: int = 1


def _pairs(view: StudyView) -> list[Pair]:
    nets = view.nets_of(selections.weights_and_units)
    return [_pair(points, init, n=int(points["n"].min())) for init, points in curves.of_run(nets)]


def _published(view: StudyView) -> Pair | None:
    """The published curves, if there are such."""
    points = curves.of_published(view.published)
    if points is None or view.source is None:
        return None
    return _pair(points, images=view.source.test_images)


def _pair(rows: pd.DataFrame, init: str = "", images: float | None = None, n: int = 1) -> Pair:
    return Pair(init, curves.curve(rows, "weight"), curves.curve(rows, "unit"), curves.slack(rows, images), n)


def _facts(view: StudyView, of_pair: Callable[[Pair], list[Fact]]) -> tuple[Fact, ...]:
    """What is read off each pair of this run, and off the published one."""
    there = _published(view)
    published = [] if there is None else [replace(fact, source=PUBLISHED) for fact in of_pair(there)]
    return (*(fact for pair in _pairs(view) for fact in of_pair(pair)), *published)


def _words(pairs: list[Pair], *words: Callable[[Pair], str]) -> str:
    """What is said of each pair, with the name of its initialisation."""
    parts = [f"{f'init {p.init}: ' if p.init else ''}{'; '.join(word(p) for word in words)}" for p in pairs]
    return f"{'; '.join(parts)}." if parts else ""


def _words_published(view: StudyView, *words: Callable[[Pair], str]) -> str:
    there = _published(view)
    return "" if there is None else _words([there], *words)


@register(FindingItem("curves_part", title="Weight against unit pruning", when=selections.weights_and_units))
def curves_part(view: StudyView) -> Finding:
    """Do the curves of weight and unit pruning differ?"""
    pairs = _pairs(view)
    apart = [curves.parting(pair.weight, pair.unit, max(curves.PARTING)) is not None for pair in pairs]
    verdict = Verdict.WON if all(apart) else Verdict.UNDECIDED if any(apart) else Verdict.LOST
    word = {Verdict.WON: "Yes", Verdict.UNDECIDED: "Only in part", Verdict.LOST: "No"}[verdict]
    return Finding(
        question="Do the curves of weight and unit pruning differ?",
        facts=_facts(view, _partings),
        verdict=verdict,
        n=min(pair.n for pair in pairs),
        answer=f"{word}. {_words(pairs, _parting_words)}",
        evidence=_words(pairs, _gap_words),
        definition="The curves part at the first sparsity at which weight pruning is more than "
        f"{listed(f'{limit:g}' for limit in curves.PARTING)} points of top-1 ahead.",
        published=_words_published(view, _parting_words, _gap_words),
    )


def _partings(pair: Pair) -> list[Fact]:
    """The sparsities at which the curves part, and the widest gap."""
    at, gap = curves.widest(pair.weight, pair.unit)
    parting = [
        fact("parting", curves.parting(pair.weight, pair.unit, limit), init=pair.init, points=limit)
        for limit in curves.PARTING
    ]
    return [*parting, fact("widest_gap", gap, init=pair.init, ratio=at)]


def _parting_words(pair: Pair) -> str:
    where = [(limit, curves.parting(pair.weight, pair.unit, limit)) for limit in curves.PARTING]
    return "weight is ahead by more than " + listed(
        f"{points(limit)} {'nowhere' if at is None else f'from {percent(at)}'}" for limit, at in where
    )


def _gap_words(pair: Pair) -> str:
    at, gap = curves.widest(pair.weight, pair.unit)
    values = f"{number(pair.weight[at], 2)} against {number(pair.unit[at], 2)}: {number(gap, 2)} points"
    return f"furthest apart at {percent(at)} ({values})"


@register(FindingItem("unit_overtakes", title="Whether unit pruning wins", when=selections.weights_and_units))
def unit_overtakes(view: StudyView) -> Finding:
    """Does unit pruning ever overtake weight pruning?"""
    pairs = _pairs(view)
    leads = [lead for pair in pairs for lead in _leads(pair)]
    sure = any(lead.outcome == Verdict.WON for lead in leads)
    ahead = any(lead.value is not None and lead.value > 0 for lead in leads)
    return Finding(
        question="Does unit pruning ever overtake weight pruning?",
        facts=_facts(view, _leads),
        verdict=Verdict.WON if sure else Verdict.UNDECIDED if ahead else Verdict.LOST,
        n=min(pair.n for pair in pairs),
        answer=_words(pairs, _overtaking_words),
        evidence=_words(pairs, _best_lead_words),
        definition="Sparsities at which unit pruning has the higher top-1; the numbers are where it does best against "
        f"weight pruning. {RULE}",
        published=_words_published(view, _overtaking_words),
    )


def _leads(pair: Pair) -> list[Fact]:
    """How far unit pruning is ahead, at each sparsity that both curves have."""
    leads = []
    for ratio, points_ahead in curves.lead(pair.unit, pair.weight).items():
        margin = pair.slack.get(ratio, 0.0)
        lead = fact("unit_lead", points_ahead, init=pair.init, ratio=ratio)
        interval = {"low": points_ahead - margin, "high": points_ahead + margin} if margin > 0 else {}
        leads.append(replace(lead, outcome=decided(points_ahead, margin), **interval))
    return leads


def _overtaking_words(pair: Pair) -> str:
    leads = _leads(pair)
    sure = [percent(lead.of["ratio"]) for lead in leads if lead.outcome == Verdict.WON]
    ahead = [percent(lead.of["ratio"]) for lead in leads if lead.value is not None and lead.value > 0]
    if sure:
        return f"yes, at {listed(sure)}"
    return f"never by more than chance, though ahead at {listed(ahead)}" if ahead else "never"


def _best_lead_words(pair: Pair) -> str:
    lead = curves.lead(pair.unit, pair.weight)
    lead = lead[lead.index > 0]
    if lead.empty:
        return "no sparsity above 0 was run with both"
    most = number(float(lead.max()), 2, signed=True)
    return f"unit against weight pruning at best {most} points, at {percent(float(lead.idxmax()))}"


@register(FindingItem("knee", title="Where the curves bend", when=selections.weights_and_units))
def knee(view: StudyView) -> Finding:
    """Where is the knee, after which accuracy falls?"""
    pairs = _pairs(view)
    return Finding(
        question="Where is the knee, after which accuracy falls?",
        facts=_facts(view, _knees),
        n=min(pair.n for pair in pairs),
        answer=_words(pairs, _knee_words),
        evidence=_words(pairs, _other_knee_words),
        definition=KNEE,
        published=_words_published(view, _knee_words, _other_knee_words),
        headline=f"Weight pruning keeps within {curves.KNEE:g} points of the unpruned net up to {_weight_knees(pairs)}",
    )


KNEE = (
    f"The knee is the largest sparsity at which, and below which, top-1 is within {curves.KNEE:g} points of the net "
    f"that is not pruned; the evidence gives it for {listed(f'{limit:g}' for limit in OTHER_KNEES)} points too."
)


def _knees(pair: Pair) -> list[Fact]:
    """The knees of both curves."""
    return [
        fact("knee", curves.knee(curve, limit), init=pair.init, prune_type=kind, points=limit)
        for limit in (curves.KNEE, *OTHER_KNEES)
        for kind, curve in (("weight", pair.weight), ("unit", pair.unit))
    ]


def _knee_words(pair: Pair, limit: float = curves.KNEE) -> str:
    return f"weight {percent(curves.knee(pair.weight, limit))}, unit {percent(curves.knee(pair.unit, limit))}"


def _other_knee_words(pair: Pair) -> str:
    return listed(f"within {points(limit)}: {_knee_words(pair, limit)}" for limit in OTHER_KNEES)


def _weight_knees(pairs: list[Pair]) -> str:
    knees = [(pair.init, curves.knee(pair.weight)) for pair in pairs]
    return listed(f"{percent(at)}{f' with init {init}' if init else ''}" for init, at in knees)


@register(FindingItem("knee_moves", title="Whether the knee moves", when=selections.weights_and_units))
def knee_moves(view: StudyView) -> Finding | None:
    """Is the knee a property of pruning, or of the initial weights? Of two and more initialisations."""
    pairs = _pairs(view)
    if len(pairs) < 2:
        return None
    knees = {pair.init: curves.knee(pair.weight) for pair in pairs}
    moves = max(knees.values()) > min(knees.values())
    at, costs = _widest_costs(pairs)
    return Finding(
        question="Does the knee move with the initial weights?",
        facts=(
            *(fact("knee", at_knee, init=init, prune_type="weight") for init, at_knee in knees.items()),
            *(fact("cost", cost, init=init, prune_type="weight", ratio=at) for init, cost in costs.items()),
        ),
        verdict=Verdict.WON if moves else Verdict.LOST,
        n=min(pair.n for pair in pairs),
        answer=f"{'Yes' if moves else 'No'}: it is at {_weight_knees(pairs)} for weight pruning.",
        evidence=f"They make the most of a difference at {percent(at)}, where weight pruning has cost "
        + listed(f"{number(cost, 2)} points with init {init}" for init, cost in costs.items())
        + ".",
        definition=KNEE,
        published=view.published_remark("knee_moves"),
    )


def _widest_costs(pairs: list[Pair]) -> tuple[float, dict[str, float]]:
    """The sparsity at which the initial weights make the most of a difference, and what weight pruning costs there."""
    costs = {pair.init: pair.weight.iloc[0] - pair.weight for pair in pairs}
    shared = sorted(set.intersection(*(set(cost.index) for cost in costs.values())))
    widest = max(shared, key=lambda at: max(c[at] for c in costs.values()) - min(c[at] for c in costs.values()))
    return float(widest), {init: float(cost[widest]) for init, cost in costs.items()}
