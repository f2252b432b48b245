"""Curves of accuracy against sparsity, and what is read off them: where two part, where one has its knee."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from espalier.analysis.labels import pruning_label, retraining_label
from espalier.analysis.retraining import PLAIN
from espalier.analysis.selections import WEIGHT_AND_UNIT

KNEE = 5.0  # points of accuracy below the unpruned net
PARTING = (1.0, 5.0)  # points between two curves


def of_run(nets: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """For each initialisation (its name, or "") the points of its curves: prune_type, ratio, top1, top1_sd ...

    nets: those that selections.weights_and_units takes of nets.of. Over seeds; of several methods or scopes, the first.
    The net that is not pruned is each curve's point at 0, unless a ratio of 0 was run.
    """
    points, _ = _first(nets)
    starts = points.drop_duplicates(["init", "prune_type"])
    tuned = starts["after"].notna()  # else the start is the net that was pruned, not one trained on
    for column in ("top1", "top1_sd"):
        starts[column] = starts[f"reference_{column}"].where(tuned, starts[f"dense_{column}"])
    starts = starts.assign(ratio="0", variant=starts["reference_variant"].where(tuned, starts["dense_variant"]))
    starts = starts[starts["top1"].notna()]  # none, if nets were trained further and no dense net was
    zero = points[points["ratio"].astype(float) == 0]
    missing = ~starts.set_index(["init", "prune_type"]).index.isin(zero.set_index(["init", "prune_type"]).index)
    points = pd.concat([points, starts[missing]], ignore_index=True)
    yield from points.groupby("init", sort=False)


def baselines(nets: pd.DataFrame) -> dict[str, dict[str, pd.Series]]:
    """For each initialisation the curves of other methods and scopes than those of `of_run`, and of nets that were
    rewound or distilled, by their name: "weight random", "weight magnitude global", "weight magnitude, rewound"."""
    _, points = _first(nets)
    words = ((pruning_label(row), retraining_label(row)) for _, row in points.assign(ratio="0").iterrows())
    names = [", ".join(word for word in pair if word) for pair in words]
    points = points.assign(name=[name.replace(" 0.00", "") for name in names])
    return {
        init: {name: _by_ratio(rows, "top1") for name, rows in group.groupby("name", sort=False)}
        for init, group in points.groupby("init", sort=False)
    }


def _first(nets: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pruned nets of the first method and scope of each initialisation and prune type, and the others.

    Nets that were fine-tuned as usual come before those that were rewound or distilled. A curve is of one kind of nets:
    where some of its ratios were not trained further after pruning, of all of them as they were right after it.
    """
    points = nets[nets["step"] == "prune"].reset_index(drop=True)
    points = points.assign(
        init=lambda rows: rows["init"].fillna(""),
        way=lambda rows: rows["method"].fillna("") + " " + rows["scope"].fillna(""),
    )
    plain = points["after"].isna().groupby([points["init"], points["prune_type"], points["way"]]).transform("any")
    untuned = points[plain].drop_duplicates("node").assign(after=float("nan"), retraining=None)
    for column in ("top1", "top1_sd"):
        untuned[column] = untuned[column.replace("top1", "before")].fillna(untuned[column])
    untuned["variant"] = untuned["before_variant"]
    points = pd.concat([untuned, points[~plain]]).sort_index()
    usual = points["retraining"].isna() | (points["retraining"] == PLAIN)
    points = points.assign(unusual=~usual).sort_values("unusual", kind="stable", ignore_index=True)
    ways = points["way"] + points["retraining"].where(points["unusual"], "").astype(str)
    first = ways == ways.groupby([points["init"], points["prune_type"]]).transform("first")
    return points[first], points[~first]


def of_published(rows: pd.DataFrame | None) -> pd.DataFrame | None:
    """The published rows, if they are such curves. rows: None, if nothing was published."""
    return rows if rows is not None and set(WEIGHT_AND_UNIT) <= set(rows["prune_type"]) else None


def curve(points: pd.DataFrame, prune_type: str, column: str = "top1") -> pd.Series:
    """Accuracy (or another column) by sparsity (0 to 1), in the order of sparsity."""
    return _by_ratio(points[points["prune_type"] == prune_type], column)


def _by_ratio(points: pd.DataFrame, column: str) -> pd.Series:
    values = pd.Series(points[column].to_numpy(), index=points["ratio"].astype(float).to_numpy())
    return values[~values.index.duplicated()].sort_index()


def knee(curve: pd.Series, points: float = KNEE) -> float:
    """The largest sparsity at which, and at every smaller one, accuracy is within `points` of the curve's first value
    (that of the least pruned net).

    >>> knee(pd.Series([90.0, 89.5, 80.0, 89.9], index=[0.0, 0.25, 0.5, 0.6]), points=1)
    0.25
    """
    within = curve >= curve.iloc[0] - points
    return float(curve.index[within.cumprod().astype(bool)].max())


def lead(upper: pd.Series, lower: pd.Series) -> pd.Series:
    """How many points `upper` is above `lower`, at the sparsities that both have.

    >>> lead(pd.Series([90.0, 88.0], index=[0.0, 0.5]), pd.Series([85.0, 50.0], index=[0.5, 0.9])).to_dict()
    {0.5: 3.0}
    """
    return (upper - lower).dropna()


def parting(upper: pd.Series, lower: pd.Series, points: float) -> float | None:
    """The first sparsity at which `upper` is more than `points` above `lower`; None where it never is.

    >>> upper, lower = pd.Series([90.0, 88.0], index=[0.0, 0.5]), pd.Series([90.0, 85.0], index=[0.0, 0.5])
    >>> parting(upper, lower, 2), parting(upper, lower, 3)
    (0.5, None)
    """
    gap = lead(upper, lower)
    apart = gap.index[gap > points]
    return float(apart.min()) if len(apart) else None


def widest(upper: pd.Series, lower: pd.Series) -> tuple[float, float]:
    """The sparsity at which `upper` is furthest above `lower`, and by how many points.

    >>> widest(pd.Series([90.0, 88.0], index=[0.0, 0.5]), pd.Series([90.0, 85.0], index=[0.0, 0.5]))
    (0.5, 3.0)
    """
    gap = lead(upper, lower)
    return float(gap.idxmax()), float(gap.max())
