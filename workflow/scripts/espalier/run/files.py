"""Writing files whole or not at all."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A path next to `path`, with the same suffix, to write to; it becomes `path` if the block raises nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".partial-{path.name}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as JSON, keys in the order given. Raises ValueError for NaN and infinity, which JSON lacks."""
    with whole(path) as beside:
        beside.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def zipped_size(path: str | Path) -> int:
    """Bytes of a file in a zip archive (deflate at its usual level)."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.write(path, Path(path).name)
    return len(buffer.getvalue())


def sizes(path: str | Path) -> dict[str, int]:
    """The size of a saved net's file, as it is and zipped, in bytes."""
    return {"size_bytes": Path(path).stat().st_size, "zipped_bytes": zipped_size(path)}
