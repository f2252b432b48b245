"""How much can go before accuracy does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from espalier.analysis import registered, selections
from espalier.analysis.choices import Choice, by_validation, claims_with_drops, first
from espalier.analysis.labels import net_names, runtime_of
from espalier.analysis.nets import LIMITS, NEAR, same_graph
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import WITHIN_RULE
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Fact, Finding, fact, fact_of_claim
from espalier.report.findings.words import (
    chosen,
    chosen_by,
    comparable,
    less_than_an_image,
    percent,
    reference,
    within,
)
from espalier.report.table import decimals, number

FEWER = 1.05  # times fewer MACs: what is less is no gain
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Best:
    """The smallest and the fastest net at most `limit` points of top-1 below dense: chosen, and shown."""

    limit: float
    smallest: Choice
    fastest: Choice

    @property
    def words(self) -> str:
        """Both nets, and what they cost."""
        if not self.smallest.both and not self.fastest.both:
            return "none"
        return f"smallest: {_named(self.smallest, _smallest)}; fastest: {_named(self.fastest, _fastest)}"


@register(
    FindingItem(
        "budget",
        title="The smallest and the fastest net within a budget of accuracy",
        when=selections.compressed,
        rank=1,
    )
)
def budget(view: StudyView) -> Finding:
    """The smallest saved net (zipped) and the fastest within half a point, one and two points of dense."""
    nets = _nets(view)
    dense, caution = reference(nets)
    bests = {limit: _best(view, nets, limit) for limit in LIMITS}
    near = bests[NEAR]
    return Finding(
        question="Which are the smallest and the fastest net that are still as good as the dense one?",
        facts=tuple(fact for best in bests.values() for fact in _facts(best)),
        n=int(nets["n"].min()),
        answer=f"{within(NEAR, nets, '' if dense == 'dense' else dense)}: {near.words}.{caution}",
        evidence=" ".join(f"{within(limit, nets)}: {bests[limit].words}." for limit in LIMITS if limit != NEAR),
        definition=_definition(dense, by_validation(view, comparable(nets)), bool(nets["ms_per_image"].notna().any())),
    )


def table(view: StudyView) -> dict[float, tuple[str, str]]:
    """For each limit the smallest and the fastest net in words, for the tables of all studies; a dash for none."""
    if not selections.fits(selections.compressed, view.results, view.config):
        return {}
    nets = _nets(view)
    return {
        best.limit: (_named(best.smallest, _size, NONE), _named(best.fastest, _time_of, NONE))
        for best in (_best(view, nets, limit) for limit in LIMITS)
    }


def coarse(view: StudyView) -> dict[float, str]:
    """A remark for each limit that is less than one test image, "" for the others."""
    return {limit: less_than_an_image(limit, view.results) for limit in LIMITS}


def _nets(view: StudyView) -> pd.DataFrame:
    nets = view.compressed
    return nets.assign(net=net_names(nets))


def _best(view: StudyView, nets: pd.DataFrame, limit: float) -> Best:
    """Among the nets within the limit. The fastest is the one that was measured to be, where any net was timed; else
    the one with the fewest MACs."""
    claims = claims_with_drops(view, comparable(nets), limit)
    rows = pd.DataFrame([claim.net for claim, _ in claims], columns=nets.columns)
    exported = dict(zip(rows["variant"], registered.exported(rows), strict=True))
    # a file of the same numbers in another format is no smaller net
    files = [each for each in claims if not exported[each[0].net["variant"]]]
    smallest = first(files, "smaller", limit)
    if nets["ms_per_image"].notna().any():
        alike = dict(zip(rows["variant"], same_graph(rows), strict=True))
        faster = [each for each in claims if not (each[0].net["measured"] <= 1 or alike[each[0].net["variant"]])]
        return Best(limit, smallest, first(faster, "ms_per_image", limit, largest=False))
    fewer = [each for each in files if each[0].net["speed_up"] >= FEWER]
    return Best(limit, smallest, first(fewer, "speed_up", limit))


def _facts(best: Best) -> list[Fact]:
    """What the smallest and the fastest net are, and what they cost; without a value, if there is none."""
    names = {
        "smallest": {"times_smaller": "smaller", "removed": "actual_ratio", "times_fewer_macs": "speed_up"},
        "fastest": {"ms_per_image": "ms_per_image", "times_faster": "measured", "times_fewer_macs": "speed_up"},
    }
    facts = []
    for goal, columns in names.items():
        choice: Choice = getattr(best, goal)
        if choice.named is None:
            facts.append(fact("drop", None, limit=best.limit, goal=goal))
        for claim, place in ((choice.named, goal), (choice.shown, f"{goal}, shown")):
            if claim is not None:
                which = {"goal": place, "net": claim.net["net"]}
                facts.append(fact_of_claim(claim, f"budget, {best.limit:g}", **which))
                facts += [fact(name, claim.net[col], limit=best.limit, **which) for name, col in columns.items()]
    return facts


def _definition(dense: str, validated: bool, timed: bool) -> str:
    fastest = (
        "of those that were timed, and were faster than the dense net in the same runtime, the one with the lowest "
        "median time for one image in any runtime."
        if timed
        else "the one with the fewest MACs: none was timed."
    )
    return (
        f"Of all pruned and quantized nets at most so many points below {dense}: the one whose saved file is smallest, "
        f"zipped (times smaller = dense / this file), and {fastest} {chosen_by(validated)} {WITHIN_RULE}"
    )


def _named(choice: Choice, words: Callable[[pd.Series], str], none: str = "none") -> str:
    """The net that is shown to be within the limit, and the one that was chosen, if it is another one."""
    claims = choice.both
    return "; ".join(f"{words(claim.net)} ({chosen(claim)})" for claim in claims) if claims else none


def _size(row: pd.Series) -> str:
    return f"{row['net']}: {row['smaller']:.1f} times smaller"


def _time_of(row: pd.Series) -> str:
    return f"{row['net']}: {_time(row)}"


def _smallest(row: pd.Series) -> str:
    """The smallest net, and what was saved."""
    parts = [f"{percent(row['actual_ratio'])} removed"] if pd.notna(row["actual_ratio"]) else []
    parts += [f"{row['smaller']:.1f} times smaller"]
    if "pruned" in row["kind"]:
        parts.append(_macs(row["speed_up"]))
    return f"{row['net']}, {', '.join(parts)}"


def _fastest(row: pd.Series) -> str:
    """The fastest net, and its time."""
    return f"{row['net']}, {_time(row)}"


def _time(row: pd.Series) -> str:
    if pd.isna(row["ms_per_image"]):
        return _macs(row["speed_up"])
    gain = f", {row['measured']:.1f} times as fast as dense" if pd.notna(row["measured"]) else ""
    time = row["ms_per_image"]
    return f"{number(time, decimals(time, 3))} ms for one image in {runtime_of(row)}{gain}"


def _macs(speed_up: float) -> str:
    return f"{speed_up:.1f} times fewer MACs" if speed_up >= FEWER else "as many MACs"
