"""Do the methods beat the baselines: random choice, and the smallest weights of the whole net?"""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.labels import net_names
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import MARGIN, Finding, decided, percent, scatter
from espalier.report.table import number

AMOUNTS = ["ratio", "blocks"]
NEAREST = 0.05  # how far the share that went may be from a baseline's, where it was not asked for


@register(FindingItem("baselines", title="Whether methods beat the baselines", when=when.against_baselines, rank=1))
def baselines(view: StudyView) -> list[Finding]:
    """Each pruned net against the baselines of the same training and the same amount."""
    nets = view.pruned
    nets = nets.assign(
        name=net_names(nets),
        baseline=when.baselines(nets),
        steps=nets["chain"].str.count("prune"),
    )
    contests = {name: _contests(nets, name) for name in ("random", "global magnitude")}
    contests = {name: found for name, found in contests.items() if found}
    if not contests:
        return []
    return [
        Finding(
            "Do the methods beat random choice and the smallest weights of the whole net?",
            "; ".join(f"{name} {_tally(found)}" for name, found in contests.items()) + "." + scatter(nets),
            " ".join(f"Against {name}: {'; '.join(c['words'] for c in found)}." for name, found in contests.items()),
            "Top-1 at the end of nets of the same training that were pruned by the same ratio (or number of blocks), "
            "both trained on after pruning or neither; random choice of the same prune type. Global magnitude sets the "
            "same share of single weights to zero: no layer gets smaller by that. A net whose ratio came out of a "
            "threshold or a pattern stands against the baseline nearest to it in the share that really went, of the "
            f"same training or else of the one without penalty, at most {100 * NEAREST:g} percentage points away. "
            + MARGIN,
        )
    ]


def _contests(nets: pd.DataFrame, baseline: str) -> list[dict]:
    """One entry for each net and the baseline it stands against."""
    found = []
    bases = nets[nets["baseline"] == baseline]
    # Random choice may stand against global magnitude as little as against itself.
    for _, net in nets[(nets["baseline"] != "random") if baseline == "random" else (nets["baseline"] == "")].iterrows():
        for _, base in _against(net, bases, baseline).iterrows():
            result = decided(net, base)
            words = f"{net['name']} {number(net['top1'], 2)} to {number(base['top1'], 2)} ({result}{_near(net, base)})"
            found.append({"result": result, "words": words})
    return found


def _against(net: pd.Series, bases: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """The baselines that a net stands against."""
    same = bases["after"].isna() == pd.isna(net["after"])
    same &= bases["retraining"].fillna("") == ("" if pd.isna(net["retraining"]) else net["retraining"])
    if baseline == "random":
        same &= bases["prune_type"] == net["prune_type"]
    own = bases["root"] == net["root"]
    if net[AMOUNTS].notna().any():
        same &= own & (bases["steps"] == net["steps"])
        for amount in AMOUNTS:
            same &= (bases[amount] == net[amount]) | (bases[amount].isna() & pd.isna(net[amount]))
        return bases[same]
    away = (bases["actual_ratio"] - net["actual_ratio"]).abs()
    near = same & (away <= NEAREST) & (own | (bases["root"] == net["dense"]))
    if (near & own).any():
        near &= own
    return bases.loc[[away[near].idxmin()]] if near.any() else bases[near]


def _near(net: pd.Series, base: pd.Series) -> str:
    """What was compared, where it is not the same amount."""
    if net[AMOUNTS].notna().any():
        return ""
    return f"; {percent(net['actual_ratio'])} went, of the baseline {percent(base['actual_ratio'])}"


def _tally(contests: list[dict]) -> str:
    counts = {result: sum(c["result"] == result for c in contests) for result in ("won", "undecided", "lost")}
    others = [f"{counts[result]} {result}" for result in ("undecided", "lost") if counts[result]]
    words = f"is beaten in {counts['won']} of {len(contests)} comparisons"
    return words + (f" ({', '.join(others)})" if others else "")
