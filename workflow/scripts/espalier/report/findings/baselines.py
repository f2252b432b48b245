"""Do the methods beat the baselines: random choice, and the smallest weights of the whole net?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import RULE, Contest, overall, tally
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, fact_of_contest
from espalier.report.findings.words import comparisons, percent, scatter
from espalier.report.table import number

AMOUNTS = ["ratio", "blocks"]
NEAREST = 0.05  # how far the share that went may be from a baseline's, where it was not asked for
BASELINES = ("random", "global magnitude")  # as selections.baselines names them


@register(
    FindingItem("baselines", title="Whether methods beat the baselines", when=selections.against_baselines, rank=1)
)
def baselines(view: StudyView) -> Finding | None:
    """Each pruned net against the baselines of the same training and the same amount."""
    nets = view.nets_of(selections.against_baselines)
    nets = nets.assign(net=net_names(nets), baseline=selections.baselines(nets), steps=nets["chain"].str.count("prune"))
    contests = {name: list(_contests(nets, name)) for name in BASELINES}
    contests = {name: each for name, each in contests.items() if each}
    if not contests:
        return None
    counts = {name: tally(c.verdict for c in each) for name, each in contests.items()}
    return Finding(
        question="Do the methods beat random choice and the smallest weights of the whole net?",
        facts=tuple(
            fact_of_contest(c, net=c.one["net"], other=c.other["net"], baseline=name)
            for name, each in contests.items()
            for c in each
        ),
        verdict=overall(tally(c.verdict for each in contests.values() for c in each)),
        n=int(nets["n"].min()),
        answer="; ".join(f"{name} is beaten in {comparisons(counts[name])}" for name in contests) + "." + scatter(nets),
        evidence=" ".join(f"Against {name}: {'; '.join(map(_words, each))}." for name, each in contests.items()),
        definition=DEFINITION,
    )


DEFINITION = (
    "Top-1 at the end of nets of the same training that were pruned by the same ratio (or number of blocks), both "
    "trained on after pruning or neither; random choice of the same prune type. Global magnitude sets the same share "
    "of single weights to zero: no layer gets smaller by that. A net whose ratio came out of a threshold or a pattern "
    "stands against the baseline nearest to it in the share that really went, of the same training or else of the one "
    f"without penalty, at most {100 * NEAREST:g} percentage points away. {RULE}"
)


def _contests(nets: pd.DataFrame, baseline: str) -> Iterator[Contest]:
    """Each net against each baseline that it stands against. Random choice is compared with nothing, neither with
    global magnitude nor with itself."""
    bases = nets[nets["baseline"] == baseline]
    others = nets[(nets["baseline"] != "random") if baseline == "random" else (nets["baseline"] == "")]
    for _, net in others.iterrows():
        for _, base in _against(net, bases, baseline).iterrows():
            yield Contest(net, base)


def _against(net: pd.Series, bases: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """The baselines that a net stands against."""
    same = bases["after"].isna() == pd.isna(net["after"])
    same &= bases["retraining"].fillna("") == ("" if pd.isna(net["retraining"]) else net["retraining"])
    if baseline == "random":
        same &= bases["prune_type"] == net["prune_type"]
    of_training = bases["root"] == net["root"]
    if net[AMOUNTS].notna().any():
        same &= of_training & (bases["steps"] == net["steps"])
        for amount in AMOUNTS:
            same &= (bases[amount] == net[amount]) | (bases[amount].isna() & pd.isna(net[amount]))
        return bases[same]
    away = (bases["actual_ratio"] - net["actual_ratio"]).abs()
    near = same & (away <= NEAREST) & (of_training | (bases["root"] == net["dense"]))
    if (near & of_training).any():
        near &= of_training
    return bases.loc[[away[near].idxmin()]] if near.any() else bases[near]


def _words(contest: Contest) -> str:
    """Both accuracies, the verdict, and what was compared, where it is not the same amount."""
    net, base = contest.one, contest.other
    words = str(contest.verdict)
    if all(pd.isna(net[amount]) for amount in AMOUNTS):
        words += f"; {percent(net['actual_ratio'])} went, of the baseline {percent(base['actual_ratio'])}"
    return f"{net['net']} {number(net['top1'], 2)} to {number(base['top1'], 2)} ({words})"
