"""What a step's job measured of its net, for the job that measures it to take over.

A framework takes seconds to import, a small net a fraction of one to measure. So the job that makes a net measures it
too, while the framework is loaded, and leaves the result here. The measuring job takes it over where it is what that
job would find itself: measured by the same code, on the same file and images. Where there is nothing, or something else
(the net came from a cache, or the measuring code was edited since), the job measures the net by itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from espalier.run import predictions
from espalier.run.fingerprint import fingerprint
from espalier.run.integrity import Damaged, read_sealed, sha256, write_sealed

MEASURED, PREDICTIONS = "measured.json", "predictions.npz"


def key(code: dict[str, Any], files: dict[str, str]) -> str:
    """What tells one measuring from another. code: of the measuring job (espalier.run.code); files: digests of the net
    and the images (espalier.columns.FILES)."""
    return fingerprint(code, files["model_sha256"], files["data_sha256"])


def leave(folder: Path, key: str, measured: dict[str, Any], seconds: float) -> None:
    """Keep in `folder` what was measured, and how long that took."""
    folder.mkdir(parents=True, exist_ok=True)
    predictions.write(folder / PREDICTIONS, measured["predictions"])
    kept = {"key": key, "predictions": sha256(folder / PREDICTIONS), "seconds": seconds}
    kept["measured"] = {name: value for name, value in measured.items() if name != "predictions"}
    write_sealed(folder / MEASURED, kept)


def take(folder: Path, key: str) -> tuple[dict[str, Any], dict[str, float]] | None:
    """What `leave` kept, and its timing as a part of a job's; None if that is not there, not whole, or of another
    key."""
    try:
        kept = read_sealed(folder / MEASURED)
        if kept["key"] != key or kept["predictions"] != sha256(folder / PREDICTIONS):
            return None
        measured = kept["measured"] | {"predictions": predictions.read(folder / PREDICTIONS)}
    except (Damaged, OSError):
        return None
    return measured, {"seconds": kept["seconds"], "evaluate_seconds": kept["seconds"]}


def forget(folder: Path) -> None:
    """Remove what was kept, after it was taken over."""
    shutil.rmtree(folder, ignore_errors=True)
