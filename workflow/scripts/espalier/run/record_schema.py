"""The schema of a record and the tables of columns in docs/outputs.md, made from espalier.columns.

PYTHONPATH=workflow/scripts python -m espalier.run.record_schema     (make docs) writes both.

Jobs read the written schema instead of this module: so that a better description of a column reruns no training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from espalier import columns
from espalier.columns import Column
from espalier.plan.steps import STEPS
from espalier.run.integrity import DIGEST
from espalier.run.records import SCHEMA

PROJECT = Path(__file__).resolve().parents[4]
PAGE = PROJECT / "docs" / "outputs.md"
BEGIN, END = "<!-- columns: written by `make docs` -->\n", "<!-- end of columns -->\n"

TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array"}
# The columns of a node; of some the values are known to the kinds of steps.
OF_STEPS = {
    "step": tuple(STEPS),
    "retraining": tuple(value for step in STEPS.values() for value in step.retraining),
}
NODE = tuple(replace(column, allowed=OF_STEPS.get(column.name, column.allowed)) for column in columns.NODE)

HEADING = """\
# The record of a node: what every job writes, and the only way a number reaches a table.
# Made from workflow/scripts/espalier/columns.py by `make docs`.
"""
TABLES = (
    ("What a node is", "Keys of a record and columns of `results.csv`.", NODE),
    ("What was measured", "Under `measured` in a record, columns of `results.csv`.", columns.MEASURED),
    ("Layers", "Rows of `layers` in a record, with `node` rows of `layers.csv`.", columns.LAYERS),
    ("Epochs", "Rows of `history` in a record, with `node` rows of `history.csv`; there may be more.", columns.HISTORY),
    ("Layers of a gradually pruned net", "Rows of `summary`, with `node` rows of `summary.csv`.", columns.SUMMARY),
    ("Files", "Under `files` in a record.", columns.FILES),
    ("What a job cost", "Under `timing` in a record; in the tables, each with `timing_` before it.", columns.TIMING),
    ("Latency", "Rows of `latency.csv`.", columns.LATENCY),
    (
        "Sensitivity of layers",
        "Rows of `sensitivity.csv`, of studies with `sensitivity`.",
        columns.SENSITIVITY,
    ),
    ("Which images were classified correctly", "With `node`, rows of `outcomes.csv`.", columns.OUTCOMES),
    ("What was classified correctly of each class", "With `node`, rows of `classes.csv`.", columns.CLASSES),
)


def schema() -> dict[str, Any]:
    """The JSON schema of a record."""
    parts = {
        "measured": _open(columns.MEASURED),
        "layers": {"type": "array", "items": _closed(columns.LAYERS)},
        "history": {"type": "array", "items": _open(columns.HISTORY)},
        "summary": {"type": "array", "items": _closed(columns.SUMMARY)},
        "files": _closed(columns.FILES),
        "timing": _open(columns.TIMING),
        "software": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    sealed = {DIGEST: {"type": "string", "description": "Digest of the rest of the record, which it is written with."}}
    node = {column.name: _nullable(column) for column in NODE}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Record of a node",
        "type": "object",
        "additionalProperties": False,
        "required": [*(column.name for column in NODE if not column.sparse), *parts],
        "properties": node | parts | sealed,
    }


def schema_text() -> str:
    """The schema as the text of its file."""
    return HEADING + yaml.safe_dump(schema(), sort_keys=False, width=120, allow_unicode=True)


def tables() -> str:
    """All columns as Markdown tables, one for each kind of row."""
    return "\n".join(_table(*table) for table in TABLES)


def page(text: str) -> str:
    """The text of docs/outputs.md with the tables of columns between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _closed(described: Iterable[Column]) -> dict[str, Any]:
    """An object that has these keys and no others; optional ones may be left out."""
    described = list(described)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [column.name for column in described if not column.optional],
        "properties": {column.name: _values(column) for column in described},
    }


def _open(described: Iterable[Column]) -> dict[str, Any]:
    """An object that may have further keys, whose values are numbers."""
    return _closed(described) | {"additionalProperties": {"type": "number"}}


def _nullable(column: Column) -> dict[str, Any]:
    """The values of a column that every record has, null where it does not apply."""
    values = _values(column)
    if not column.optional:
        return values
    if column.allowed:
        return values | {"enum": [*column.allowed, None]}
    return values | {"type": [values["type"], "null"]}


def _values(column: Column) -> dict[str, Any]:
    rules: dict[str, Any] = {"enum": list(column.allowed)} if column.allowed else {"type": TYPES[column.type]}
    if column.type is list:
        rules["items"] = {"type": "integer"}
    for limit in ("minimum", "maximum"):
        if getattr(column, limit) is not None:
            rules[limit] = getattr(column, limit)
    return rules | {"description": column.text}


def _table(title: str, where: str, described: Iterable[Column]) -> str:
    lines = [f"### {title}\n", f"{where}\n", "| column | values | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{column.name}` | {_allowed(column)} | {column.text} |" for column in described]
    return "\n".join(lines) + "\n"


def _allowed(column: Column) -> str:
    """The values of a column in words.

    >>> _allowed(Column("ratio", float, "", minimum=0, maximum=1, optional=True))
    'number from 0 to 1, or none'
    >>> _allowed(Column("backend", str, "", allowed=("pytorch", "keras")))
    '`pytorch`, `keras`'
    """
    words = {str: "text", int: "whole number", float: "number", bool: "true or false", list: "list of whole numbers"}
    text = ", ".join(f"`{value}`" for value in column.allowed) or words[column.type]
    if column.minimum is not None:
        text += f" from {column.minimum:g}" + (f" to {column.maximum:g}" if column.maximum is not None else "")
    return text + (", or none" if column.optional else "")


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
