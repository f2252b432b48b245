"""Telling whether two trainings are the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def fingerprint(*values: Any, files: Iterable[str | Path | None] = ()) -> str:
    """A digest (64 hex digits) of values, written as JSON or else as text, and of the contents of files.

    A file that is None, since there is none, counts too: it is told from an empty one.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1, "b": 3})
    True
    """
    digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode())
    for file in files:
        digest.update(Path(file).read_bytes() if file else b"-")
    return digest.hexdigest()
