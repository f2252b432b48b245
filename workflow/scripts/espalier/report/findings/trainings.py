"""What the penalties did to training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names, training_label
from espalier.analysis.statistics import Verdict
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import PUBLISHED, Fact, Finding, fact
from espalier.report.findings.words import listed
from espalier.report.table import number

SAME = ("top1", "top5", "test_loss")  # what two trainings share to the last digit if they gave the same net


@dataclass(frozen=True)
class Training:
    """A training: its name, its top-1 (and top-5 of a published one) in points, and all that identifies its net."""

    name: str
    top1: float
    numbers: tuple
    top5: float | None = None


@register(FindingItem("identical_trainings", title="Which trainings are one and the same", when=selections.penalised))
def identical_trainings(view: StudyView) -> Finding:
    """Which trainings gave the same net, as the published tables have it of filter_wise and channel_wise."""
    rows = view.select(selections.penalised)
    trainings, published = _trainings(rows), _published(view)
    same = _groups(trainings)
    return Finding(
        question="Do different penalties train different nets?",
        facts=(*_facts(trainings), *(replace(f, source=PUBLISHED) for f in _facts(published))),
        verdict=Verdict.LOST if same else Verdict.WON,
        n=int(rows.groupby("variant").size().min()),
        answer=f"{_words(same)}.",
        evidence="Top-1: " + ", ".join(f"{t.name} {number(t.top1, 2)}" for t in trainings) + ".",
        definition="The same: top-1, top-5 and test loss are equal to the last digit, in every seed (published: top-1 "
        "and top-5). l2_groups is a plain sum of squares over all weights: of filters or of channels, it is the same "
        "sum. group_lasso is not."
        + ("" if rows["penalty"].isna().any() else " There is no dense training to compare with."),
        published=_published_words(published),
    )


def _trainings(rows: pd.DataFrame) -> list[Training]:
    """One for each variant, with the numbers of all seeds."""
    rows = rows.assign(name=net_names(rows, training_label))
    return [
        Training(seeds["name"].iloc[0], float(seeds["top1"].mean()), tuple(map(tuple, seeds[list(SAME)].to_numpy())))
        for _, seeds in rows.groupby("variant", sort=False)
    ]


def _published(view: StudyView) -> list[Training]:
    """The published trainings."""
    if view.published is None:
        return []
    rows = view.published[view.published["kind"] == "training"]
    return [
        Training("dense" if pd.isna(row["penalty_type"]) else row["penalty_type"], row["top1"], pair, row["top5"])
        for _, row in rows.iterrows()
        for pair in [(row["top1"], row["top5"])]
    ]


def _groups(trainings: list[Training]) -> list[list[str]]:
    """The names of trainings that gave the same net, in groups of two and more."""
    groups: dict[tuple, list[str]] = {}
    for training in trainings:
        groups.setdefault(training.numbers, []).append(training.name)
    return [names for names in groups.values() if len(names) > 1]


def _facts(trainings: list[Training]) -> list[Fact]:
    """Top-1 of each, and the number of the net that it gave: trainings that gave the same net share it."""
    nets = list(dict.fromkeys(training.numbers for training in trainings))
    facts = [fact("top1", training.top1, training=training.name) for training in trainings]
    return facts + [fact("net", nets.index(t.numbers) + 1, training=t.name) for t in trainings]


def _words(same: list[list[str]]) -> str:
    return f"The same net: {'; '.join(listed(names) for names in same)}" if same else "No two are the same"


def _published_words(trainings: list[Training]) -> str:
    if not trainings:
        return ""
    tops = [(t.name, [top for top in (t.top1, t.top5) if top is not None and pd.notna(top)]) for t in trainings]
    words = ", ".join(f"{name} {' / '.join(number(top, 2) for top in values)}" for name, values in tops)
    return f"{_words(_groups(trainings))}: {words}."
