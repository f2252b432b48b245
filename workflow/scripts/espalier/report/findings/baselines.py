"""Do the methods beat the baselines: random choice, and the smallest weights of the whole net?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from espalier.analysis import matched, registered, selections
from espalier.analysis.labels import net_names
from espalier.analysis.matched import Method
from espalier.analysis.nets import untouched
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import RULE, Contest, estimated, overall, tally
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Fact, Finding, fact_of_contest
from espalier.report.findings.words import comparisons, floors, lead, listed, percent, scatter
from espalier.report.table import number

AMOUNTS = ["ratio", "blocks", "asked"]
NEAREST = 0.05  # how far the share that went may be from a baseline's, where it was not asked for
BASELINES = ("random", "global magnitude")  # as selections.baselines names them


@register(
    FindingItem("baselines", title="Whether methods beat the baselines", when=selections.against_baselines, rank=1)
)
def baselines(view: StudyView) -> Finding | None:
    """Each pruned net against the baselines of the same training, at equal cost."""
    nets = view.nets_of(selections.against_baselines)
    nets = nets.assign(net=net_names(nets), baseline=selections.baselines(nets), steps=nets["chain"].str.count("prune"))
    nets = nets[~untouched(nets)]
    masked = registered.masked(nets)
    alike = [
        (n, b, view.accuracy(n).less(view.accuracy(b))) for name in BASELINES for n, b in _pairs(nets[masked], name)
    ]
    curves = matched.leads_of(_curves(view, nets[~masked]))
    contests = estimated([*alike, *(lead.pair for lead in curves)])
    if not contests:
        return None
    axes = [None] * len(alike) + [lead.axis for lead in curves]
    found = [Beaten(contest, axis) for contest, axis in zip(contests, axes, strict=True)]
    by_baseline = {name: [each for each in found if each.baseline == name] for name in BASELINES}
    by_baseline = {name: each for name, each in by_baseline.items() if each}
    words = [
        f"{name} is beaten in {comparisons(b.contest.verdict for b in each)}" for name, each in by_baseline.items()
    ]
    return Finding(
        question="Do the methods beat random choice and the smallest weights of the whole net?",
        facts=tuple(each.fact for of_one in by_baseline.values() for each in of_one),
        verdict=overall(tally(contest.verdict for contest in contests)),
        n=int(nets["n"].min()),
        answer=f"{'; '.join(words)}.{_turning(found)}{scatter(nets)}",
        evidence=" ".join(
            f"Against {name}: {'; '.join(each.words for each in of_one)}." for name, of_one in by_baseline.items()
        )
        + floors(nets[~masked]),
        definition=DEFINITION,
    )


DEFINITION = (
    "Top-1 at the end of nets of the same training and the same prune type, both trained on after pruning or neither. "
    "Where single weights or units are set to zero, nets of the same ratio are compared, which keep as many; global "
    "magnitude is a baseline of these alone, since it saves no MACs. One whose ratio came out of a threshold or a "
    "pattern stands against the baseline nearest to it in the share that really went, of the same training or else of "
    f"the one without penalty, at most {100 * NEAREST:g} percentage points away. Where something is taken out, nets of "
    f"the same ratio differ in cost, and curves are compared. {matched.RULE} {RULE}"
)


@dataclass(frozen=True)
class Beaten:
    """A net, or on an axis of cost a whole curve, against a baseline."""

    contest: Contest
    axis: str | None

    @property
    def baseline(self) -> str:
        return self.contest.other["baseline"]

    @property
    def names(self) -> tuple[str, str]:
        """What is compared: two nets, or two methods."""
        pair = (self.contest.one, self.contest.other)
        one, other = (row["net"] if self.axis is None else f"{row['prune_type']} {row['method']}" for row in pair)
        return one, other

    @property
    def fact(self) -> Fact:
        net, other = self.names
        return fact_of_contest(self.contest, "baselines", net=net, other=other, baseline=self.baseline, axis=self.axis)

    @property
    def words(self) -> str:
        """The difference, and what was compared, where it is not the same amount."""
        net, base = self.contest.one, self.contest.other
        if self.axis is not None:
            return f"{self.names[0]} at equal {matched.AXES[self.axis]} {lead(self.contest)}"
        words = lead(self.contest)
        if all(pd.isna(net[amount]) for amount in AMOUNTS):
            words += f"; {percent(net['actual_ratio'])} went, of the baseline {percent(base['actual_ratio'])}"
        return f"{net['net']} {number(net['top1'], 2)} to {number(base['top1'], 2)} ({words})"


def _turning(found: list[Beaten]) -> str:
    """A sentence on the curves whose order to their baseline depends on the axis of cost, by the means; it begins with
    a space; "" if there are no curves."""
    leads: dict[tuple, list[float]] = {}
    for each in found:
        if each.axis is not None:
            leads.setdefault((*each.names, each.contest.one["root"]), []).append(each.contest.lead)
    if not leads:
        return ""
    turning = [f"{one} against {other}" for (one, other, _), of in leads.items() if min(of) < 0 < max(of)]
    if not turning:
        return " The order of the means is the same on each axis of cost."
    return f" The order of the means depends on the axis of cost: {listed(dict.fromkeys(turning))}."


def _curves(view: StudyView, nets: pd.DataFrame) -> Iterator[tuple[Method, Method]]:
    """The curve of each method with that of random choice of the same prune type and training (or else of the training
    without penalty)."""
    tuned, way = nets["after"].notna(), nets["retraining"].fillna("")
    groups = nets.assign(tuned=tuned, way=way).groupby(
        ["root", "dense", "prune_type", "tuned", "way", "steps", "method"], sort=False
    )
    methods = [matched.method(str(key[-1]), key[:-1], rows, view) for key, rows in groups]
    random = {method.group: method for method in methods if method.row["baseline"] == "random"}
    for method in methods:
        root, dense, *rest = method.group
        base = random.get((root, dense, *rest)) or random.get((dense, dense, *rest))
        if base is not None and method.row["baseline"] != "random":
            yield method, base


def _pairs(nets: pd.DataFrame, baseline: str) -> Iterator[tuple[pd.Series, pd.Series]]:
    """Each net with each baseline that it stands against. Random choice is compared with nothing, neither with global
    magnitude nor with itself."""
    bases = nets[nets["baseline"] == baseline]
    others = nets[(nets["baseline"] != "random") if baseline == "random" else (nets["baseline"] == "")]
    for _, net in others.iterrows():
        for _, base in _against(net, bases).iterrows():
            yield net, base


def _against(net: pd.Series, bases: pd.DataFrame) -> pd.DataFrame:
    """The baselines that a net stands against."""
    same = bases["after"].isna() == pd.isna(net["after"])
    same &= bases["retraining"].fillna("") == ("" if pd.isna(net["retraining"]) else net["retraining"])
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
