"""Is prediction faster?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names, pruning_label
from espalier.analysis.speed import NOISY, Gain, gain, noise_of, slow_words
from espalier.analysis.statistics import Verdict
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import overall, tally
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Fact, Finding, fact, fact_of_times
from espalier.report.findings.words import listed
from espalier.report.table import decimals, number


@register(FindingItem("prediction_speed", title="Whether prediction gets faster", when=selections.timed_pruned))
def prediction_speed(view: StudyView) -> Finding | None:
    """Measured speed-up of each prune type against the dense net of the same training, same batch, same run."""
    times = view.times
    times = times[times["kind"] == "pruned"]
    if times.empty:
        return None
    gains = _gains_of_types(times)
    facts = [fact_of_times("times_faster", each, **of) for of, each in gains]
    changed = times[~times["same"]] if (~times["same"]).any() else times
    fastest, first = changed.loc[changed["speed_up"].idxmax()], times.iloc[0]
    medians = "; ".join(f"{f.of['prune_type']} at batch {f.of['batch_size']}: {f.value:.2f}" for f in facts)
    largest = fact("largest_times_faster", fastest["speed_up"], net=_name(fastest), batch_size=fastest["batch_size"])
    return Finding(
        question="Is prediction faster after pruning?",
        facts=(*facts, largest),
        verdict=overall(tally(fact.outcome for fact in facts if fact.outcome)),
        n=_seeds(times),
        answer=f"{_answer(gains)}.{_floor(times)}",
        evidence=f"Median speed-up: {medians}. The largest of all: {fastest['speed_up']:.2f} ({_name(fastest)}, batch "
        f"{fastest['batch_size']}). {first['repeats']} calls each, threads: {first['threads']}.",
        definition="Speed-up = median time of the dense net / median time of the pruned one, in the same runtime, "
        f"timed in turns in one process. Faster: the interval of the median over a prune type's nets is above the "
        "noise, which is what two copies of the dense net differ by in the same run; where no second copy was timed, "
        f"it cannot be told. Nets of the same graph are not faster, whatever was measured. {NOISY_WORDS}",
        published=view.published_remark("prediction_speed"),
    )


def _name(row: pd.Series) -> str:
    return pruning_label(row)


def _seeds(times: pd.DataFrame) -> int:
    return int(times.groupby("variant")["seed"].nunique().min())


NOISY_WORDS = f"Too noisy: cannot be told, and the interval is wider than {100 * NOISY:g} % of the ratio."


def _gains_of_types(times: pd.DataFrame) -> list[tuple[dict[str, Any], Gain]]:
    """The median speed-up of each prune type at each batch size."""
    groups = times.groupby(["prune_type", "batch_size"], sort=False)
    return [({"prune_type": kind, "batch_size": batch}, gain(rows)) for (kind, batch), rows in groups]


def _answer(gains: list[tuple[dict[str, Any], Gain]]) -> str:
    """What the median speed-ups of each prune type say, by batch size."""
    kinds = dict.fromkeys(of["prune_type"] for of, _ in gains)
    return "; ".join(
        _answer_of(kind, [(of["batch_size"], each) for of, each in gains if of["prune_type"] == kind]) for kind in kinds
    )


def _answer_of(kind: str, gains: list[tuple[Any, Gain]]) -> str:
    if all(each.same for _, each in gains):
        return f"{kind}: no, the graph is the dense net's: its zeros are multiplied like any other number"
    faster = [f"{each.ratio:.1f} times at batch {batch}" for batch, each in gains if each.verdict == Verdict.WON]
    if all(np.isnan(each.noise) for _, each in gains):
        measured = [f"{each.ratio:.1f} times at batch {batch}" for batch, each in gains]
        return f"{kind}: cannot be told, {listed(measured)} as measured"
    noisy = [f"batch {batch}" for batch, each in gains if each.noisy]
    words = f"yes, {listed(faster)}" if faster else "not shown" if noisy else "no"
    return f"{kind}: {words}{f'; too noisy at {listed(noisy)}' if noisy else ''}"


def _floor(times: pd.DataFrame) -> str:
    """A sentence on the noise, by what is known of it; it begins with a space."""
    if noise_of(times).notna().any():
        return f" Two copies of the dense net differ by up to {times['noise'].max():.2f} times."
    same = times[times["same"]]["speed_up"]
    if same.empty:
        return " The noise was not measured."
    return f" The noise was not measured; nets of the same graph differ by {same.min():.2f} to {same.max():.2f} times."


@register(
    FindingItem(
        "promise", title="Where measured speed-up and the counts part", when=selections.timed_compressed, rank=1
    )
)
def promise(view: StudyView) -> Finding | None:
    """The nets with fewer MACs whose measured speed-ups are furthest below and above those that these promise."""
    times = view.times
    times = times[(times["node"] != times["baseline"]) & times["speed_up"].notna() & (times["promised"] > 1)]
    if times.empty:
        return None
    times = times.assign(
        net=net_names(times), gap=np.log(times["speed_up"] / times["promised"]), scatter=np.log(noise_of(times))
    )
    known = times[times["scatter"].notna()]
    kept = int((known["gap"] >= -known["scatter"]).sum())
    quantized = times["kind"].str.contains("quantized")
    parts = {"pruned nets": times[~quantized], "quantized ones": times[quantized]}
    slow = slow_words(view.times)
    told = f"{kept} of {len(known)} are, at the least" if len(known) else "Cannot be told: the noise was not measured"
    return Finding(
        question="Is a net as fast as its multiply-accumulates promise?",
        facts=(fact("nets", len(known)), fact("as_fast", kept), *_gaps(times)),
        n=_seeds(times),
        answer=f"{told}; {_furthest(times)}.{f' {slow}' if slow else ''}",
        evidence=" ".join(f"Of the {words}, {_furthest(rows)}." for words, rows in parts.items() if len(rows)),
        definition="Promised: MACs of the dense net / those of this net, of nets with fewer; quantization does not "
        "change them. Measured: median time of the dense net in the same runtime / that of this net, same batch. At "
        "the least: a time below the promise by no more than the noise counts as kept; where the noise was not "
        "measured, nets are not counted. Nets at each batch size count on their own.",
    )


def _gaps(times: pd.DataFrame) -> list[Fact]:
    """What each net's counts promise at each batch size, and what was measured."""
    return [
        fact(name, row[column], net=row["net"], batch_size=row["batch_size"], seed=row["seed"])
        for _, row in times.iterrows()
        for name, column in (("times_fewer_macs", "promised"), ("times_faster", "speed_up"))
    ]


def _furthest(times: pd.DataFrame) -> str:
    """The nets that are furthest below and above what was promised, by more than the noise, where that is known."""
    parts, scatter = [], times["scatter"].fillna(0)
    for side, off in (("below", -times["gap"]), ("above", times["gap"])):
        furthest = off.idxmax()
        words = _speeds(times.loc[furthest]) if off[furthest] > scatter[furthest] else "none"
        parts.append(f"furthest {side}: {words}")
    return "; ".join(parts)


def _speeds(row: pd.Series) -> str:
    """A net's promised and measured speed-up in words."""
    promised, measured = (number(row[key], decimals(row[key], 2, 1)) for key in ("promised", "speed_up"))
    return f"{row['net']} at batch {row['batch_size']}, {promised} times promised, {measured} measured"
