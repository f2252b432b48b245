"""What is a pruned net best trained by: fine-tuning, the learning rates of the training, or from scratch?"""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis import verdicts
from espalier.analysis.labels import net_names
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import MARGIN, Finding, decided, scatter
from espalier.report.table import number

PAIRED = "Each pair is one pruned net that was trained on in both ways, of the same seeds. "


@register(FindingItem("from_scratch", title="Whether pruned weights are worth keeping", when=when.from_scratch, rank=2))
def from_scratch(view: StudyView) -> list[Finding]:
    """Each pruned and fine-tuned net against the same architecture trained from scratch (Liu et al. 2019)."""
    nets = _nets(view)
    scratch = nets[nets["step"] == "scratch"]
    return _finding(
        "Is a pruned net better fine-tuned, or its architecture trained from scratch?",
        "Fine-tuning",
        [(tuned, anew) for _, anew in scratch.iterrows() for tuned in _tuned(nets, anew["parent"], "finetune")],
        "Top-1 of a pruned and fine-tuned net less that of the same architecture (of single weights: the same mask) "
        "trained from new random weights. Its epochs are those of all its steps, training and fine-tuning; from "
        "scratch those of that training alone, which needed the other one to find its shape.",
    )


@register(FindingItem("rewinding", title="Whether rewinding the learning rate helps", when=when.rewound, rank=2))
def rewinding(view: StudyView) -> list[Finding]:
    """Each pruned net fine-tuned by the learning rates of the training against its usual fine-tuning (Renda et al.
    2020)."""
    nets = _nets(view)
    usual = nets[(nets["step"] == "prune") & (nets["retraining"] == "finetune")]
    return _finding(
        "Is a pruned net better fine-tuned by the learning rates that its training ended with?",
        "Rewinding",
        [(back, net) for _, net in usual.iterrows() for back in _tuned(nets, net["node"], "rewind")],
        "Top-1 of a pruned net that was fine-tuned by the learning rates of the last epochs of the training, less that "
        "of the same net fine-tuned as the study says. Its epochs are those of all its steps.",
    )


def _nets(view: StudyView) -> pd.DataFrame:
    nets = view.nets
    return nets.assign(name=net_names(nets))


def _tuned(nets: pd.DataFrame, node: str, retraining: str) -> list:
    """The rows of a pruned net that was fine-tuned in this way."""
    return [row for _, row in nets[(nets["node"] == node) & (nets["retraining"] == retraining)].iterrows()]


def _finding(question: str, way: str, pairs: list[tuple], definition: str) -> list[Finding]:
    """The answer, of pairs of nets: one of the way that is asked for, the other to compare it with."""
    if not pairs:
        return []
    results = [decided(one, other) for one, other in pairs]
    won, undecided, lost = (results.count(word) for word in ("won", "undecided", "lost"))
    others = [f"{count} {word}" for word, count in (("undecided", undecided), ("behind", lost)) if count]
    words = f"is ahead in {won} of {len(pairs)} comparison{'' if len(pairs) == 1 else 's'}"
    words += f" ({', '.join(others)})" if others else ""
    nets = pd.DataFrame([row for pair in pairs for row in pair])
    return [
        Finding(
            question,
            f"{way} {words}.{scatter(nets)}",
            " ".join(_pair(one, other) for one, other in pairs),
            f"{definition} {PAIRED}{MARGIN}",
        )
    ]


def _pair(one, other) -> str:
    lead, chance = one["top1"] - other["top1"], verdicts.margin(one, other)
    decision = "more" if abs(lead) > chance else "not more"
    return (
        f"{one['name']} {_top1(one)} against {other['name']} {_top1(other)}: {number(lead, 2, signed=True)} points, "
        f"{decision} than twice the standard error of the difference, {number(chance, 2)}."
    )


def _top1(row) -> str:
    return f"{number(row['top1'], 2)} ({row['trained']:g} epoch{'' if row['trained'] == 1 else 's'})"
