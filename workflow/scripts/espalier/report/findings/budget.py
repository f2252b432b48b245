"""How much can go before accuracy does."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from espalier.analysis import registered, selections
from espalier.analysis.labels import net_names, runtime_of
from espalier.analysis.nets import LIMITS, NEAR
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Fact, Finding, fact
from espalier.report.findings.words import less_than_an_image, percent, points, reference, within
from espalier.report.table import decimals, number

FEWER = 1.05  # times fewer MACs: what is less is no gain
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Best:
    """The smallest and the fastest net at most `limit` points of top-1 below dense; None, if there is none."""

    limit: float
    smallest: pd.Series | None
    fastest: pd.Series | None

    @property
    def words(self) -> str:
        """Both nets, and what they cost."""
        if self.smallest is None and self.fastest is None:
            return "none"
        smallest = "none" if self.smallest is None else _smallest(self.smallest)
        fastest = "none" if self.fastest is None else _fastest(self.fastest)
        return f"smallest: {smallest}; fastest: {fastest}"


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
    bests = {limit: _best(nets, limit) for limit in LIMITS}
    near = bests[NEAR]
    any_at_all = any(best.words != "none" for best in bests.values())
    return Finding(
        question="Which are the smallest and the fastest net that are still as good as the dense one?",
        facts=tuple(fact for best in bests.values() for fact in _facts(best)),
        n=int(nets["n"].min()),
        answer=f"{within(NEAR, nets, '' if dense == 'dense' else dense)}: {near.words}."
        + (caution if any_at_all else ""),
        evidence=" ".join(f"{within(limit, nets)}: {bests[limit].words}." for limit in LIMITS if limit != NEAR),
        definition=_definition(dense, timed=bool(nets["ms_per_image"].notna().any())),
        headline=_headline(near, dense),
    )


def table(view: StudyView) -> dict[float, tuple[str, str]]:
    """For each limit the smallest and the fastest net in words, for the tables of all studies; a dash for none."""
    if not selections.fits(selections.compressed, view.results, view.config):
        return {}
    nets = _nets(view)
    return {
        best.limit: (
            NONE if best.smallest is None else f"{best.smallest['net']}: {best.smallest['smaller']:.1f} times smaller",
            NONE if best.fastest is None else f"{best.fastest['net']}: {_time(best.fastest)}",
        )
        for best in (_best(nets, limit) for limit in LIMITS)
    }


def coarse(view: StudyView) -> dict[float, str]:
    """A remark for each limit that is less than one test image, "" for the others."""
    return {limit: less_than_an_image(limit, view.results) for limit in LIMITS}


def _nets(view: StudyView) -> pd.DataFrame:
    nets = view.compressed
    return nets.assign(net=net_names(nets))


def _best(nets: pd.DataFrame, limit: float) -> Best:
    """Among the nets within the limit. The fastest is the one that was measured to be, where any net was timed; else
    the one with the fewest MACs."""
    good = nets[nets["drop"] <= limit]
    files = good[~registered.exported(good)]  # a file of the same numbers in another format is no smaller net
    smallest = None if files.empty else files.loc[files["smaller"].idxmax()]
    if nets["ms_per_image"].notna().any():
        fast = good[good["ms_per_image"].notna() & ~(good["measured"] <= 1)]
        return Best(limit, smallest, None if fast.empty else fast.loc[fast["ms_per_image"].idxmin()])
    fast = files[files["speed_up"] >= FEWER]
    return Best(limit, smallest, None if fast.empty else fast.loc[fast["speed_up"].idxmax()])


def _facts(best: Best) -> list[Fact]:
    """What the smallest and the fastest net are, and what they cost; without a value, if there is none."""
    names = {
        "smallest": {"times_smaller": "smaller", "removed": "actual_ratio", "times_fewer_macs": "speed_up"},
        "fastest": {"ms_per_image": "ms_per_image", "times_faster": "measured", "times_fewer_macs": "speed_up"},
    }
    facts = []
    for goal, columns in names.items():
        row = getattr(best, goal)
        if row is None:
            facts.append(fact("drop", None, limit=best.limit, goal=goal))
            continue
        which = {"limit": best.limit, "goal": goal, "net": row["net"]}
        facts += [fact(name, row[column], **which) for name, column in ({"drop": "drop"} | columns).items()]
    return facts


def _definition(dense: str, timed: bool) -> str:
    fastest = (
        "of those that were timed, and were faster than the dense net in the same runtime, the one with the lowest "
        "median time for one image in any runtime."
        if timed
        else "the one with the fewest MACs: none was timed."
    )
    return (
        f"Of all pruned and quantized nets whose top-1 is at most so many points below {dense}: the one whose saved "
        f"file is smallest, zipped (times smaller = dense / this file), and {fastest}"
    )


def _headline(best: Best, dense: str) -> str:
    if best.smallest is None:
        return f"No pruned or quantized net is within {points(best.limit)} of {dense}"
    smaller = f"{best.smallest['smaller']:.1f} times smaller, zipped"
    return f"{smaller}, within {points(best.limit)} of {dense}: {best.smallest['net']}"


def _smallest(row: pd.Series) -> str:
    """The smallest net, and what it costs."""
    parts = [f"{percent(row['actual_ratio'])} removed"] if pd.notna(row["actual_ratio"]) else []
    parts += [f"{number(-row['drop'], 2, signed=True)} points", f"{row['smaller']:.1f} times smaller"]
    if "pruned" in row["kind"]:
        parts.append(_macs(row["speed_up"]))
    return f"{row['net']} ({', '.join(parts)})"


def _fastest(row: pd.Series) -> str:
    """The fastest net, and what it costs."""
    return f"{row['net']} ({number(-row['drop'], 2, signed=True)} points, {_time(row)})"


def _time(row: pd.Series) -> str:
    if pd.isna(row["ms_per_image"]):
        return _macs(row["speed_up"])
    gain = f", {row['measured']:.1f} times as fast as dense" if pd.notna(row["measured"]) else ""
    time = row["ms_per_image"]
    return f"{number(time, decimals(time, 3))} ms for one image in {runtime_of(row)}{gain}"


def _macs(speed_up: float) -> str:
    return f"{speed_up:.1f} times fewer MACs" if speed_up >= FEWER else "as many MACs"
