"""Ways to do the same, timed in turns."""

from __future__ import annotations

import statistics
import time


def in_turns(ways: dict, rounds: int, images: int) -> dict[str, list[float]]:
    """Images per second of each way in each round, after one round that does not count."""
    speeds = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            if number:
                speeds[name].append(images / (time.perf_counter() - started))
    return speeds


def show(title: str, speeds: dict[str, list[float]]) -> None:
    """A Markdown table; ratios are to the first way."""
    first = next(iter(speeds.values()))
    print(f"\n| {title} | images/s | of the first |\n| --- | ---: | ---: |")
    for name, found in speeds.items():
        ratio = statistics.median(own / other for own, other in zip(found, first, strict=True))
        print(f"| {name} | {statistics.median(found):.0f} | {100 * ratio:.0f} % |", flush=True)
