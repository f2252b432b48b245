"""Curves of accuracy against sparsity, and what is read off them: where two part, where one has its knee."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from espalier import tidy

KNEE = 5.0  # points of accuracy below the unpruned net
PARTING = (1.0, 5.0)  # points between two curves


def of_run(results: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """For each initialisation its pruned nets, over seeds: (name of the initialisation or "", results)."""
    pruned = tidy.over_seeds(results[results["step"] == "prune"], ["top1"])
    for init, frame in pruned.assign(init=pruned["init"].fillna("")).groupby("init", sort=False):
        yield init, frame


def curve(frame: pd.DataFrame, prune_type: str) -> pd.Series:
    """Accuracy by sparsity (0 to 1), in the order of sparsity; of several methods, the first."""
    frame = frame[frame["prune_type"] == prune_type].drop_duplicates("ratio")
    return pd.Series(frame["top1"].to_numpy(), index=frame["ratio"].astype(float).to_numpy()).sort_index()


def knee(curve: pd.Series, points: float = KNEE) -> float:
    """The largest sparsity at which, and at every smaller one, accuracy is within `points` of the curve's first value
    (that of the least pruned net)."""
    within = curve >= curve.iloc[0] - points
    return curve.index[within.cumprod().astype(bool)].max()


def parting(upper: pd.Series, lower: pd.Series, points: float) -> float | None:
    """The first sparsity at which `upper` is more than `points` above `lower`; None where it never is."""
    apart = (upper - lower) > points
    return apart.index[apart].min() if apart.any() else None


def widest(upper: pd.Series, lower: pd.Series) -> tuple[float, float]:
    """The sparsity at which `upper` is furthest above `lower`, and by how many points."""
    gap = upper - lower
    return gap.idxmax(), gap.max()
