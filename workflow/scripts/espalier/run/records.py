"""The record of a job: which node it is, what was measured, what it cost. One schema for all."""

from __future__ import annotations

import functools
from pathlib import Path

import jsonschema
import yaml

from espalier.run.files import write_json

SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "record.schema.yaml"


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))


def write(path: str | Path, columns: dict, details: dict, timing: dict, software: dict) -> None:
    """Write a node's record.

    columns: what the grid knows of the node. details: "measured" scalars, "layers", "history" and "summary" rows where
    there are any, and of a training what only its job knows: "weights", those it really began with, and "epochs".
    timing: seconds and memory. software: versions, and the machine (espalier.run.software).
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


def merged(*details: dict) -> dict:
    """The details that several functions measured, as one; their "measured" scalars together."""
    together: dict = {}
    for part in details:
        together |= {key: value for key, value in part.items() if key != "measured"}
    together["measured"] = {key: value for part in details for key, value in part.get("measured", {}).items()}
    return together
