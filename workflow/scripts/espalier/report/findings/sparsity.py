"""The questions of the MNIST document about weight and unit pruning."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import curves
from espalier.analysis import selections as when
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import MARGIN, Finding, listed, percent
from espalier.report.table import number


@register(FindingItem("weight_against_unit", title="Weight against unit pruning", when=when.weights_and_units))
def weight_against_unit(view: StudyView) -> list[Finding]:
    """Do the curves differ, and does unit pruning ever win?"""
    pairs = _pairs(view)
    certain = {
        name: (*_pair(frame), curves.slack(frame))
        for name, frame in curves.of_run(view.nets_of(when.weights_and_units))
    }
    there = _published(view)
    points = listed(f"{p:g}" for p in curves.PARTING)
    return [
        Finding(
            "Do the curves of weight and unit pruning differ?",
            f"{_differ(pairs)} {_each(pairs, _parting)}.",
            _each(pairs, _gap) + ".",
            f"The curves part at the first sparsity at which weight pruning is more than {points} points of top-1 "
            "ahead.",
            _said(there, _parting, _gap),
        ),
        Finding(
            "Does unit pruning ever overtake weight pruning?",
            _each(certain, _overtaken) + ".",
            _each(pairs, _nearest) + ".",
            "Sparsities at which unit pruning has the higher top-1; the numbers are where it does best against weight "
            f"pruning. {MARGIN}",
            _said(_certain(view), _overtaken),
        ),
    ]


@register(FindingItem("knee", title="Where the curves bend", when=when.weights_and_units))
def knee(view: StudyView) -> list[Finding]:
    """Where is the knee, and does it move with the initial weights?"""
    pairs = _pairs(view)
    there = _published(view)
    knees = {name: curves.knee(weight) for name, (weight, _) in pairs.items()}
    definition = (
        f"The knee is the largest sparsity at which, and below which, top-1 is within {curves.KNEE:g} points of the "
        "net that is not pruned; the evidence gives it for 1 and 10 points too."
    )
    best = listed(f"{percent(k)}{f' with init {n}' if n else ''}" for n, k in knees.items())
    found = [
        Finding(
            "Where is the knee, after which accuracy falls?",
            _each(pairs, _knee) + ".",
            _each(pairs, _other_knees) + ".",
            definition,
            _said(there, _knee, _other_knees),
            headline=f"Weight pruning keeps within {curves.KNEE:g} points of the unpruned net up to {best}",
        )
    ]
    if len(pairs) > 1:
        moved = max(knees.values()) > min(knees.values())
        kept = {n: weight.iloc[0] - weight for n, (weight, _) in pairs.items()}
        both = set.intersection(*(set(k.index) for k in kept.values()))
        at = max(sorted(both), key=lambda s: max(k[s] for k in kept.values()) - min(k[s] for k in kept.values()))
        found.append(
            Finding(
                "Is the knee a property of pruning, or of the initial weights?",
                f"It {'moves' if moved else 'does not move'} with the initial weights: {best} for weight pruning.",
                f"They make the most of a difference at {percent(at)}, where weight pruning has cost "
                + listed(f"{number(k[at], 2)} points with init {n}" for n, k in kept.items())
                + ".",
                definition,
                "The document draws a general rule (60 to 70 %) from one net and does not print its initial weights."
                if view.config.get("published") == "mnist_mlp"
                else "",
            )
        )
    return found


def _pairs(view: StudyView) -> dict[str, tuple[pd.Series, pd.Series]]:
    """The curves of weight and unit pruning, by initialisation."""
    return {name: _pair(frame) for name, frame in curves.of_run(view.nets_of(when.weights_and_units))}


def _pair(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return curves.curve(frame, "weight"), curves.curve(frame, "unit")


def _published(view: StudyView) -> tuple[pd.Series, pd.Series] | None:
    points = curves.of_published(view.published)
    return None if points is None else _pair(points)


def _certain(view: StudyView) -> tuple[pd.Series, pd.Series, pd.Series] | None:
    """The published curves, and how far they may be apart by chance."""
    points = curves.of_published(view.published)
    images = view.source.test_images if points is not None else None
    return None if points is None else (*_pair(points), curves.slack(points, images))


def _each(pairs: dict, say) -> str:
    """What `say` says of the two curves of each initialisation."""
    return "; ".join(f"{f'init {name}: ' if name else ''}{say(*pair)}" for name, pair in pairs.items())


def _said(pair, *says) -> str:
    return "; ".join(say(*pair) for say in says) + "." if pair else ""


def _differ(pairs: dict) -> str:
    apart = [curves.parting(w, u, max(curves.PARTING)) is not None for w, u in pairs.values()]
    return "Yes." if all(apart) else "Only in part." if any(apart) else "No."


def _parting(weight: pd.Series, unit: pd.Series) -> str:
    where = [(points, curves.parting(weight, unit, points)) for points in curves.PARTING]
    return "weight is ahead by more than " + listed(
        f"{points:g} {_word(points)} {'nowhere' if at is None else f'from {percent(at)}'}" for points, at in where
    )


def _gap(weight: pd.Series, unit: pd.Series) -> str:
    at, gap = curves.widest(weight, unit)
    values = f"{number(weight[at], 2)} against {number(unit[at], 2)}: {number(gap, 2)} points"
    return f"furthest apart at {percent(at)} ({values})"


def _overtaken(weight: pd.Series, unit: pd.Series, slack: pd.Series) -> str:
    ahead = curves.lead(unit, weight)
    ahead = ahead[ahead > 0]
    sure = ahead[ahead > slack.reindex(ahead.index).fillna(0)]
    if len(sure):
        return f"yes, at {listed(map(percent, sure.index))}"
    return f"never by more than chance, though ahead at {listed(map(percent, ahead.index))}" if len(ahead) else "never"


def _nearest(weight: pd.Series, unit: pd.Series) -> str:
    lead = curves.lead(unit, weight)
    lead = lead[lead.index > 0]
    if lead.empty:
        return "no sparsity above 0 was run with both"
    return (
        f"unit against weight pruning at best {number(lead.max(), 2, signed=True)} points, at {percent(lead.idxmax())}"
    )


def _knee(weight: pd.Series, unit: pd.Series) -> str:
    return f"weight {percent(curves.knee(weight))}, unit {percent(curves.knee(unit))}"


def _other_knees(weight: pd.Series, unit: pd.Series) -> str:
    knees = {points: (curves.knee(weight, points), curves.knee(unit, points)) for points in (1, 10)}
    return listed(f"within {p} {_word(p)}: weight {percent(w)}, unit {percent(u)}" for p, (w, u) in knees.items())


def _word(points: float) -> str:
    return "point" if points == 1 else "points"
