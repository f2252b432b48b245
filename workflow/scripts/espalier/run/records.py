"""The record of a job: which node it is, what was measured, what it cost. One schema for all."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from espalier.run.files import write_json

SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "record.schema.yaml"


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))


def write(
    path: str | Path,
    columns: dict[str, Any],
    details: dict[str, Any],
    timing: dict[str, float],
    software: dict[str, str],
) -> None:
    """Write a node's record, with the keys that espalier.columns lists.

    columns: those of the node in the grid. details: the numbers "measured"; rows of "layers", "history" and "summary"
    where there are any; and what only the job of a training knows: the "weights" that it really started from, and
    "epochs". timing: seconds and memory. software: versions, and the machine (espalier.run.software).
    Raises jsonschema.ValidationError if the record does not meet its schema, ValueError if a value is not a finite
    number: such a record is a bug, and must not reach a table.
    """
    record = dict(columns) | {key: details.get(key, columns[key]) for key in ("weights", "epochs")}
    record["measured"] = details["measured"]
    record |= {rows: details.get(rows, []) for rows in ("layers", "history", "summary")}
    record["timing"] = timing
    record["software"] = software
    _validator().validate(record)
    write_json(path, record)


def merged(*details: dict[str, Any]) -> dict[str, Any]:
    """The details that several functions returned, as one, with all their "measured" numbers.

    >>> merged({"measured": {"params": 8}, "layers": []}, {"measured": {"top1": 90.0}})
    {'layers': [], 'measured': {'params': 8, 'top1': 90.0}}
    """
    together: dict[str, Any] = {}
    for part in details:
        together |= {key: value for key, value in part.items() if key != "measured"}
    together["measured"] = {key: value for part in details for key, value in part.get("measured", {}).items()}
    return together
