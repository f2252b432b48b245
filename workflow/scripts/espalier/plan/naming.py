"""What the steps of a chain are called: as folders, in words, and as text that is one however it was written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

TRAININGS = ("train", "regularize", "finetune", "scratch")
STEPS = (*TRAININGS, "prune", "quantize")

# Values that name a step's folder without their key, in this order; any other value given in a chain is key=value.
UNNAMED = {
    **dict.fromkeys(TRAININGS, ("budget", "penalty", "prune_type")),
    "prune": ("prune_type", "method", "ratio", "blocks", "threshold", "pattern", "scope", "schedule"),
    "quantize": ("scheme",),
}


def text(column: str, value: Any) -> str:
    """A grid value as text, however it was written: the ratios 0.4 and 0.40 are both "0.40", 0.125 is itself."""
    if column != "ratio":
        return str(value)
    number = Decimal(str(value)) + 0  # + 0 makes -0 a 0
    return f"{number:.2f}" if number.as_tuple().exponent >= -2 else f"{number:f}"


def slug(value: Any) -> str:
    """A value as part of a folder's name."""
    if isinstance(value, dict) and "name" in value:
        return "-".join(slug(v) for v in value.values())
    if isinstance(value, dict):
        return "-".join(f"{slug(k)}-{slug(v)}" for k, v in value.items())
    if isinstance(value, list):
        return "-".join(slug(v) for v in value) or "none"
    said = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return "".join(c if c.isalnum() or c in "._+" else "-" for c in said)


def folder(kind: str, given: dict) -> str:
    """A step's folder: its kind and what the chain says of it."""
    parts = [slug(given[key]) for key in UNNAMED[kind] if given.get(key) is not None]
    parts += [f"{key}={slug(value)}" for key, value in sorted(given.items()) if key not in UNNAMED[kind]]
    return "~".join([kind, *parts])


def label(columns: dict) -> str:
    """A node in words, for messages and logs. Of the node alone: a job whose label changed would be run again."""
    parts = [columns["model"]]
    if columns["init"]:
        parts.append(columns["init"])
    if columns["penalty"]:
        parts.append(f"{columns['penalty']} {columns['penalty_type']}")
    if columns["prune_type"]:
        amounts = (columns[key] for key in ("ratio", "blocks", "threshold", "pattern"))
        amount = next(str(value) for value in amounts if value is not None)
        words = (columns["prune_type"], columns["method"], amount, columns["schedule"])
        parts.append(" ".join(word for word in words if word))
    words = {"scratch": "from scratch", "rewind": "rewound"}
    if columns["retraining"] in words:
        parts.append(words[columns["retraining"]])
    if columns["scheme"]:
        parts.append(columns["scheme"])
    parts.append(f"seed {columns['seed']}")
    return ", ".join(parts)
