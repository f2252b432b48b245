"""The questions of the MNIST study about weight and unit pruning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from espalier.analysis import curves, selections
from espalier.analysis.accuracies import Accuracy, of_published
from espalier.analysis.labels import Row
from espalier.analysis.statistics import Verdict, correct
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import ONE_SEED, RULE, AccuracyOf, Contest, contests
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import PUBLISHED, Fact, Finding, fact, fact_of_contest
from espalier.report.findings.words import lead, listed, percent, points
from espalier.report.table import number


@dataclass(frozen=True)
class Pair:
    """The curves of weight and of unit pruning of nets with the same initial weights: top-1 by sparsity.

    init: the initialisation, "" if it has no name. leads: at each sparsity above 0 that both have, weight against unit
    pruning; those of all pairs are one family. by_seed: of weight and of unit pruning the accuracy with each seed by
    sparsity. n: the fewest seeds of a point.
    """

    init: str
    weight: pd.Series
    unit: pd.Series
    leads: dict[float, Contest]
    by_seed: dict[str, dict[float, Accuracy]]
    n: int = 1

    @property
    def family(self) -> str:
        return "weights against units"

    def curves(self) -> dict[str, pd.Series]:
        return {"weight": self.weight, "unit": self.unit}


def pairs_of(view: StudyView) -> list[Pair]:
    """The pairs of curves of a study, one for each initialisation. Their leads answer one question: one family."""
    nets = view.nets_of(selections.weights_and_units)
    pairs = [_pair(points, view.accuracy, init) for init, points in curves.of_run(nets)]
    family = iter(correct([lead.comparison for pair in pairs for lead in pair.leads.values()]))
    return [
        replace(pair, leads={at: replace(lead, comparison=next(family)) for at, lead in pair.leads.items()})
        for pair in pairs
    ]


def _published(view: StudyView) -> Pair | None:
    """The published curves, if there are such: of one run."""
    points = curves.of_published(view.published)
    return None if points is None else _pair(points, lambda row: of_published(row["top1"]))


def _pair(points: pd.DataFrame, accuracy: AccuracyOf, init: str = "") -> Pair:
    rows = {kind: _rows(points, kind) for kind in selections.WEIGHT_AND_UNIT}
    shared = sorted(at for at in rows["weight"].keys() & rows["unit"].keys() if at > 0)
    leads = contests([(rows["weight"][at], rows["unit"][at]) for at in shared], accuracy)
    by_seed = {kind: {at: accuracy(row) for at, row in of_kind.items()} for kind, of_kind in rows.items()}
    n = min(len(net.top1) for of_kind in by_seed.values() for net in of_kind.values())
    weight, unit = (curves.curve(points, kind) for kind in selections.WEIGHT_AND_UNIT)
    return Pair(init, weight, unit, dict(zip(shared, leads, strict=True)), by_seed, n)


def _rows(points: pd.DataFrame, kind: str) -> dict[float, Row]:
    """The point of a curve at each sparsity, in the order of sparsity."""
    rows = [(float(row["ratio"]), row) for _, row in points[points["prune_type"] == kind].iterrows()]
    first = dict(reversed(rows))  # of two at one sparsity the first
    return {at: first[at] for at in sorted(first)}


def facts_of(view: StudyView, of_pair: Callable[[Pair], list[Fact]]) -> tuple[Fact, ...]:
    """What is read off each pair of this run, and off the published one."""
    there = _published(view)
    published = [] if there is None else [replace(fact, source=PUBLISHED) for fact in of_pair(there)]
    return (*(fact for pair in pairs_of(view) for fact in of_pair(pair)), *published)


def words_of(pairs: list[Pair], *words: Callable[[Pair], str]) -> str:
    """What is said of each pair, with the name of its initialisation."""
    parts = [f"{f'init {p.init}: ' if p.init else ''}{'; '.join(word(p) for word in words)}" for p in pairs]
    return f"{'; '.join(parts)}." if parts else ""


def words_of_published(view: StudyView, *words: Callable[[Pair], str]) -> str:
    there = _published(view)
    return "" if there is None else words_of([there], *words)


@register(FindingItem("curves_part", title="Weight against unit pruning", when=selections.weights_and_units))
def curves_part(view: StudyView) -> Finding:
    """Do the curves of weight and unit pruning differ?"""
    pairs = pairs_of(view)
    leads = [lead.verdict for pair in pairs for lead in pair.leads.values()]
    return Finding(
        question="Do the curves of weight and unit pruning differ?",
        facts=facts_of(view, _partings),
        verdict=any_of((Verdict.WON, Verdict.LOST), leads),
        n=min(pair.n for pair in pairs),
        answer=words_of(pairs, _leads_words),
        evidence=words_of(pairs, _parting_words, _gap_words),
        definition="They differ if weight or unit pruning is ahead at a sparsity. "
        f"{RULE} The family is the sparsities of all pairs of curves. By the means, the curves part at the first "
        "sparsity at which weight pruning is more than "
        f"{listed(f'{limit:g}' for limit in curves.PARTING)} points ahead.",
        published=words_of_published(view, _parting_words, _gap_words),
    )


def any_of(verdicts: tuple[Verdict, ...], of: list[Verdict | None]) -> Verdict | None:
    """WON if any has one of these verdicts, else UNDECIDED: equality cannot be shown. None without verdicts."""
    if not any(of):
        return None
    return Verdict.WON if any(verdict in verdicts for verdict in of) else Verdict.UNDECIDED


def _leads_words(pair: Pair) -> str:
    """Where weight pruning is ahead, where it is behind, and where that cannot be told."""
    if not any(lead.verdict for lead in pair.leads.values()):
        return ONE_SEED
    words = {Verdict.WON: "weight is ahead at", Verdict.LOST: "unit is ahead at", Verdict.UNDECIDED: "undecided at"}
    where = {v: [percent(at) for at, lead in pair.leads.items() if lead.verdict == v] for v in words}
    return ", ".join(f"{words[verdict]} {listed(places)}" for verdict, places in where.items() if places)


def _partings(pair: Pair) -> list[Fact]:
    """The sparsities at which the curves part by the means, and the widest gap."""
    at, _ = curves.widest(pair.weight, pair.unit)
    parting = [
        fact("parting", curves.parting(pair.weight, pair.unit, limit), init=pair.init, points=limit)
        for limit in curves.PARTING
    ]
    if at not in pair.leads:  # only the unpruned nets are shared
        return parting
    return [*parting, fact_of_contest(pair.leads[at], pair.family, "widest_gap", init=pair.init, ratio=at)]


def _parting_words(pair: Pair) -> str:
    where = [(limit, curves.parting(pair.weight, pair.unit, limit)) for limit in curves.PARTING]
    return "in the mean weight is ahead by more than " + listed(
        f"{points(limit)} {'nowhere' if at is None else f'from {percent(at)}'}" for limit, at in where
    )


def _gap_words(pair: Pair) -> str:
    at, _ = curves.widest(pair.weight, pair.unit)
    values = f"{number(pair.weight[at], 2)} against {number(pair.unit[at], 2)}"
    return f"furthest apart at {percent(at)} ({values}{f': {lead(pair.leads[at])}' if at in pair.leads else ''})"


@register(FindingItem("unit_overtakes", title="Whether unit pruning wins", when=selections.weights_and_units))
def unit_overtakes(view: StudyView) -> Finding:
    """Does unit pruning ever overtake weight pruning?"""
    pairs = pairs_of(view)
    leads = [lead for pair in pairs for lead in _unit_leads(pair)]
    lost = all(lead.outcome == Verdict.LOST for lead in leads)
    return Finding(
        question="Does unit pruning ever overtake weight pruning?",
        facts=facts_of(view, _unit_leads),
        verdict=Verdict.LOST if lost and leads else any_of((Verdict.WON,), [lead.outcome for lead in leads]),
        n=min(pair.n for pair in pairs),
        answer=words_of(pairs, _overtaking_words),
        evidence=words_of(pairs, _best_lead_words),
        definition="Sparsities at which unit pruning has the higher top-1; the numbers are where it does best against "
        f"weight pruning. {RULE} The family is the sparsities of all pairs of curves.",
        published=words_of_published(view, _overtaking_words),
    )


def _unit_leads(pair: Pair) -> list[Fact]:
    """How far unit pruning is ahead, at each sparsity above 0 that both curves have."""
    return [
        fact_of_contest(lead.reversed(), pair.family, "unit_lead", init=pair.init, ratio=at)
        for at, lead in pair.leads.items()
    ]


def _overtaking_words(pair: Pair) -> str:
    verdicts = {at: lead.verdict for at, lead in pair.leads.items()}
    if not any(verdicts.values()):
        ahead = [percent(at) for at, lead in pair.leads.items() if lead.lead < 0]
        return f"{f'by its accuracy at {listed(ahead)}' if ahead else 'by its accuracy never'}, {ONE_SEED}"
    sure, unsure = ([percent(at) for at in verdicts if verdicts[at] == v] for v in (Verdict.LOST, Verdict.UNDECIDED))
    if sure:
        return f"yes, at {listed(sure)}"
    return f"nowhere shown; undecided at {listed(unsure)}" if unsure else "never"


def _best_lead_words(pair: Pair) -> str:
    if not pair.leads:
        return "no sparsity above 0 was run with both"
    at, best = min(pair.leads.items(), key=lambda each: each[1].lead)
    return f"unit against weight pruning at best {lead(best.reversed())}, at {percent(at)}"
