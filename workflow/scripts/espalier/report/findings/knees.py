"""Where the curves of weight and unit pruning bend, and whether that place moves with the initial weights."""

from __future__ import annotations

from itertools import combinations
from typing import TypeGuard

import pandas as pd

from espalier.analysis import curves, selections
from espalier.analysis.statistics import LEVEL, SEEDS, Verdict, over_seeds, within
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import ONE_SEED, RULE, Contest, estimated
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Fact, Finding, fact, fact_of_contest
from espalier.report.findings.weight_vs_unit import Pair, any_of, facts_of, pairs_of, words_of, words_of_published
from espalier.report.findings.words import lead, listed, percent, points
from espalier.report.table import number

OTHER_KNEES = (1.0, 10.0)  # points below the unpruned net, beside curves.KNEE


@register(FindingItem("knee", title="Where the curves bend", when=selections.weights_and_units))
def knee(view: StudyView) -> Finding:
    """Where is the knee, after which accuracy falls?"""
    pairs = pairs_of(view)
    return Finding(
        question="Where is the knee, after which accuracy falls?",
        facts=facts_of(view, _knees),
        n=min(pair.n for pair in pairs),
        answer=words_of(pairs, _knee_words, _shown_knee_words),
        evidence=words_of(pairs, _seed_knee_words, _other_knee_words),
        definition=KNEE,
        published=words_of_published(view, _knee_words, _other_knee_words),
    )


KNEE = (
    f"The knee is the largest sparsity at which, and below which, the mean top-1 is within {curves.KNEE:g} points of "
    f"the net that is not pruned; the evidence gives it for each seed, and for {listed(f'{x:g}' for x in OTHER_KNEES)} "
    f"points. It is shown up to a sparsity if the upper {100 * LEVEL:g} % bound of the drop is at most {curves.KNEE:g} "
    "points there and below (Student, seed by seed; a fixed sequence of tests needs no correction)."
)


def _knees(pair: Pair) -> list[Fact]:
    """The knees of both curves: of the means, the one that is shown, and that of each seed."""
    facts = [
        fact("knee", curves.knee(curve, limit), init=pair.init, prune_type=kind, points=limit)
        for limit in (curves.KNEE, *OTHER_KNEES)
        for kind, curve in pair.curves().items()
    ]
    for kind in pair.curves():
        of = {"init": pair.init, "prune_type": kind}
        if (shown := _shown_knee(pair, kind)) is not None:
            facts.append(fact("knee_shown", shown, points=curves.KNEE, **of))
        if pair.n > 1:
            facts += [fact("knee_of_seed", at, seed=seed, **of) for seed, at in _seed_knees(pair, kind).items()]
    return facts


def _shown_knee(pair: Pair, kind: str) -> float | None:
    """The largest sparsity up to which each claim of "within KNEE points of the unpruned net" is won; None where one
    seed gives no verdict."""
    at, start = next(iter(pair.by_seed[kind].items()))
    if len(start.top1) < SEEDS:
        return None
    for ratio, net in list(pair.by_seed[kind].items())[1:]:
        if within(curves.KNEE, start.less(net)).verdict != Verdict.WON:
            break
        at = ratio
    return at


def _seed_knees(pair: Pair, kind: str) -> dict[int, float]:
    """The knee of each seed that all points of the curve have."""
    by_seed = pair.by_seed[kind]
    seeds = sorted(set.intersection(*(set(net.top1) for net in by_seed.values())))
    return {seed: curves.knee(pd.Series({at: net.top1[seed] for at, net in by_seed.items()})) for seed in seeds}


def _shown_knee_words(pair: Pair) -> str:
    shown = {kind: _shown_knee(pair, kind) for kind in pair.curves()}
    if None in shown.values():
        return ONE_SEED
    return "shown up to " + listed(f"{percent(at)} of the {kind}s" for kind, at in shown.items() if at is not None)


def _seed_knee_words(pair: Pair) -> str:
    if pair.n < SEEDS:
        return "one seed"
    return "knees of the seeds: " + "; ".join(
        f"{kind} {listed(percent(at) for at in _seed_knees(pair, kind).values())}" for kind in pair.curves()
    )


def _knee_words(pair: Pair, limit: float = curves.KNEE) -> str:
    return f"weight {percent(curves.knee(pair.weight, limit))}, unit {percent(curves.knee(pair.unit, limit))}"


def _other_knee_words(pair: Pair) -> str:
    return listed(f"within {points(limit)}: {_knee_words(pair, limit)}" for limit in OTHER_KNEES)


def _weight_knees(pairs: list[Pair]) -> str:
    knees = [(pair.init, curves.knee(pair.weight)) for pair in pairs]
    return listed(f"{percent(at)}{f' with init {init}' if init else ''}" for init, at in knees)


@register(FindingItem("knee_moves", title="Whether the knee moves", when=selections.weights_and_units))
def knee_moves(view: StudyView) -> Finding | None:
    """Does it cost more to prune with some initial weights than with others? Of two and more initialisations."""
    pairs = pairs_of(view)
    if len(pairs) < 2:
        return None
    found = _costs(pairs)
    at, widest = max(found, key=lambda each: abs(each[1].lead))
    costs = {pair.init: pair.weight.iloc[0] - pair.weight.get(at, float("nan")) for pair in pairs}
    what = "the initial weights" if _same_recipe(view) else "the setting: initial weights and recipe together"
    return Finding(
        question=f"Does the knee move with {what}?",
        facts=(
            *(fact("knee", curves.knee(pair.weight), init=pair.init, prune_type="weight") for pair in pairs),
            *(fact("cost", cost, init=init, prune_type="weight", ratio=at) for init, cost in costs.items()),
            *(
                fact_of_contest(c, "knee_moves", "cost_lead", init=c.one["init"], other=c.other["init"], ratio=ratio)
                for ratio, c in found
            ),
        ),
        verdict=any_of((Verdict.WON, Verdict.LOST), [contest.verdict for _, contest in found]),
        n=min(pair.n for pair in pairs),
        answer=f"By the means it is at {_weight_knees(pairs)} for weight pruning. {_moves_words(found)}",
        evidence=f"The settings differ most at {percent(at)}, where weight pruning has cost "
        + listed(f"{number(cost, 2)} points with init {init}" for init, cost in costs.items() if pd.notna(cost))
        + f": {lead(widest)}.",
        definition=f"{KNEE} It moves if what pruning costs (top-1 unpruned less top-1 at a sparsity) differs between "
        f"two settings at any sparsity. {RULE}",
        published=view.published_remark("knee_moves"),
    )


def _costs(pairs: list[Pair]) -> list[tuple[float, Contest]]:
    """What weight pruning costs in one setting less what it costs in another, at each sparsity above 0 that both have:
    all of them one family."""
    found = [
        (at, one, other, over_seeds(_cost(one, at), _cost(other, at)))
        for one, other in combinations(pairs, 2)
        for at in one.by_seed["weight"]
        if at > 0 and at in other.by_seed["weight"]
    ]
    judged = estimated([({"init": one.init}, {"init": other.init}, estimate) for _, one, other, estimate in found])
    return list(zip((at for at, *_ in found), judged, strict=True))


def _cost(pair: Pair, at: float) -> dict[int, float]:
    """What pruning weights up to a sparsity costs with each seed, in points."""
    points = pair.by_seed["weight"]
    start, net = next(iter(points.values())), points[at]
    return {seed: start.top1[seed] - net.top1[seed] for seed in start.top1.keys() & net.top1.keys()}


def _moves_words(found: list[tuple[float, Contest]]) -> str:
    verdicts = [contest.verdict for _, contest in found]
    if not any(verdicts):
        return f"{ONE_SEED.capitalize()}."
    sure = sorted({at for at, contest in found if contest.verdict in (Verdict.WON, Verdict.LOST)})
    return f"What pruning costs differs at {listed(map(percent, sure), 'no sparsity for certain')}."


def _same_recipe(view: StudyView) -> bool:
    """Whether the trainings of all initialisations are the same in all else."""
    trainings = [step.get("train") or {} for chain in view.config["chains"] for step in chain if _trains(step)]
    return len({repr(sorted((k, v) for k, v in training.items() if k != "init")) for training in trainings}) <= 1


def _trains(step: object) -> TypeGuard[dict]:
    return isinstance(step, dict) and "train" in step
