"""Measured times against each other."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import nets as variants
from espalier.analysis.tidy import Tidy
from espalier.backends import BACKENDS

FASTER = 1.05  # less than that is within what timings scatter

# Why a net with dynamic quantization can be slower than in float32, by backend: what runs it, and what that does.
WHY_DYNAMIC_IS_SLOW = {
    "pytorch": "ONNX Runtime computes such a convolution by ConvInteger, whose kernel takes many times as long as that "
    "of static quantization for the same products (benchmarks/dynamic_int8.py profiles it), and searches the range of "
    "its inputs in every call",
    "keras": "the range of a layer's inputs is searched and the inputs quantized in every call, and where the fast "
    "kernels of LiteRT (XNNPACK) do not take an operator, as depthwise convolutions, the net runs in pieces",
}

# What float16 is for the time, by backend.
FLOAT16_IS_STORAGE = {
    name: f"float16 is the storage: on a CPU {backend.quantized.runtime} computes in float32."
    for name, backend in BACKENDS.items()
}


def speed_ups(tidy: Tidy) -> pd.DataFrame:
    """The rows of latency.csv with their nodes' columns, `dense_ms` and `dense_macs` (of the baseline that the row
    names: the dense net in the same runtime, at the same threads and batch), `speed_up` (dense_ms / median_ms),
    `promised` (what the MACs promise: dense_macs / macs), `kind` and `runtime` of the net (see variants).
    A baseline comes before the nets it is the baseline of."""
    keys = ["baseline", "threads", "batch_size"]
    nodes = tidy.results.drop(columns=["study", "seed", *(c for c in tidy.results if c.startswith("timing_"))])
    times = tidy.latency
    dense = times[times["node"] == times["baseline"]].rename(columns={"median_ms": "dense_ms"})
    times = times.merge(dense[[*keys, "dense_ms"]], on=keys, how="left").merge(nodes, on="node", how="left")
    macs = times["baseline"].map(tidy.results.set_index("node")["macs"])
    times = times.assign(
        dense_macs=macs, speed_up=times["dense_ms"] / times["median_ms"], promised=macs / times["macs"]
    )
    for name in ("kind", "runtime"):
        times[name] = [getattr(variants, name)(row) for _, row in times.iterrows()]
    return times.sort_values("baseline", key=lambda b: pd.factorize(b)[0] + 0.5 * (times["node"] != b), kind="stable")


def with_times(tidy: Tidy) -> pd.DataFrame:
    """The results with `ms_per_image`: the median time of a call with one image, where that was measured, `threads`
    and, of the baseline of the same runtime, `dense_ms`."""
    times = speed_ups(tidy)
    times = times[times["batch_size"] == 1].drop_duplicates("node").set_index("node")
    nodes = tidy.results["node"]
    columns = {"ms_per_image": "median_ms", "timed_threads": "threads", "dense_ms": "dense_ms", "measured": "speed_up"}
    return tidy.results.assign(**{name: nodes.map(times[column]) for name, column in columns.items()})


def slow_dynamic(times: pd.DataFrame) -> str:
    """A sentence on nets with dynamic quantization that were slower than float32, and why; "" if none was.
    times: as `speed_ups` gives them."""
    slow = times[(times["scheme"] == "dynamic_int8") & (times["speed_up"] < 1 / FASTER)]
    if slow.empty:
        return ""
    worst = slow.loc[slow["speed_up"].idxmin()]
    return (
        f"In dynamic_int8 nets are slower than the dense net in float32, up to {1 / worst['speed_up']:.1f} times "
        f"(batch {worst['batch_size']}): "
        f"{WHY_DYNAMIC_IS_SLOW[worst['backend']]}."
    )
