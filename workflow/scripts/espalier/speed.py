"""Measured times against each other."""

from __future__ import annotations

import pandas as pd

from espalier.tidy import Tidy


def speed_ups(tidy: Tidy) -> pd.DataFrame:
    """The rows of latency.csv with their nodes' columns, `dense_ms` and `dense_macs` (of the baseline, at the same
    threads and batch) and `speed_up` (dense_ms / median_ms). A dense net comes before those it is the baseline of."""
    keys = ["baseline", "threads", "batch_size"]
    nodes = tidy.results.drop(columns=["study", "seed", *(c for c in tidy.results if c.startswith("timing_"))])
    times = tidy.latency
    dense = times[times["node"] == times["baseline"]].rename(columns={"median_ms": "dense_ms"})
    times = times.merge(dense[[*keys, "dense_ms"]], on=keys, how="left").merge(nodes, on="node", how="left")
    macs = times["baseline"].map(tidy.results.set_index("node")["macs"])
    times = times.assign(dense_macs=macs, speed_up=times["dense_ms"] / times["median_ms"])
    return times.sort_values("baseline", key=lambda b: pd.factorize(b)[0] + 0.5 * (times["node"] != b), kind="stable")
