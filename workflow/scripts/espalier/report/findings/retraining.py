"""What is a pruned net best trained by: fine-tuning, the learning rates of the training, or from scratch?"""

from __future__ import annotations

from functools import partial

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import Row, net_names
from espalier.analysis.retraining import PLAIN
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import RULE, Contest, contests, overall, tally, without_unfair
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, fact_of_contest
from espalier.report.findings.words import comparisons, lead, scatter
from espalier.report.table import number

PAIRED = "Each pair is one pruned net that was trained on in both ways, of the same seeds. "


@register(
    FindingItem("from_scratch", title="Whether pruned weights are worth keeping", when=selections.from_scratch, rank=2)
)
def from_scratch(view: StudyView) -> Finding:
    """Each pruned and fine-tuned net against the same architecture trained from scratch (Liu et al. 2019)."""
    nets = _named(view.nets_of(selections.from_scratch))
    scratch, tuned = nets[nets["step"] == "scratch"], nets[nets["step"] == "prune"]
    return _finding(
        "Is a pruned net better fine-tuned, or its architecture trained from scratch?",
        "Fine-tuning",
        without_unfair(contests(_pairs(tuned, scratch.assign(node=scratch["parent"])), view.accuracy), _unequal),
        "from_scratch",
        "Top-1 of a pruned and fine-tuned net less that of the same architecture (of single weights: the same mask) "
        "trained from new random weights. Its epochs are those of all its steps, training and fine-tuning; from "
        "scratch those of that training alone, which needed the other one to find its shape.",
    )


@register(FindingItem("rewinding", title="Whether rewinding the learning rate helps", when=selections.rewound, rank=2))
def rewinding(view: StudyView) -> Finding:
    """Each pruned net fine-tuned by the learning rates of the training against its usual fine-tuning (Renda et al.
    2020)."""
    nets = _named(view.nets_of(selections.rewound))
    pairs = _pairs(nets[nets["retraining"] == "rewind"], nets[nets["retraining"] == "finetune"])
    rates = view.history.groupby("node")["learning_rate"].max()
    asked = without_unfair(contests(pairs, view.accuracy), partial(_unasked, rates))
    return _finding(
        "Is a pruned net better fine-tuned by the learning rates that its training ended with?",
        "Rewinding",
        asked,
        "rewinding",
        "Top-1 of a pruned net that was fine-tuned by the learning rates of the last epochs of the training, less that "
        "of the same net fine-tuned as the study says. Its epochs are those of all its steps.",
    )


@register(
    FindingItem("distillation", title="Whether the dense net as a teacher helps", when=selections.distilled, rank=2)
)
def distillation(view: StudyView) -> Finding:
    """Each pruned net fine-tuned with the dense net as its teacher against its usual fine-tuning (Hinton et al.
    2015)."""
    nets = _named(view.nets_of(selections.distilled))
    pairs = _pairs(nets[nets["retraining"] == "distill"], nets[nets["retraining"] == PLAIN])
    return _finding(
        "Is a pruned net better fine-tuned with the dense net as its teacher?",
        "Distillation",
        without_unfair(contests(pairs, view.accuracy), _unequal),
        "distillation",
        "Top-1 of a pruned net that was fine-tuned with the dense net as its teacher, less that of the same net "
        "fine-tuned as the study says. Its epochs are those of all its steps.",
    )


def _unasked(rates: pd.Series, contest: Contest) -> str:
    """Why a comparison of rewinding with fine-tuning gives no verdict. rates: of each node the largest learning rate of
    its last training. Rewinding means the large rates of early training (Renda et al.)."""
    rewound, usual = (rates.get(net["end"]) for net in (contest.one, contest.other))
    if rewound is not None and usual is not None and rewound <= usual:
        return f"not asked: rewound to {rewound:g}, not above the {usual:g} of fine-tuning"
    return _unequal(contest)


def _named(nets: pd.DataFrame) -> pd.DataFrame:
    return nets.assign(net=net_names(nets))


def _pairs(ones: pd.DataFrame, others: pd.DataFrame) -> list[tuple[pd.Series, pd.Series]]:
    """Each pair of nets that were made of the same pruned one, whose `node` both have."""
    return [(one, other) for _, other in others.iterrows() for _, one in ones[ones["node"] == other["node"]].iterrows()]


def _unequal(contest: Contest) -> str:
    """Why two nets of unequal epochs give no verdict. It does not hold against the one that is ahead if it trained for
    fewer."""
    ahead, behind = (contest.one, contest.other) if contest.lead > 0 else (contest.other, contest.one)
    return "unequal epochs: no verdict" if ahead["trained"] > behind["trained"] else ""


def _finding(question: str, way: str, contests: list[Contest], family: str, definition: str) -> Finding:
    """The answer, of pairs of nets: one of the way that is asked for, the other to compare it with."""
    nets = pd.DataFrame([row for contest in contests for row in (contest.one, contest.other)])
    counted = comparisons((contest.verdict for contest in contests), behind="behind")
    return Finding(
        question=question,
        facts=tuple(fact_of_contest(c, family, net=c.one["net"], other=c.other["net"]) for c in contests),
        verdict=overall(tally(contest.verdict for contest in contests)),
        n=int(nets["n"].min()),
        answer=f"{way} is ahead in {counted}.{scatter(nets)}",
        evidence=" ".join(map(_words, contests)),
        definition=f"{definition} {PAIRED}{RULE} The net that is ahead must not have trained for more epochs.",
    )


def _words(contest: Contest) -> str:
    return (
        f"{contest.one['net']} {_top1(contest.one)} against {contest.other['net']} {_top1(contest.other)}: "
        f"{lead(contest)}."
    )


def _top1(row: Row) -> str:
    return f"{number(row['top1'], 2)} ({row['trained']:g} epoch{'' if row['trained'] == 1 else 's'})"
