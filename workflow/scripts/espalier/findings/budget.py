"""How much can go before accuracy does."""

from __future__ import annotations

import pandas as pd

from espalier import variants, when
from espalier.findings.finding import Finding, finding, percent, reference
from espalier.html import number
from espalier.tidy import Tidy

LIMITS = (0.5, 1.0, 2.0)  # points of top-1 below the dense net


@finding("smallest", title="The smallest net within a budget of accuracy", when=when.pruned, rank=1)
def smallest(tidy: Tidy, study: dict) -> list[Finding]:
    """The smallest saved net (zipped) within half a point, one and two points of dense."""
    nets = variants.pruned(tidy.results)
    nets = nets.assign(name=variants.labels(nets))[nets["actual_ratio"] > 0]
    dense, caution = reference(nets, tidy.results)
    found = {limit: _best(nets[nets["drop"] <= limit]) for limit in LIMITS}
    words = {limit: "none" if best is None else _words(best) for limit, best in found.items()}
    return [
        Finding(
            "Which is the smallest net that is still as good as the dense one?",
            f"Within 1 point{'' if dense == 'dense' else f' of {dense}'}: {words[1.0]}."
            + (caution if any(best is not None for best in found.values()) else ""),
            " ".join(f"Within {limit:g} points: {words[limit]}." for limit in LIMITS if limit != 1),
            f"Of all pruned nets whose top-1 is at most so many points below {dense}: the one whose saved file is "
            "smallest, zipped. Times smaller = dense / pruned; MACs as the saved net computes them.",
            headline=f"Within 1 point of {dense}: {words[1.0]}"
            + (f".{caution}".removesuffix(".") if found[1.0] is not None and caution else ""),
        )
    ]


def _best(nets: pd.DataFrame):
    return None if nets.empty else nets.loc[nets["smaller"].idxmax()]


def _words(row) -> str:
    return (
        f"{row['name']} ({percent(row['actual_ratio'])} removed, {number(-row['drop'], 2, signed=True)} "
        f"points, {row['smaller']:.1f} times smaller, {_macs(row['speed_up'])})"
    )


def _macs(speed_up: float) -> str:
    return f"{speed_up:.1f} times fewer MACs" if speed_up >= 1.05 else "as many MACs"
