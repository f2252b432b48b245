"""Progress of a training: one line per epoch in the log, and a progress bar if the job runs in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, TextIO

terminal: TextIO = sys.stderr  # a job, whose output goes to its log, puts the terminal here


def epochs(first: int, last: int, label: str) -> Iterator[int]:
    """The epochs from `first` to `last`, including both, with a progress bar if `terminal` is one."""
    from tqdm import tqdm

    yield from tqdm(
        range(first, last + 1),
        desc=label,
        unit="epoch",
        file=terminal,
        leave=False,
        disable=not terminal.isatty(),
        initial=first - 1,
    )


def line(row: dict[str, Any], epochs: int) -> None:
    """Print the row of an epoch in the history of a training of so many epochs."""
    values = ", ".join(f"{key} {value:.4g}" for key, value in row.items() if key != "epoch" and value is not None)
    print(f"epoch {row['epoch']}/{epochs}: {values}", flush=True)
