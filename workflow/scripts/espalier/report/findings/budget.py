"""How much can go before accuracy does."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import registered
from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, runtime_of
from espalier.analysis.nets import LIMITS, NEAR
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, less_than_an_image, percent, reference, within
from espalier.report.table import decimals, number

FEWER = 1.05  # times fewer MACs: what is less is no gain


@register(
    FindingItem(
        "budget", title="The smallest and the fastest net within a budget of accuracy", when=when.compressed, rank=1
    )
)
def budget(view: StudyView) -> list[Finding]:
    """The smallest saved net (zipped) and the fastest within half a point, one and two points of dense."""
    nets = _nets(view)
    dense, caution = reference(nets)
    found = _found(nets)
    words = {
        limit: "none" if small is None and fast is None else f"smallest: {_smallest(small)}; fastest: {_fastest(fast)}"
        for limit, (small, fast) in found.items()
    }
    any_at_all = any(word != "none" for word in words.values())
    small = found[NEAR][0]
    timed = nets["ms_per_image"].notna().any()
    return [
        Finding(
            "Which are the smallest and the fastest net that are still as good as the dense one?",
            f"{within(NEAR, nets, '' if dense == 'dense' else dense)}: {words[NEAR]}."
            + (caution if any_at_all else ""),
            " ".join(f"{within(limit, nets)}: {words[limit]}." for limit in LIMITS if limit != NEAR),
            f"Of all pruned and quantized nets whose top-1 is at most so many points below {dense}: the one whose "
            "saved file is smallest, zipped (times smaller = dense / this file), and "
            + (
                "of those that were timed, and were faster than the dense net in the same runtime, the one with the "
                "lowest median time for one image in any runtime."
                if timed
                else "the one with the fewest MACs: none was timed."
            ),
            headline=f"No pruned or quantized net is within {NEAR:g} point of {dense}"
            if small is None
            else f"{small['smaller']:.1f} times smaller, zipped, within {NEAR:g} point of {dense}: {small['name']}",
        )
    ]


def table(view: StudyView) -> dict[float, tuple[str, str]]:
    """For each limit the smallest and the fastest net in words, for the tables of all studies; a dash for none."""
    if not (view.results["prune_type"].notna() | view.results["scheme"].notna()).any():
        return {}
    found, none = _found(_nets(view)), "\N{EN DASH}"
    return {
        limit: (none if small is None else _smaller(small), none if fast is None else _faster(fast))
        for limit, (small, fast) in found.items()
    }


def coarse(view: StudyView) -> dict[float, str]:
    """A remark for each limit that is less than one test image, "" for the others."""
    return {limit: less_than_an_image(limit, view.results) for limit in LIMITS}


def _nets(view: StudyView) -> pd.DataFrame:
    nets = view.compressed
    return nets.assign(name=net_names(nets))


def _found(nets: pd.DataFrame) -> dict[float, tuple]:
    """For each limit the rows of the smallest and of the fastest net, None where there is none."""
    timed = nets["ms_per_image"].notna().any()
    found = {}
    for limit in LIMITS:
        good = nets[nets["drop"] <= limit]
        files = good[~registered.exported(good)]  # a file of the same numbers in another format is no smaller net
        small = None if files.empty else files.loc[files["smaller"].idxmax()]
        if timed:
            good = good[good["ms_per_image"].notna() & ~(good["measured"] <= 1)]
            fast = None if good.empty else good.loc[good["ms_per_image"].idxmin()]
        else:
            good = files[files["speed_up"] >= FEWER]
            fast = None if good.empty else good.loc[good["speed_up"].idxmax()]
        found[limit] = small, fast
    return found


def _smallest(row) -> str:
    """The smallest net, and what it costs."""
    if row is None:
        return "none"
    parts = [f"{percent(row['actual_ratio'])} removed"] if pd.notna(row["actual_ratio"]) else []
    parts += [f"{number(-row['drop'], 2, signed=True)} points", f"{row['smaller']:.1f} times smaller"]
    if "pruned" in row["kind"]:
        parts.append(_macs(row["speed_up"]))
    return f"{row['name']} ({', '.join(parts)})"


def _fastest(row) -> str:
    """The fastest net, and what it costs."""
    if row is None:
        return "none"
    return f"{row['name']} ({number(-row['drop'], 2, signed=True)} points, {_time(row)})"


def _smaller(row) -> str:
    return f"{row['name']}: {row['smaller']:.1f} times smaller"


def _faster(row) -> str:
    return f"{row['name']}: {_time(row)}"


def _time(row) -> str:
    if pd.isna(row["ms_per_image"]):
        return _macs(row["speed_up"])
    gain = f", {row['measured']:.1f} times as fast as dense" if pd.notna(row["measured"]) else ""
    time = row["ms_per_image"]
    return f"{number(time, decimals(time, 3))} ms for one image in {runtime_of(row)}{gain}"


def _macs(speed_up: float) -> str:
    return f"{speed_up:.1f} times fewer MACs" if speed_up >= FEWER else "as many MACs"
