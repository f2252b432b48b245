"""Curves of accuracy against sparsity, and what is read off them: where two part, where one has its knee."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from espalier.analysis import nets as variants

KNEE = 5.0  # points of accuracy below the unpruned net
PARTING = (1.0, 5.0)  # points between two curves


def of_run(nets: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """For each initialisation (its name, or "") the points of its curves: prune_type, ratio, top1, top1_sd ...

    nets: of a study, as nets.of gives them.

    Over seeds; of several methods or scopes, the first. The net that is not pruned is each curve's point at 0, unless a
    ratio of 0 was run. An initialisation of which not all KINDS were pruned has no curves to compare and is left out.
    """
    points, _ = _first(nets)
    points = points.groupby("init", sort=False).filter(lambda rows: set(variants.KINDS) <= set(rows["prune_type"]))
    starts = points.drop_duplicates(["init", "prune_type"])
    tuned = starts["after"].notna()  # else the start is the net that was pruned, not one trained on
    for column in ("top1", "top1_sd"):
        starts[column] = starts[f"reference_{column}"].where(tuned, starts[f"dense_{column}"])
    starts = starts.assign(ratio="0")
    zero = points[points["ratio"].astype(float) == 0]
    missing = ~starts.set_index(["init", "prune_type"]).index.isin(zero.set_index(["init", "prune_type"]).index)
    points = pd.concat([points, starts[missing]], ignore_index=True)
    yield from points.groupby("init", sort=False)


def baselines(nets: pd.DataFrame) -> dict[str, dict[str, pd.Series]]:
    """For each initialisation the curves of other methods and scopes than those of `of_run`, and of nets that were
    rewound, by their name: "weight random", "weight magnitude global", "weight magnitude, rewound"."""
    _, points = _first(nets)
    labels = ((variants.pruning_label(row), variants.retraining(row)) for _, row in points.assign(ratio="0").iterrows())
    names = [", ".join(word for word in words if word) for words in labels]
    points = points.assign(name=[name.replace(" 0.00", "") for name in names])
    return {
        init: {name: _by_ratio(rows, "top1") for name, rows in group.groupby("name", sort=False)}
        for init, group in points.groupby("init", sort=False)
    }


def _first(nets: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pruned nets of the first method and scope of each initialisation and prune type, and the others. Rewound nets
    come after those that were not. A curve is of one kind of nets: where some of its ratios were not trained on after
    pruning, of all of them as they were right after it."""
    points = variants.pruned(nets).assign(
        init=lambda rows: rows["init"].fillna(""),
        way=lambda rows: rows["method"].fillna("") + " " + rows["scope"].fillna(""),
    )
    plain = points["after"].isna().groupby([points["init"], points["prune_type"], points["way"]]).transform("any")
    pruned = points[plain].drop_duplicates("node").assign(after=float("nan"), retraining=None)
    for column in ("top1", "top1_sd"):
        pruned[column] = pruned[column.replace("top1", "before")].fillna(pruned[column])
    points = pd.concat([pruned, points[~plain]]).sort_index()
    points = points.assign(rewound=points["retraining"] == "rewind")
    points = points.sort_values("rewound", kind="stable", ignore_index=True)
    ways = points["way"] + points["rewound"].astype(str)
    own = ways == ways.groupby([points["init"], points["prune_type"]]).transform("first")
    return points[own], points[~own]


def of_published(rows: pd.DataFrame | None) -> pd.DataFrame | None:
    """The published rows, if they are such curves. rows: None, if nothing was published."""
    return rows if rows is not None and set(variants.KINDS) <= set(rows["prune_type"]) else None


def curve(frame: pd.DataFrame, prune_type: str, column: str = "top1") -> pd.Series:
    """Accuracy (or another column) by sparsity (0 to 1), in the order of sparsity."""
    return _by_ratio(frame[frame["prune_type"] == prune_type], column)


def _by_ratio(frame: pd.DataFrame, column: str) -> pd.Series:
    points = pd.Series(frame[column].to_numpy(), index=frame["ratio"].astype(float).to_numpy())
    return points[~points.index.duplicated()].sort_index()


def slack(frame: pd.DataFrame, images: float | None = None) -> pd.Series:
    """How many points the two curves may be apart by chance (variants.margin), at the sparsities that both have.
    images: the number of test images, where the frame does not say it."""
    frame = frame if images is None else frame.assign(test_images=images)
    rows = frame.assign(sparsity_asked=frame["ratio"].astype(float)).drop_duplicates(["prune_type", "sparsity_asked"])
    one, other = (rows[rows["prune_type"] == kind].set_index("sparsity_asked") for kind in variants.KINDS)
    both = one.index.intersection(other.index).sort_values()
    return pd.Series({at: variants.margin(one.loc[at], other.loc[at]) for at in both}, dtype=float)


def knee(curve: pd.Series, points: float = KNEE) -> float:
    """The largest sparsity at which, and at every smaller one, accuracy is within `points` of the curve's first value
    (that of the least pruned net)."""
    within = curve >= curve.iloc[0] - points
    return curve.index[within.cumprod().astype(bool)].max()


def lead(upper: pd.Series, lower: pd.Series) -> pd.Series:
    """How many points `upper` is above `lower`, at the sparsities that both have."""
    return (upper - lower).dropna()


def parting(upper: pd.Series, lower: pd.Series, points: float) -> float | None:
    """The first sparsity at which `upper` is more than `points` above `lower`; None where it never is."""
    gap = lead(upper, lower)
    apart = gap.index[gap > points]
    return apart.min() if len(apart) else None


def widest(upper: pd.Series, lower: pd.Series) -> tuple[float, float]:
    """The sparsity at which `upper` is furthest above `lower`, and by how many points."""
    gap = lead(upper, lower)
    return gap.idxmax(), gap.max()
