"""What is missing of a run that is reported with `only_finished`: rows of tables, and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from espalier.report.table import Table, Text

Rows = Sequence[dict[str, Any]]  # of espalier.run.finished


def why(row: dict[str, Any]) -> str:
    """Why a result is missing.

    >>> why({"step": "train", "status": "failed", "reason": "the loss is not finite"})
    'train failed: the loss is not finite'
    """
    return f"{row['step']} {row['status']}: {row['reason']}"


def table(rows: Rows) -> Table:
    """The results that are missing, failed ones first."""
    columns = (
        Text("study", "Study"),
        Text("label", "Net"),
        Text("step", "Step"),
        Text("status", "Status"),
        Text("reason", "Why", prose=True),
        Text("log", "Log", code=True),
    )
    failed = [row for row in rows if row["status"] != "not run"]
    data = pd.DataFrame([*failed, *(row for row in rows if row not in failed)]).replace("", None)
    return Table("Missing results", "", columns, data)


def appended(nets: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """A table of nets, with a column `remark`, and below them the missing ones. Each seed of these has a row."""
    if not rows:
        return nets
    names, nodes = ([row[key] for row in rows] for key in ("label", "node"))
    missing = pd.DataFrame({"name": names, "node": nodes, "remark": [*map(why, rows)]})
    return pd.concat([nets, missing.reindex(columns=nets.columns).astype(object)], ignore_index=True)
