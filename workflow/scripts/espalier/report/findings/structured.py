"""The questions of the CIFAR-100 studies about structured pruning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names, pruning_label, retraining_label, way_of
from espalier.analysis.nets import NEAR
from espalier.analysis.statistics import Verdict
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import RULE, Contest, overall, tally
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import PUBLISHED, Fact, Finding, fact, fact_of_contest
from espalier.report.findings.words import listed, percent, points, reference, seeds
from espalier.report.table import number

BLOCK_LIMITS = (1.0, 2.0)  # points below dense


@dataclass(frozen=True)
class Match:
    """A comparison of prune types that share penalty, method, ratio and steps: filter_wise against the best other."""

    name: str
    contest: Contest
    rows: pd.DataFrame  # of each prune type the best net, the best first
    method: str
    ratio: float
    penalty: str | None

    @property
    def words(self) -> str:
        rows = (f"{row['prune_type']} {number(row['top1'], 2)}" for _, row in self.rows.iterrows())
        return f"{self.name}: {', '.join(rows)}."


@register(FindingItem("filter_wise_wins", title="Whether filter_wise pruning wins", when=selections.filters_and_others))
def filter_wise_wins(view: StudyView) -> Finding | None:
    """Is filter_wise the best prune type, all else equal?"""
    nets, when = _ends(view.nets_of(selections.filters_and_others))
    matches = _matches(nets.assign(way=[way_of(row) for _, row in nets.iterrows()]))
    if not matches:
        return None
    published, counts = _published_matches(view), _tally(matches)
    cheaper = nets.groupby("prune_type", sort=False)["speed_up"].median()
    words = listed(f"{kind} {speed_up:.2f}" for kind, speed_up in cheaper.items())
    return Finding(
        question="Does filter_wise pruning win?",
        facts=(
            *map(_fact, matches),
            *(fact("times_fewer_macs", macs, prune_type=kind) for kind, macs in cheaper.items()),
            *(replace(_fact(match), source=PUBLISHED) for match in published),
        ),
        verdict=overall(counts),
        n=int(nets["n"].min()),
        answer=f"{_verdict_word(counts)}: it is the best in {_tally_words(counts)}{_unless_tuned(when)}.",
        evidence=f"{_listed(matches)} MACs, dense / pruned, median: {words}.",
        definition=f"Top-1 {when} of the prune types at the same penalty, method and asked ratio. filter_wise wins "
        f"if it leads the best other, and loses if that leads it ({seeds(int(nets['n'].min()))}). {RULE}",
        published=f"{_tally_words(_tally(published))}: {_listed(published)}" if published else "",
    )


def _matches(nets: pd.DataFrame) -> list[Match]:
    """One for each group of nets in which filter_wise stands against others."""
    matches = []
    keys = [*selections.SAME, *(["way"] if "way" in nets else [])]
    for (penalty, method, ratio, *_), rows in nets.groupby(keys, sort=False, dropna=False):
        rows = rows.sort_values("top1", ascending=False, kind="stable").drop_duplicates("prune_type")
        filters = rows["prune_type"] == selections.FILTERS
        if len(rows) < 2 or not filters.any():
            continue
        name = f"{method} {float(ratio):.2f}" + (f" ({penalty} training)" if nets["penalty"].nunique() > 1 else "")
        if "way" in rows and (words := retraining_label(rows.iloc[0])):
            name += f", {words}"
        contest = Contest(rows[filters].iloc[0], rows[~filters].iloc[0])
        matches.append(Match(name, contest, rows, method, float(ratio), None if pd.isna(penalty) else penalty))
    return matches


def _fact(match: Match) -> Fact:
    return fact_of_contest(
        match.contest,
        method=match.method,
        ratio=match.ratio,
        penalty=match.penalty,
        prune_type=match.contest.one["prune_type"],
        other=match.contest.other["prune_type"],
    )


def _tally(matches: list[Match]) -> dict[str, int]:
    return tally(match.contest.verdict for match in matches)


def _verdict_word(counts: dict[str, int]) -> str:
    words = {Verdict.WON: "Yes", Verdict.LOST: "No"}
    undecided = 2 * counts[Verdict.UNDECIDED] > sum(counts.values())
    return words.get(overall(counts), "Undecided" if undecided else "Not always")


def _tally_words(counts: dict[str, int]) -> str:
    undecided = counts[Verdict.UNDECIDED]
    words = f"{counts[Verdict.WON]} of {sum(counts.values())} comparisons"
    return words + (f", {undecided} undecided" if undecided else "")


def _listed(matches: list[Match]) -> str:
    return " ".join(match.words for match in matches)


def _published_matches(view: StudyView) -> list[Match]:
    rows = _published(view)
    return [] if rows is None else _matches(rows[rows["ratio"].notna()])


@register(
    FindingItem("finetuning_recovers", title="Whether fine-tuning recovers the accuracy", when=selections.finetuned)
)
def finetuning_recovers(view: StudyView) -> Finding:
    """How far below dense are the pruned nets before and after fine-tuning?"""
    nets = view.nets_of(selections.finetuned)
    nets = nets.assign(net=net_names(nets, pruning_label), lost=nets["reference_top1"] - nets["before"])
    dense, caution = reference(nets)
    near, worst, n = int((nets["drop"] <= NEAR).sum()), nets.loc[nets["drop"].idxmax()], int(nets["n"].min())
    word = "Yes" if near == len(nets) else "Mostly" if 2 * near > len(nets) else "Partly" if near else "No"
    return Finding(
        question="Does fine-tuning recover what pruning cost?",
        facts=(*_recovery(nets), *_published_recovery(view)),
        verdict={"Yes": Verdict.WON, "No": Verdict.LOST}.get(word, Verdict.UNDECIDED),
        n=n,
        answer=f"{word}: {near} of {len(nets)} pruned nets end within {points(NEAR)} of {dense}.{caution}",
        evidence=f"Median points below {dense}: {number(nets['lost'].median(), 2)} right after pruning, "
        f"{number(nets['drop'].median(), 2)} after fine-tuning. "
        f"The furthest after it: {worst['net']}, {number(worst['drop'], 2)} points.",
        definition=f"Points of top-1 below {dense}, of the same seed ({seeds(n)}); recovered: at most {NEAR:g}. Random "
        "choice is a baseline, and not counted.",
        published=_published_recovery_words(view),
    )


def _recovery(nets: pd.DataFrame) -> list[Fact]:
    """Of each net, and the median of all: points of top-1 below dense right after pruning, and after fine-tuning; and
    how many recovered."""
    facts = [fact("nets", len(nets)), fact("recovered", int((nets["drop"] <= NEAR).sum()), limit=NEAR)]
    facts += [fact(f"median_{name}", nets[name].median()) for name in ("lost", "drop")]
    return facts + [fact(name, row[name], net=row["net"]) for _, row in nets.iterrows() for name in ("lost", "drop")]


def _published_recovery(view: StudyView) -> Iterator[Fact]:
    rows = _published(view)
    if rows is not None:
        yield replace(fact("nets", len(rows)), source=PUBLISHED)
        yield replace(fact("recovered", int((rows["drop"] <= NEAR).sum()), limit=NEAR), source=PUBLISHED)


def _published_recovery_words(view: StudyView) -> str:
    rows = _published(view)
    return "" if rows is None else f"{(rows['drop'] <= NEAR).sum()} of {len(rows)} within {points(NEAR)} of dense."


@register(FindingItem("blocks_to_remove", title="How many blocks can go", when=selections.blocks_pruned))
def blocks_to_remove(view: StudyView) -> Finding:
    """The most blocks that can be removed within one and two points of dense."""
    nets, when = _ends(view.nets_of(selections.blocks_pruned))
    dense, caution = reference(nets)
    published, n = _published(view), int(nets["n"].min())
    tops = " or ".join(number(top1, 2) for top1 in dict.fromkeys(nets["reference_top1"]))
    return Finding(
        question="How many residual blocks can go?",
        facts=(
            *_most_blocks(nets),
            *(fact("drop", row["drop"], blocks=row["blocks"], net=_name(row)) for _, row in nets.iterrows()),
            *(replace(most, source=PUBLISHED) for most in ([] if published is None else _most_blocks(published))),
        ),
        n=n,
        answer=f"{_most_words(nets, dense)}{_unless_tuned(when)}.{caution}",
        evidence=f"{'; '.join(_blocks_words(row) for _, row in nets.iterrows())}; {dense} {tops}.",
        definition=f"The largest N, by any method but random choice, whose top-1 {when} is at most so many points "
        f"below {dense} ({seeds(n)}).",
        published="" if published is None else f"{_most_words(published, 'dense')}.",
    )


def _most_blocks(nets: pd.DataFrame) -> list[Fact]:
    """The most blocks that can go within each limit."""
    blocks = nets["blocks"].astype(float)
    return [fact("most_blocks", blocks[nets["drop"] <= limit].max(), limit=limit) for limit in BLOCK_LIMITS]


def _most_words(nets: pd.DataFrame, dense: str) -> str:
    return listed(
        f"{'None' if most.value is None else f'{most.value:g}'} within {points(most.of['limit'])} of {dense}"
        for most in _most_blocks(nets)
    )


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
