"""How small, how fast, at what cost of accuracy?"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from espalier.analysis import choices, selections, variants
from espalier.analysis.chance import beats_chance
from espalier.analysis.choices import Standings
from espalier.analysis.labels import net_names
from espalier.analysis.statistics import SEEDS
from espalier.analysis.study import StudyView
from espalier.analysis.tradeoffs import Compared, Place, Standing
from espalier.analysis.variants import Range
from espalier.analysis.verdicts import ONE_SEED
from espalier.columns import MIB
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Fact, Finding, fact
from espalier.report.findings.words import listed, scatter
from espalier.report.table import decimals, number

AXES = {"zipped_bytes": "MiB zipped", "ms_per_image": "ms for one image"}
SHOWN = 3  # nets that a line names


@register(FindingItem("pareto", title="How small, how fast, at what cost", when=selections.compressed, rank=-1))
def pareto(view: StudyView) -> Finding:
    """The Pareto set in accuracy against the zipped file and, where it was measured, the time for one image."""
    nets = view.nets
    nets = nets.assign(name=net_names(nets))
    compared: Compared = {}
    sets = [choices.standings(view, nets, axis, compared) for axis in AXES if nets[axis].notna().any()]
    words = [_frontier(view, each) for each in sets]
    return Finding(
        question="How small and how fast does a net get, at what cost of accuracy?",
        facts=tuple(fact for each in sets for fact in _facts(view, each)),
        n=int(nets["n"].min()),
        answer=" ".join(f"{each}." for each in words) + scatter(nets),
        evidence=" ".join(f"{_counts(each)}." for each in sets),
        definition=f"{DEFINITION} {_chosen(sets)}",
        headline=". ".join(words),
    )


DEFINITION = (
    "A net is dominated if another one is shown to cost no more and to have a higher top-1; it is on the frontier if "
    "each other net is shown to cost more or to have a lower top-1; else it cannot be told. Differences of top-1 on "
    "test images seed by seed, Student, corrected for all pairs of nets (Holm); files that differ between seeds count"
    " from the least to the most, and so do times, with what the rounds and the noise leave open. One seed gives no "
    "verdict."
)


def _chosen(sets: list[Standings]) -> str:
    """By which images the nets were chosen that are named beside those on the frontier."""
    images = (
        "validation images; the top-1 is that on test images"
        if all(each.validated for each in sets)
        else ("test images, which flatters them: their accuracies on validation images are not known")
    )
    return f"Named are these, and those that no net of at most their cost reaches in mean accuracy on {images}."


def _known(each: Standings) -> bool:
    """Whether there are seeds enough for verdicts."""
    return bool((each.nets["n"] >= SEEDS).any())


def _facts(view: StudyView, each: Standings) -> list[Fact]:
    """Cost and top-1 of each net, and where it stands."""
    facts = []
    for (_, row), place in zip(each.nets.iterrows(), each.places, strict=True):
        of = {"net": row["name"], "axis": each.axis}
        of |= {"standing": str(place.standing)} if _known(each) else {}
        cost, top1 = variants.cost(view, row, each.axis), variants.top1(view.accuracy(row), row["test_images"])
        facts += [_fact(each.axis, cost, **of), _fact("top1", top1, **of)]
    return facts


def _fact(name: str, found: Range, **of: str) -> Fact:
    low, high = (None if pd.isna(end) else float(end) for end in (found.low, found.high))
    return replace(fact(name, found.value, **of), low=low, high=high)


def _frontier(view: StudyView, each: Standings) -> str:
    """The nets that are named and where each stands: those on the frontier first, then the most costly and accurate;
    but for those at chance, since the smallest file of all is on the frontier, however little its net can do."""
    places = {place.name: place for place in each.places}
    rows = [row for _, row in each.named.iloc[::-1].iterrows() if beats_chance(row)]
    if _known(each):
        rows.sort(key=lambda row: places[row["variant"]].standing != Standing.FRONTIER)
    words = [_words(view, row, each.axis, places[row["variant"]] if _known(each) else None) for row in rows]
    more = f"; {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    remark = "" if _known(each) else f" ({ONE_SEED})"
    return f"In {AXES[each.axis]}{remark}: {'; '.join(words[:SHOWN]) or 'none is above chance'}{more}"


def _words(view: StudyView, row: pd.Series, axis: str, place: Place | None) -> str:
    """A net with its cost, how many times less that is than dense, its accuracy, and where it stands."""
    cost = row[axis] / MIB if axis == "zipped_bytes" else row[axis]
    unit, gain = ("MiB", row["smaller"]) if axis == "zipped_bytes" else ("ms", row["measured"])
    less = "smaller" if axis == "zipped_bytes" else "as fast"
    times = f", {gain:.1f} times {less}" if pd.notna(gain) and row["kind"] != "dense" else ""
    top1 = variants.top1(view.accuracy(row), row["test_images"])
    between = "" if pd.isna(top1.low) else f" [{number(top1.low, 1)}, {number(top1.high, 1)}]"
    size = f"{number(cost, decimals(cost, 3))} {unit}{times}"
    return f"{row['name']} ({size}, {number(top1.value, 2)} %{between}{f', {place.standing.words}' if place else ''})"


def _counts(each: Standings) -> str:
    """How many nets stand where."""
    if not _known(each):
        return f"{AXES[each.axis]}: {len(each.nets)} nets, {ONE_SEED}"
    counts = listed(f"{len(each.of(standing))} {standing.words}" for standing in Standing)
    return f"{AXES[each.axis]}: of {len(each.nets)} nets {counts}"
