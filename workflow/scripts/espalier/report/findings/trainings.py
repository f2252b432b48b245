"""What the penalties did to training."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, training_label
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, listed
from espalier.report.table import number

SAME = ("top1", "top5", "test_loss")


@register(FindingItem("identical_trainings", title="Which trainings are one and the same", when=when.penalised))
def identical_trainings(view: StudyView) -> list[Finding]:
    """Which trainings gave the same net, as the published tables have it of filter_wise and channel_wise."""
    trainings = view.select(when.penalised)
    trainings = trainings.assign(name=net_names(trainings, training_label))
    groups = {rows["name"].iloc[0]: rows for _, rows in trainings.groupby("variant", sort=False)}
    # Equal in every seed: the same numbers in all of them.
    numbers = {name: tuple(map(tuple, rows[list(SAME)].to_numpy())) for name, rows in groups.items()}
    dense = trainings["penalty"].isna().any()
    return [
        Finding(
            "Do different penalties train different nets?",
            f"{_sets(numbers)}.",
            "Top-1: " + ", ".join(f"{name} {number(rows['top1'].mean(), 2)}" for name, rows in groups.items()) + ".",
            "The same: top-1, top-5 and test loss are equal to the last digit, in every seed (published: top-1 and "
            "top-5). l2_groups is a plain sum of squares over all weights: filters or channels, it is the same sum. "
            "group_lasso is not." + ("" if dense else " There is no dense training to compare with."),
            _published(view),
        )
    ]


def _published(view: StudyView) -> str:
    """The same of the published trainings, by top-1 and top-5."""
    rows = pd.DataFrame(columns=["kind"]) if view.published is None else view.published
    rows = rows[rows["kind"] == "training"]
    if rows.empty:
        return ""
    names = rows["penalty_type"].fillna("dense")
    pairs = dict(zip(names, zip(rows["top1"], rows["top5"], strict=True), strict=True))
    words = ", ".join(
        f"{name} {' / '.join(number(top, 2) for top in tops if pd.notna(top))}" for name, tops in pairs.items()
    )
    return f"{_sets(pairs)}: {words}."


def _sets(numbers: dict[str, tuple]) -> str:
    """The names whose numbers are the same, in words."""
    sets: dict[tuple, list[str]] = {}
    for name, values in numbers.items():
        sets.setdefault(values, []).append(name)
    same = [listed(names) for names in sets.values() if len(names) > 1]
    return f"The same net: {'; '.join(same)}" if same else "No two are the same"
