"""The questions of the CIFAR-100 studies about structured pruning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from espalier.analysis import matched, selections
from espalier.analysis.labels import Row, net_names, pruning_label, retraining_label, way_of
from espalier.analysis.matched import Match, Method
from espalier.analysis.nets import NEAR, untouched
from espalier.analysis.statistics import Verdict
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import ONE_SEED, RULE, WITHIN_RULE, Claim, overall, tally
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import PUBLISHED, Fact, Finding, fact, fact_of_claim, fact_of_contest
from espalier.report.findings.words import (
    claimed,
    claims_of,
    comparable,
    comparisons,
    drop,
    floors,
    lead,
    listed,
    percent,
    points,
    reference,
    scatter,
)
from espalier.report.table import number

BLOCK_LIMITS = (1.0, 2.0)  # points below dense


@register(FindingItem("filter_wise_wins", title="Whether filter_wise pruning wins", when=selections.filters_and_others))
def filter_wise_wins(view: StudyView) -> Finding | None:
    """Is filter_wise the best prune type at equal cost, against each other type?"""
    nets, when = _ends(view.nets_of(selections.filters_and_others))
    nets = nets[~untouched(nets)]
    nets = nets.assign(net=net_names(nets))
    found = matched.matches(_pairs(_methods(view, nets)))
    if not found:
        return None
    published = matched.matches(_pairs(_published_methods(view)))
    verdicts = [match.contest.verdict for match in found]
    return Finding(
        question="Does filter_wise pruning win at equal cost?",
        facts=(*map(_fact, found), *(replace(_fact(match), source=PUBLISHED) for match in published)),
        verdict=overall(tally(verdicts)),
        n=int(nets["n"].min()),
        answer=f"filter_wise is ahead in {comparisons(verdicts)}{_unless_tuned(when)}. {_turning_words(found)}"
        f"{scatter(nets)}",
        evidence=" ".join(map(_match_words, found)) + floors(nets),
        definition=f"Top-1 {when} of filter_wise less that of each other prune type, at the same penalty and method. "
        f"{matched.RULE} {RULE}",
        published=_published_words(published),
    )


def _methods(view: StudyView, nets: pd.DataFrame) -> list[Method]:
    """The curve of each prune type, of nets that share penalty, score and steps."""
    ways = [way_of(row, amounts=False) for _, row in nets.iterrows()]
    rows = nets.assign(way=ways).groupby(["penalty", "method", "way", "prune_type"], sort=False, dropna=False)
    return [matched.method(kind, tuple(map(str, key)), of_kind, view) for (*key, kind), of_kind in rows]


def _pairs(methods: list[Method]) -> list[tuple[Method, Method]]:
    """filter_wise with each other prune type that it shares all else with."""
    return [
        (one, other)
        for one in methods
        for other in methods
        if one.group == other.group and one.name == selections.FILTERS != other.name
    ]


def _fact(match: Match) -> Fact:
    row = match.contest.one
    return fact_of_contest(
        match.contest,
        "filter_wise_wins",
        method=row["method"],
        penalty=row["penalty"],
        retraining=row.get("retraining"),
        prune_type=match.one.name,
        other=match.other.name,
        axis=match.axis,
    )


def _match_words(match: Match) -> str:
    row = match.contest.one
    name = " ".join(word for word in (row["method"], row["penalty"], retraining_word(row)) if pd.notna(word) and word)
    place = f"at equal {matched.AXES[match.axis]}"
    return f"{name}, filter_wise against {match.other.name} {place}: {lead(match.contest)}."


def _turning_words(found: list[Match]) -> str:
    """Where the order of two prune types depends on the axis of cost, by the means."""
    turning = matched.turning(found)
    if not turning:
        return "The order of the means is the same on each axis of cost."
    pairs = (f"{each[0].contest.one['method']} against {each[0].other.name}" for each in turning)
    return f"The order of the means depends on the axis of cost: {listed(dict.fromkeys(pairs))}."


def retraining_word(row: Row) -> str:
    """How the net of a row was retrained; "" for a published row, which has no chain."""
    return retraining_label(row) if "chain" in row else ""


def _published_methods(view: StudyView) -> list[Method]:
    """The published curves of each prune type, with the published dense net."""
    rows = _published(view)
    if rows is None:
        return []
    dense = float((rows["top1"] + rows["drop"]).iloc[0])
    groups = rows[rows["ratio"].notna()].groupby(["penalty", "method", "prune_type"], sort=False, dropna=False)
    return [
        matched.of_published(of_kind, str(kind), tuple(map(str, key)), dense)
        for (*key, kind), of_kind in groups
        if kind is not None
    ]


def _published_words(found: list[Match]) -> str:
    if not found:
        return ""
    return f"{' '.join(map(_match_words, found))} {_turning_words(found)}"


@register(
    FindingItem("finetuning_recovers", title="Whether fine-tuning recovers the accuracy", when=selections.finetuned)
)
def finetuning_recovers(view: StudyView) -> Finding | None:
    """How far below dense are the pruned nets before and after fine-tuning?"""
    nets = view.nets_of(selections.finetuned)
    nets = nets.assign(net=net_names(nets, pruning_label))
    dense, caution = reference(nets)
    claims = claims_of(view, comparable(nets), NEAR)
    if not claims:
        return None
    worst, n = max(claims, key=lambda claim: claim.drop), min(claim.n for claim in claims)
    held = comparable(nets)
    return Finding(
        question="Does fine-tuning recover what pruning cost?",
        facts=(*_recovery(held, claims), *_published_recovery(view)),
        verdict=overall(tally(claim.verdict for claim in claims)),
        n=n,
        answer=f"Within {points(NEAR)} of {dense}: {claimed(claims)}.{caution}",
        evidence=f"Median points below {dense}: {number(held['lost'].median(), 2)} right after pruning, "
        f"{number(held['drop'].median(), 2)} after fine-tuning. The furthest after it: {worst.net['net']}, "
        f"{drop(worst)}.",
        definition=f"Points of top-1 below {dense}. {WITHIN_RULE} Random choice is a baseline, and not counted.",
        published=_published_recovery_words(view),
    )


def _recovery(nets: pd.DataFrame, claims: list[Claim]) -> list[Fact]:
    """Of each net, and the median of all: points of top-1 below dense right after pruning, and after fine-tuning; and
    how many recovered."""
    shown = sum(claim.verdict == Verdict.WON for claim in claims)
    facts = [fact("nets", len(nets)), fact("near", int((nets["drop"] <= NEAR).sum()), limit=NEAR)]
    facts += [fact("recovered", shown, limit=NEAR)] if any(claim.verdict for claim in claims) else []
    facts += [fact(f"median_{name}", nets[name].median()) for name in ("lost", "drop")]
    facts += [fact("lost", claim.net["lost"], net=claim.net["net"]) for claim in claims]
    return facts + [fact_of_claim(claim, "finetuning_recovers", net=claim.net["net"]) for claim in claims]


def _published_recovery(view: StudyView) -> Iterator[Fact]:
    rows = _published(view)
    if rows is not None:
        yield replace(fact("nets", len(rows)), source=PUBLISHED)
        yield replace(fact("near", int((rows["drop"] <= NEAR).sum()), limit=NEAR), source=PUBLISHED)


def _published_recovery_words(view: StudyView) -> str:
    rows = _published(view)
    if rows is None:
        return ""
    return f"{(rows['drop'] <= NEAR).sum()} of {len(rows)} within {points(NEAR)} of dense, {ONE_SEED}."


@register(FindingItem("blocks_to_remove", title="How many blocks can go", when=selections.blocks_pruned))
def blocks_to_remove(view: StudyView) -> Finding | None:
    """The most blocks that can be removed within one and two points of dense."""
    nets, when = _ends(view.nets_of(selections.blocks_pruned))
    nets = nets.assign(net=[_name(row) for _, row in nets.iterrows()])
    dense, caution = reference(nets)
    held, published = comparable(nets), _published(view)
    if held.empty:
        return None
    claims = {limit: claims_of(view, held, limit) for limit in BLOCK_LIMITS}
    tops = " or ".join(number(top1, 2) for top1 in dict.fromkeys(held["reference_top1"]))
    return Finding(
        question="How many residual blocks can go?",
        facts=(
            *_most_blocks(held),
            *_shown_blocks(claims),
            *(fact_of_claim(c, "blocks_to_remove", blocks=c.net["blocks"], net=c.net["net"]) for c in claims[NEAR]),
            *(replace(most, source=PUBLISHED) for most in ([] if published is None else _most_blocks(published))),
        ),
        n=int(held["n"].min()),
        answer=f"{_most_words(held, dense, claims)}{_unless_tuned(when)}.{caution}",
        evidence=f"{'; '.join(_blocks_words(row) for _, row in nets.iterrows())}; {dense} {tops}.",
        definition=f"The largest N, by any method but random choice, whose top-1 {when} is at most so many points "
        f"below {dense}: by the mean, and shown. {WITHIN_RULE}",
        published="" if published is None else f"{_most_words(published, 'dense')}, {ONE_SEED}.",
    )


def _most_blocks(nets: pd.DataFrame) -> list[Fact]:
    """The most blocks that can go within each limit, by the mean."""
    blocks = nets["blocks"].astype(float)
    return [fact("most_blocks", blocks[nets["drop"] <= limit].max(), limit=limit) for limit in BLOCK_LIMITS]


def _shown_blocks(claims: dict[float, list[Claim]]) -> list[Fact]:
    """The most blocks of nets that are shown to be within each limit; no facts, where one seed shows nothing."""
    return [
        fact(
            "most_blocks_shown",
            max((c.net["blocks"] for c in each if c.verdict == Verdict.WON), default=None),
            limit=at,
        )
        for at, each in claims.items()
        if any(claim.verdict for claim in each)
    ]


def _most_words(nets: pd.DataFrame, dense: str, claims: dict[float, list[Claim]] | None = None) -> str:
    """The most blocks by the means, and those that are shown, if there are claims."""
    shown = {fact.of["limit"]: fact.value for fact in _shown_blocks(claims or {})}
    words = []
    for most in _most_blocks(nets):
        limit = most.of["limit"]
        proof = f" (shown: {_count(shown[limit])})" if limit in shown else f" ({ONE_SEED})" if claims else ""
        words.append(f"{_count(most.value)} within {points(limit)} of {dense}{proof}")
    return listed(words)


def _count(blocks: float | None) -> str:
    return "none" if blocks is None else f"{blocks:g}"


def _name(row: pd.Series) -> str:
    """A net without some of its blocks."""
    return ", ".join(words for words in (f"{row['method']} N={row['blocks']:g}", retraining_label(row)) if words)


def _blocks_words(row: pd.Series) -> str:
    tops = {"before": row["before"], "after fine-tuning": row["after"]}
    words = ", ".join(f"{number(top1, 2)} {name}" for name, top1 in tops.items() if pd.notna(top1))
    return f"{_name(row)} ({percent(row['actual_ratio'])} of the blocks): {words}"


def _ends(nets: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The nets to compare, and when: fine-tuned ones; all of them right after pruning, if none was fine-tuned."""
    tuned = nets[nets["after"].notna()]
    return (tuned, "after fine-tuning") if len(tuned) else (nets, "right after pruning")


def _unless_tuned(when: str) -> str:
    return "" if when == "after fine-tuning" else f", {when} (nothing was fine-tuned)"


def _published(view: StudyView) -> pd.DataFrame | None:
    """The published nets that were pruned at once, with `drop`, if there are any next to a dense one."""
    rows = view.published
    if rows is None or view.source is None:
        return None
    dense = rows[(rows["kind"] == "training") & rows["penalty"].isna()]["top1"]
    rows = rows[(rows["kind"] == "pruning") & (rows["schedule"] != "gradual") & rows["top1"].notna()]
    if dense.empty or rows.empty:
        return None
    return rows.assign(drop=dense.iloc[0] - rows["top1"], test_images=view.source.test_images)
