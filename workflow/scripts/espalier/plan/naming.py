"""Values as text: one text for a value, however it was written."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

SHARES = ("ratio", "macs", "params")
FACTORS = ("speed_up", "compression", "size_mib")
LONGEST = 200  # bytes of a folder's name; file systems allow 255, and names of logs are longer than that of the folder


def text(column: str, value: Any) -> str:
    """A grid value as text, however it was written.

    >>> text("ratio", 0.4), text("ratio", 0.40), text("ratio", 0.125), text("ratio", -0.0)
    ('0.40', '0.40', '0.125', '0.00')
    >>> text("macs", 0.5), text("speed_up", 2.0), text("speed_up", 2.11), text("compression", 10)
    ('0.50', '2', '2.11', '10')
    """
    if column in FACTORS:
        return f"{Decimal(str(value)).normalize():f}"
    if column not in SHARES:
        return str(value)
    number = Decimal(str(value)) + 0  # + 0 makes -0 a 0
    return f"{number:.2f}" if number == round(number, 2) else f"{number:f}"


def slug(value: Any) -> str:
    """A value as part of a folder's name.

    >>> slug({"name": "normal", "stddev": 0.1}), slug([5, 8]), slug([]), slug("2:4"), slug(False)
    ('normal-0.1', '5-8', 'none', '2-4', 'false')
    """
    if isinstance(value, dict) and "name" in value:
        return "-".join([slug(value["name"]), *(slug(value[key]) for key in sorted(value) if key != "name")])
    if isinstance(value, dict):
        return "-".join(f"{slug(k)}-{slug(v)}" for k, v in sorted(value.items()))
    if isinstance(value, list):
        return "-".join(slug(v) for v in value) or "none"
    written = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return "".join(c if c.isalnum() or c in "._+" else "-" for c in written)


def shortened(name: str) -> str:
    """A folder's name as it is, or if it is too long its beginning with a digest of all of it.

    >>> shortened("finetune~epochs=3"), shortened("train~" + "é" * 150)[-20:]
    ('finetune~epochs=3', 'ééé~056ea686729af9c3')
    """
    written = name.encode()
    if len(written) <= LONGEST:
        return name
    digest = hashlib.sha256(written).hexdigest()[:16]
    return f"{written[: LONGEST - 17].decode(errors='ignore')}~{digest}"


def sorted_keys(value: Any) -> Any:
    """A value with the keys of its dicts in one order, however they were written: Snakemake compares params as text.

    >>> sorted_keys({"b": [{"d": 1, "c": 2}], "a": 0})
    {'a': 0, 'b': [{'c': 2, 'd': 1}]}
    """
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(item) for item in value] if isinstance(value, list | tuple) else value
