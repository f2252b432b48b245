"""Do the methods beat the baselines: random choice, and the smallest weights of the whole net?"""

from __future__ import annotations

import pandas as pd

from espalier import variants, when
from espalier.findings.finding import MARGIN, Finding, finding, scatter
from espalier.html import number
from espalier.tidy import Tidy

AMOUNTS = ["ratio", "blocks"]


@finding("baselines", title="Whether methods beat the baselines", when=when.against_baselines, rank=1)
def baselines(tidy: Tidy, study: dict) -> list[Finding]:
    """Each pruned net against the baselines of the same training and the same amount."""
    nets = variants.pruned(tidy.results)
    nets = nets.assign(
        name=variants.labels(nets),
        baseline=[variants.baseline(row) for _, row in nets.iterrows()],
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
            "same share of single weights to zero: no layer gets smaller by that. " + MARGIN,
        )
    ]


def _contests(nets: pd.DataFrame, baseline: str) -> list[dict]:
    """One entry for each net and the baseline it stands against."""
    found = []
    for _, base in nets[nets["baseline"] == baseline].iterrows():
        same = (nets["root"] == base["root"]) & (nets["after"].isna() == pd.isna(base["after"]))
        same &= nets["steps"] == base["steps"]
        for amount in AMOUNTS:
            same &= (nets[amount] == base[amount]) | (nets[amount].isna() & pd.isna(base[amount]))
        if baseline == "random":
            same &= (nets["prune_type"] == base["prune_type"]) & (nets["baseline"] != "random")
        else:
            same &= nets["baseline"] == ""
        for _, net in nets[same].iterrows():
            lead, chance = net["top1"] - base["top1"], max(variants.margin(net), variants.margin(base))
            result = "won" if lead > chance else "lost" if lead < -chance else "undecided"
            words = f"{net['name']} {number(net['top1'], 2)} to {number(base['top1'], 2)} ({result})"
            found.append({"result": result, "words": words})
    return found


def _tally(contests: list[dict]) -> str:
    counts = {result: sum(c["result"] == result for c in contests) for result in ("won", "undecided", "lost")}
    others = [f"{counts[result]} {result}" for result in ("undecided", "lost") if counts[result]]
    words = f"is beaten in {counts['won']} of {len(contests)} comparisons"
    return words + (f" ({', '.join(others)})" if others else "")
