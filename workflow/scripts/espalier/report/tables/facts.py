"""How a net came about, one fact a column: its training, prune type, score, amount, what came after, quantization."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from espalier.analysis.labels import (
    amount,
    label,
    retraining_label,
    scheme_label,
    scope_label,
    training_label,
)
from espalier.analysis.retraining import PLAIN, WORDS
from espalier.report.table import Column, Text

NAMES = {
    "training": "Training", "pruned": "Prune type", "score": "Score", "amount": "Amount", "later": "Trained further",
    "quantized": "Quantization", "apart": "Told apart by",
}  # fmt: skip
FACTS = [key for key in NAMES if key != "apart"]  # nets of which these are the same are told apart in other words
HALF = 0.5  # a net that lost less than this part of what was asked is flagged


def with_facts(nets: pd.DataFrame) -> pd.DataFrame:
    """The nets with a column for each of NAMES; what does not apply to a net is absent. nets: with a column `name`, as
    labels.net_names gives it."""
    rows = [row for _, row in nets.iterrows()]
    pruned = nets["prune_type"].notna()
    nets = nets.assign(
        training=[training_label(row).replace("dense", "plain", 1) for row in rows],
        pruned=nets["prune_type"],
        score=[_score(row) if is_pruned else None for row, is_pruned in zip(rows, pruned, strict=True)],
        amount=[amount(row) if is_pruned else None for row, is_pruned in zip(rows, pruned, strict=True)],
        later=[_later(row) or None for row in rows],
        quantized=[scheme_label(row) or None for row in rows],
    )
    alike = nets.groupby(FACTS, dropna=False)["variant"].transform("nunique") > 1
    words = [row["name"].removeprefix(label(row)).strip(" ,()") or None for row in rows]
    return nets.assign(apart=[own if several else None for own, several in zip(words, alike, strict=True)])


def columns(nets: pd.DataFrame, *left_out: str) -> Iterator[Column]:
    """The name of a net for narrow pages and the view of all columns; for wide ones a column for each fact that any of
    the nets has. nets: of `with_facts`; left_out: facts that a table shows in another way."""
    yield Text("name", "Net", room="narrow")
    for key, title in NAMES.items():
        if key not in left_out and nets[key].notna().any():
            yield Text(key, title, room="wide", header=True)


def missed(asked: float | str | None, removed: float | None) -> str | None:
    """A warning, if a net lost much less than was asked. Both in percent; an amount in words has none.

    >>> missed(20.0, 0.0), missed(40.0, 12.5), missed(20.0, 18.8), missed("N = 2", 0.0)
    ('nothing was removed', 'less than half of what was asked', None, None)
    """
    if not isinstance(asked, float | int) or asked <= 0 or removed is None or pd.isna(removed):
        return None
    if removed == 0:
        return "nothing was removed"
    return "less than half of what was asked" if removed < HALF * asked else None


def _score(row: pd.Series) -> str:
    """The score, with its scope where that is not the usual one, and the schedule."""
    words = [row["method"], scope_label(row), row["schedule"]]
    return " ".join(word for word in words if pd.notna(word) and word)


def _later(row: pd.Series) -> str:
    """How a net was trained further: "fine-tuned", "rewound", "from scratch"; "" if it was not."""
    if words := retraining_label(row):
        return words
    later = row["chain"].rpartition("prune")[2]
    return WORDS[PLAIN] if PLAIN in later or row["retraining"] == PLAIN else ""
