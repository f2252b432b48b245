"""What the register says of the methods that rows name: prune types, scores and schemes.

Rows are those of the grid, of results.csv, or nets: each names its `backend`, and a prune type, a method (its score) or
a scheme, where it has one. A name that is not registered raises registry.UnknownName.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from espalier import registry
from espalier.registry import Entry, PruneType, Scheme, Score


def masked(rows: pd.DataFrame) -> pd.Series:
    """Which rows' nets had weights set to zero: shapes, MACs and parameters stay as they were."""
    return _having(rows, PruneType, "prune_type", "masks")


def random(rows: pd.DataFrame) -> pd.Series:
    """Which rows' nets were pruned by a random choice, the baseline of all methods."""
    return _having(rows, Score, "method", "random")


def quantized(rows: pd.DataFrame) -> pd.Series:
    """Which rows' nets have fewer bits than they were trained with: an export as float32 has not."""
    return _having(rows, Scheme, "scheme", "quantizes")


def exported(rows: pd.DataFrame) -> pd.Series:
    """Which rows' nets were exported for the runtime of quantized ones, and not quantized."""
    return rows["scheme"].notna() & ~quantized(rows)


def int8(rows: pd.DataFrame) -> pd.Series:
    """Which rows' nets compute with 8-bit integers."""
    return _having(rows, Scheme, "scheme", "int8")


def known_to_be_slow(rows: pd.DataFrame) -> pd.Series:
    """Which rows' nets are quantized in a way that can make them slower than in float32."""
    return _having(rows, Scheme, "scheme", "slow_because")


def usual_scope(row: Any) -> str | None:
    """The scope that the pruning of a row has if its config names none."""
    kind = registry.get(PruneType, row["prune_type"], row["backend"])
    score = registry.get(Score, row["method"], row["backend"])
    return kind.usual_competition(score)


def _having(rows: pd.DataFrame, kind: type[Entry], column: str, field: str) -> pd.Series:
    """Which rows name an entry in `column` that has this field set; of a row without a name the answer is no."""
    named = rows[["backend", column]].dropna().drop_duplicates()
    pairs = {
        (backend, name)
        for backend, name in named.itertuples(index=False)
        if getattr(registry.get(kind, name, backend), field)
    }
    answers = [pair in pairs for pair in zip(rows["backend"], rows[column], strict=True)]
    return pd.Series(answers, index=rows.index, dtype=bool)
