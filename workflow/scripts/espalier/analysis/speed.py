"""Measured times against each other."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan

import pandas as pd

from espalier import registry
from espalier.analysis import registered
from espalier.analysis.labels import runtime_of
from espalier.analysis.nets import kinds
from espalier.analysis.statistics import Verdict
from espalier.analysis.tidy import Tidy
from espalier.registry import Scheme

NOISY = 0.05  # width of the interval of a ratio, as a share of it, above which it is called too noisy


@dataclass(frozen=True)
class Gain:
    """A time / that of a net, and how far it can be trusted.

    low, high: its 95 % interval; NaN where it is not known. noise: the factor by which copies of one net differ; NaN
    where no copy was timed: then it cannot be told. same: whether both have the same graph (single weights set to
    zero): then neither is faster on a dense runtime.
    """

    ratio: float
    low: float = nan
    high: float = nan
    noise: float = nan
    same: bool = False

    @property
    def verdict(self) -> Verdict:
        """Whether the net is faster by more than noise.

        >>> [str(Gain(ratio, noise=1.1).verdict) for ratio in (2.0, 1.02, 0.5)]
        ['won', 'undecided', 'lost']
        >>> str(Gain(2.0).verdict)
        'undecided'
        >>> str(Gain(1.3, 1.05, 1.5, noise=1.1).verdict), str(Gain(1.3, same=True).verdict)
        ('undecided', 'undecided')
        """
        low, high = (self.ratio if isnan(end) else end for end in (self.low, self.high))
        if self.same or isnan(self.noise):
            return Verdict.UNDECIDED
        return Verdict.WON if low > self.noise else Verdict.LOST if high < 1 / self.noise else Verdict.UNDECIDED

    @property
    def noisy(self) -> bool:
        """Whether it cannot be told, and the interval is too wide to tell it from noise."""
        wide = not isnan(self.low) and (self.high - self.low) / self.ratio > NOISY
        return wide and not self.same and self.verdict == Verdict.UNDECIDED


def gain(times: pd.DataFrame) -> Gain:
    """The median gain of several rows of `speed_ups`: of nets, seeds, or both. The noise is the largest of any."""
    ends = [float(times[end].median()) if end in times else nan for end in ("ratio_low", "ratio_high")]
    noise = noise_of(times).max()
    return Gain(float(times["speed_up"].median()), *ends, noise=float(noise), same=bool(times["same"].all()))


def noise_of(times: pd.DataFrame) -> pd.Series:
    """For each row the factor by which copies of its baseline differ; NaN where no copy was timed."""
    return times["noise"] if "noise" in times else pd.Series(nan, times.index)


def speed_ups(tidy: Tidy) -> pd.DataFrame:
    """The rows of latency.csv with their nodes' columns, `dense_ms` and `dense_macs` (of the baseline that the row
    names: the dense net in the same runtime, at the same threads and batch), `speed_up` (dense_ms / median_ms),
    `promised` (what the MACs promise: dense_macs / macs), `kind` (see nets.of) and `runtime` of the net, and whether it
    has the `same` graph as its baseline.
    A baseline comes before the nets it is the baseline of."""
    keys = ["baseline", "threads", "batch_size"]
    nodes = tidy.results.drop(columns=["study", "seed", *(c for c in tidy.results if c.startswith("timing_"))])
    times = tidy.latency
    dense = times[times["node"] == times["baseline"]].rename(columns={"median_ms": "dense_ms"})
    times = times.merge(dense[[*keys, "dense_ms"]], on=keys, how="left").merge(nodes, on="node", how="left")
    macs = times["baseline"].map(tidy.results.set_index("node")["macs"])
    times = times.assign(
        dense_macs=macs,
        speed_up=times["dense_ms"] / times["median_ms"],
        promised=macs / times["macs"],
        kind=kinds(times),
        runtime=[runtime_of(row) for _, row in times.iterrows()],
    )
    times = times.assign(same=(times["kind"] == "pruned") & registered.masked(times) & (times["promised"] == 1))
    return times.sort_values("baseline", key=lambda b: pd.factorize(b)[0] + 0.5 * (times["node"] != b), kind="stable")


def with_times(tidy: Tidy) -> pd.DataFrame:
    """The results with the times of calls with one image, where these were measured: the median, `ms_per_image`, what
    it may lie between by the rounds and the noise (see `bounds`), `ms_low` and `ms_high`, that of the baseline in the
    same runtime, `dense_ms`, how many times as fast that is, `measured`, and `timed_threads`."""
    times = speed_ups(tidy)
    times = times[times["batch_size"] == 1].drop_duplicates("node").set_index("node")
    low, high = bounds(times)
    times = times.assign(ms_low=low, ms_high=high)
    nodes = tidy.results["node"]
    columns = {"ms_per_image": "median_ms", "timed_threads": "threads", "dense_ms": "dense_ms", "measured": "speed_up"}
    columns |= {"ms_low": "ms_low", "ms_high": "ms_high"}
    return tidy.results.assign(**{name: nodes.map(times[column]) for name, column in columns.items()})


def bounds(times: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The least and the most that a call may take, for two nets to be told apart only by more than the noise.

    Copies of one net differ by the factor `noise`: each may be off by its square root, one way or the other. Where the
    interval of a net's ratio to its baseline is wider than that, it counts. NaN where the noise was not measured.
    times: as `speed_ups` gives them.

    >>> times = {"median_ms": [1.0], "dense_ms": [2.0], "noise": [1.21], "ratio_low": [1.6], "ratio_high": [2.1]}
    >>> low, high = bounds(pd.DataFrame(times))  # 1 / 1.1 and 2 / 2.1; 1.1 and 2 / 1.6
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.909, 1.25)
    """
    times = times.reindex(columns=["median_ms", "dense_ms", "noise", "ratio_low", "ratio_high"]).astype(float)
    off, known = times["noise"] ** 0.5, times["noise"].notna()
    low = pd.concat([times["median_ms"] / off, times["dense_ms"] / times["ratio_high"]], axis=1).min(axis=1)
    high = pd.concat([times["median_ms"] * off, times["dense_ms"] / times["ratio_low"]], axis=1).max(axis=1)
    return low.where(known), high.where(known)


def slow_schemes(times: pd.DataFrame) -> pd.DataFrame:
    """For each scheme that is known to be slow on a CPU the row of its slowest net, if that was slower than the dense
    net in float32 by more than the noise. times: as `speed_ups` gives them."""
    slow = times[(times["speed_up"] < 1 / noise_of(times)) & times["scheme"].notna()]
    slow = slow[registered.known_to_be_slow(slow)]
    return slow.loc[slow.groupby("scheme", sort=False)["speed_up"].idxmin()]


def slow_words(times: pd.DataFrame) -> str:
    """Sentences on the nets of `slow_schemes`, and why they are slow; "" if none was. times: as `speed_ups` gives
    them."""
    return " ".join(
        f"In {row['scheme']} nets are slower than the dense net in float32, up to {1 / row['speed_up']:.1f} times "
        f"(batch {row['batch_size']}): {_scheme(row).slow_because}."
        for _, row in slow_schemes(times).iterrows()
    )


def notes_on_schemes(rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the times of the schemes that the rows name, a sentence each."""
    named = rows[rows["scheme"].notna()].drop_duplicates(["backend", "scheme"])
    return [note for _, row in named.iterrows() if (note := _scheme(row).about_times)]


def _scheme(row: pd.Series) -> Scheme:
    return registry.get(Scheme, row["scheme"], row["backend"])


def reason(net: pd.Series, found: Gain | None) -> str:
    """Why a net is faster than its baseline, or is not, in a sentence. net: one of nets.of; found: its gain at one
    image a call, None if it was not timed."""
    if found is None:
        return "It was not timed."
    if found.same:
        return "Not faster: it has the graph of the dense net, whose zeros are multiplied like any other number."
    if isnan(found.noise):
        return "Cannot be told: the noise was not measured, no second copy of the dense net was timed."
    if found.noisy:
        return f"Cannot be told: the interval of the ratio is wider than {100 * NOISY:g} % of it."
    promise = f"its MACs promise {net['speed_up']:.2f} times" if net["speed_up"] > 1 else "it has as many MACs"
    if found.verdict == Verdict.WON:
        return f"Faster by more than the noise, a factor of {found.noise:.2f}; {promise}."
    if found.verdict == Verdict.UNDECIDED:
        return f"Cannot be told: the gain is within the noise, a factor of {found.noise:.2f}; {promise}."
    because = _scheme(net).slow_because if pd.notna(net["scheme"]) else ""
    return f"Slower than the dense net by more than the noise, although {promise}" + (
        f": {because}." if because else "."
    )
