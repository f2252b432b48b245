"""Progress of a training: one line per epoch in the log, and a bar where somebody watches a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator

terminal = sys.stderr  # a job that sends its output to a log puts the real terminal here


def epochs(first: int, last: int, label: str) -> Iterator[int]:
    """The epochs from `first` to `last`, both counted, with a tqdm bar if the terminal is one."""
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


def line(row: dict, epochs: int) -> None:
    """Print what an epoch gave."""
    values = ", ".join(f"{key} {value:.4g}" for key, value in row.items() if key != "epoch" and value is not None)
    print(f"epoch {row['epoch']}/{epochs}: {values}", flush=True)
