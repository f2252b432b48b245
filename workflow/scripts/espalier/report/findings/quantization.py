"""Prune, quantize, or both? And what does 8-bit arithmetic do to the time?"""

from __future__ import annotations

import pandas as pd

from espalier.analysis import registered
from espalier.analysis import selections as when
from espalier.analysis.labels import net_names
from espalier.analysis.nets import LIMITS, NEAR, smallest
from espalier.analysis.study import StudyView
from espalier.analysis.tidy import MIB
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, listed, reference, scatter, within
from espalier.report.findings.speed import FASTER
from espalier.report.table import number

WAYS = {"pruned": "Prune", "quantized": "Quantize", "pruned + quantized": "Both"}


@register(FindingItem("prune_or_quantize", title="Prune, quantize, or both?", when=when.quantized, rank=2))
def prune_or_quantize(view: StudyView) -> list[Finding]:
    """The smallest zipped file within half a point, one and two points of dense, by pruning, quantizing, and both."""
    nets = view.compressed
    nets = nets.assign(name=net_names(nets))[~registered.exported(nets)]
    dense, caution = reference(nets)
    found = {limit: smallest(nets, limit) for limit in LIMITS}
    best = max(found[NEAR].values(), key=lambda row: row["smaller"], default=None)
    place = within(NEAR, nets, dense)
    first = f"None: no net is {place[0].lower()}{place[1:]}" if best is None else WAYS[best["kind"]]
    return [
        Finding(
            "Prune, quantize, or both?",
            (first if best is None else f"{first}. {place}, {_each(found[NEAR], nets)}")
            + "."
            + caution
            + scatter(nets),
            " ".join(f"{within(limit, nets)}: {_each(found[limit], nets)}." for limit in LIMITS if limit != NEAR),
            f"Of the nets that were only pruned, only quantized, and both, whose top-1 is at most so many points below "
            f"{dense}: the one whose saved file is smallest, zipped; the smallest of all is the answer. An export as "
            "float32 counts as neither.",
        )
    ]


def _each(found: dict[str, pd.Series], nets: pd.DataFrame) -> str:
    """The smallest net of each way in words."""
    parts = []
    for kind in WAYS:
        row = found.get(kind)
        if row is not None:
            size = f"{number(row['zipped_bytes'] / MIB, 3)} MiB"
            gain = f"{number(-row['drop'], 2, signed=True)} points"
            parts.append(f"{kind}: {row['name']}, {size}, {row['smaller']:.1f} times smaller, {gain}")
        else:
            parts.append(f"{kind}: {'none' if (nets['kind'] == kind).any() else 'not run'}")
    return "; ".join(parts)


@register(FindingItem("int8_speed", title="Whether int8 is slower or faster", when=when.timed_int8, rank=2))
def int8_speed(view: StudyView) -> list[Finding]:
    """The time of nets in 8-bit integers against the same nets in float32, in the same runtime."""
    times = _against_exports(view.times)
    if times.empty:
        return []
    medians = times.groupby(["scheme", "batch_size"], sort=False)["gain"].median()
    answers = [_answer(scheme, gains.droplevel(0)) for scheme, gains in medians.groupby(level=0, sort=False)]
    first = times.iloc[0]
    return [
        Finding(
            "Is int8 slower or faster than float32?",
            f"{'; '.join(answers)}.",
            "Times float32 / int8, medians: "
            + "; ".join(_medians(rows) for _, rows in times.groupby("scheme", sort=False))
            + f". {first['runtime']}, threads: {first['threads']}.{_slow_static(times)}",
            f"Median time of the same net exported as float32 / that of the quantized one, in the same runtime; faster "
            f"above {FASTER:g}, slower below {1 / FASTER:.2f}.",
            _published(view),
        )
    ]


def _against_exports(times: pd.DataFrame) -> pd.DataFrame:
    """The rows of nets in 8-bit integers, with `gain`: the time of the export of what they were made from / theirs.
    Where that was not timed there is none, but for the dense net's: all dense nets of a study are of one shape."""
    exports = times[registered.exported(times)].set_index(["parent", "threads", "batch_size"])["median_ms"]
    times = times[registered.int8(times)]
    keys = pd.MultiIndex.from_frame(times[["parent", "threads", "batch_size"]])
    float_ms = pd.Series(exports.reindex(keys).to_numpy(), times.index)
    float_ms = float_ms.fillna(times["dense_ms"].where(times["kind"] == "quantized"))
    return times.assign(gain=float_ms / times["median_ms"]).dropna(subset=["gain"])


def _medians(times: pd.DataFrame) -> str:
    """The median gains of a scheme's nets by batch size, and how many nets these are."""
    count, gains = times["node"].nunique(), times.groupby("batch_size", sort=False)["gain"].median()
    nets = f"{count} net{'' if count == 1 else 's'}"
    return f"{times['scheme'].iloc[0]} ({nets}) {listed(f'{gain:.2f} at batch {b}' for b, gain in gains.items())}"


def _slow_static(times: pd.DataFrame) -> str:
    """Which nets were slower in static_int8 than in float32, in a sentence that begins with a space; "" if none."""
    slow = times[(times["scheme"] == "static_int8") & (times["gain"] < 1 / FASTER)]
    if slow.empty:
        return ""
    nets = zip(net_names(slow), slow["batch_size"], slow["gain"], strict=True)
    return " Slower than in float32: " + "; ".join(f"{n}, at batch {b} {1 / g:.1f} times" for n, b, g in nets) + "."


def _answer(scheme: str, gains: pd.Series) -> str:
    """What the times say of a scheme, by batch size."""
    words = {"faster": gains[gains > FASTER], "slower": gains[gains < 1 / FASTER]}
    parts = [
        f"{word}, " + listed(f"{max(gain, 1 / gain):.1f} times at batch {batch}" for batch, gain in found.items())
        for word, found in words.items()
        if len(found)
    ]
    return f"{scheme}: {' but '.join(parts) or 'as fast'}"


def _published(view: StudyView) -> str:
    """The published times of quantized nets."""
    if view.published is None:
        return ""
    rows = view.published
    if "ms_per_image" not in rows:
        return ""
    rows = rows[rows["ms_per_image"].notna() & rows["scheme"].isin(view.results["scheme"])]
    rows = rows.assign(backend=view.config["backend"])
    floats = rows[registered.exported(rows)].set_index("run")["ms_per_image"]
    rows = rows[registered.int8(rows)]
    return "".join(
        f"{'' if i == 0 else ' '}Run {row['run']}: {row['scheme']} {row['ms_per_image']:g} ms for one image against "
        f"{floats[row['run']]:g}, {row['ms_per_image'] / floats[row['run']]:.1f} times slower."
        for i, (_, row) in enumerate(rows.iterrows())
    )
