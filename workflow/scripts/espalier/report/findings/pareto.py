"""How small, how fast, at what cost of accuracy?"""

from __future__ import annotations

import pandas as pd

from espalier.analysis import choices, selections
from espalier.analysis.choices import Standings
from espalier.analysis.labels import net_names
from espalier.analysis.statistics import SEEDS
from espalier.analysis.study import StudyView
from espalier.analysis.tidy import MIB
from espalier.analysis.tradeoffs import Standing
from espalier.analysis.verdicts import ONE_SEED
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
    nets = nets.assign(net=net_names(nets))
    sets = [choices.standings(view, nets, axis) for axis in AXES if nets[axis].notna().any()]
    return Finding(
        question="How small and how fast does a net get, at what cost of accuracy?",
        facts=tuple(fact for each in sets for fact in _facts(each)),
        n=int(nets["n"].min()),
        answer=" ".join(f"{_frontier(each)}." for each in sets) + scatter(nets),
        evidence=" ".join(f"{_counts(each)}." for each in sets),
        definition="A net is dominated if another one costs no more for certain and its top-1 is higher for certain; "
        "it is on the frontier if each other net costs more or its top-1 is lower, for certain; else it cannot be "
        "told. Differences of top-1 seed by seed, Student, corrected for all pairs of nets (Holm); costs that differ "
        "between seeds count from the least to the most. With one seed the frontier is that of the numbers alone.",
        headline=". ".join(_frontier(each) for each in sets),
    )


def _known(each: Standings) -> bool:
    """Whether there are seeds enough for verdicts."""
    return bool((each.nets["n"] >= SEEDS).any())


def _facts(each: Standings) -> list[Fact]:
    """Cost and top-1 of each net, and where it stands."""
    facts = []
    for (_, row), place in zip(each.nets.iterrows(), each.places, strict=True):
        of = {"net": row["net"], "axis": each.axis}
        standing = {"standing": str(place.standing)} if _known(each) else {}
        facts += [fact(each.axis, row[each.axis], **of, **standing), fact("top1", row["top1"], **of, **standing)]
    return facts


def _frontier(each: Standings) -> str:
    """The nets that no cheaper one reaches in mean accuracy, the most accurate first, and whether each is on the
    frontier for certain."""
    rows = [row for _, row in choices.by_numbers(each.nets).iloc[::-1].iterrows()]
    certain = {place.name for place in each.places if place.standing == Standing.FRONTIER}
    words = [_words(row, each.axis, _standing(row["variant"] in certain) if _known(each) else "") for row in rows]
    more = f"; {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    remark = "" if _known(each) else f" ({ONE_SEED})"
    return f"Frontier in {AXES[each.axis]}{remark}: {'; '.join(words[:SHOWN])}{more}"


def _standing(certain: bool) -> str:
    return "shown" if certain else "cannot be told"


def _words(row: pd.Series, axis: str, standing: str) -> str:
    """A net with its cost, how many times less that is than dense, its accuracy, and where it stands."""
    cost = row[axis] / MIB if axis == "zipped_bytes" else row[axis]
    unit, gain = ("MiB", row["smaller"]) if axis == "zipped_bytes" else ("ms", row["measured"])
    less = "smaller" if axis == "zipped_bytes" else "as fast"
    times = f", {gain:.1f} times {less}" if pd.notna(gain) and row["kind"] != "dense" else ""
    spread = f" ± {number(row['top1_sd'], 2)}" if pd.notna(row["top1_sd"]) else ""
    size = f"{number(cost, decimals(cost, 3))} {unit}{times}"
    return f"{row['net']} ({size}, {number(row['top1'], 2)}{spread} %{standing and f', {standing}'})"


def _counts(each: Standings) -> str:
    """How many nets stand where."""
    if not _known(each):
        return f"{AXES[each.axis]}: {len(each.nets)} nets, {ONE_SEED}"
    words = {
        Standing.FRONTIER: "on the frontier",
        Standing.DOMINATED: "dominated",
        Standing.UNDECIDED: "cannot be told",
    }
    counts = listed(f"{len(each.of(standing))} {name}" for standing, name in words.items())
    return f"{AXES[each.axis]}: of {len(each.nets)} nets {counts}"
