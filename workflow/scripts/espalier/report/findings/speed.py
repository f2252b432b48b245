"""Is prediction faster?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from espalier.analysis import registered, selections
from espalier.analysis.labels import net_names, pruning_label
from espalier.analysis.speed import FASTER, slow_words
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
    facts = _medians(times)
    fastest, first = times.loc[times["speed_up"].idxmax()], times.iloc[0]
    medians = "; ".join(f"{f.of['prune_type']} at batch {f.of['batch_size']}: {f.value:.2f}" for f in facts)
    largest = fact("largest_times_faster", fastest["speed_up"], net=_name(fastest), batch_size=fastest["batch_size"])
    return Finding(
        question="Is prediction faster after pruning?",
        facts=(*facts, largest),
        verdict=overall(tally(fact.outcome for fact in facts if fact.outcome)),
        n=_seeds(times),
        answer=f"{_answer(facts, masked=set(times['prune_type'][registered.masked(times)]))}.",
        evidence=f"Median speed-up: {medians}. The largest of all: {fastest['speed_up']:.2f} ({_name(fastest)}, batch "
        f"{fastest['batch_size']}). {first['repeats']} calls each, threads: {first['threads']}.",
        definition="Speed-up = median time of the dense net / median time of the pruned one, in the same runtime, "
        f"timed in turns in one process; faster means a median over a prune type's nets above {FASTER:g}.",
        published=view.published_remark("prediction_speed"),
    )


def _name(row: pd.Series) -> str:
    return pruning_label(row)


def _seeds(times: pd.DataFrame) -> int:
    return int(times.groupby("variant")["seed"].nunique().min())


def _medians(times: pd.DataFrame) -> list[Fact]:
    """The median speed-up of each prune type at each batch size."""
    medians = times.groupby(["prune_type", "batch_size"], sort=False)["speed_up"].median()
    return [
        fact_of_times("times_faster", speed_up, prune_type=kind, batch_size=batch)
        for (kind, batch), speed_up in medians.items()
    ]


def _answer(facts: list[Fact], masked: set[str]) -> str:
    """What the median speed-ups of each prune type say, by batch size."""
    return "; ".join(
        _answer_of(kind, [f for f in facts if f.of["prune_type"] == kind], kind in masked)
        for kind in dict.fromkeys(f.of["prune_type"] for f in facts)
    )


def _answer_of(kind: str, facts: list[Fact], masked: bool) -> str:
    faster = [f"{f.value:.1f} times at batch {f.of['batch_size']}" for f in facts if f.outcome == "won"]
    if faster:
        return f"{kind}: yes, {listed(faster)}"
    return f"{kind}: no{', its zeros are multiplied like any other number' if masked else ''}"


@register(
    FindingItem(
        "promise", title="Where measured speed-up and the counts part", when=selections.timed_compressed, rank=1
    )
)
def promise(view: StudyView) -> Finding | None:
    """The nets whose measured speed-ups are furthest below and above those that their MACs promise."""
    times = view.times
    times = times[(times["node"] != times["baseline"]) & times["speed_up"].notna() & times["promised"].notna()]
    if times.empty:
        return None
    times = times.assign(net=net_names(times), gap=np.log(times["speed_up"] / times["promised"]))
    kept = int((times["gap"] >= -np.log(FASTER)).sum())
    quantized = times["kind"].str.contains("quantized")
    parts = {"pruned nets": times[~quantized], "quantized ones": times[quantized]}
    slow = slow_words(times)
    return Finding(
        question="Is a net as fast as its multiply-accumulates promise?",
        facts=(fact("nets", len(times)), fact("as_fast", kept), *_gaps(times)),
        n=_seeds(times),
        answer=f"{kept} of {len(times)} are, at the least; {_furthest(times)}.{f' {slow}' if slow else ''}",
        evidence=" ".join(f"Of the {words}, {_furthest(rows)}." for words, rows in parts.items() if len(rows)),
        definition="Promised: MACs of the dense net / those of this net; quantization does not change them. Measured: "
        "median time of the dense net in the same runtime / that of this net, same batch. At the least: "
        f"{FASTER:g} times below the promise is within what timings scatter. Nets at each batch size count on their "
        "own.",
    )


def _gaps(times: pd.DataFrame) -> list[Fact]:
    """What each net's counts promise at each batch size, and what was measured."""
    return [
        fact(name, row[column], net=row["net"], batch_size=row["batch_size"], seed=row["seed"])
        for _, row in times.iterrows()
        for name, column in (("times_fewer_macs", "promised"), ("times_faster", "speed_up"))
    ]


def _furthest(times: pd.DataFrame) -> str:
    """The nets that are furthest below and above what was promised, by more than timings scatter."""
    chance, parts = np.log(FASTER), []
    for side, off in (("below", -times["gap"]), ("above", times["gap"])):
        words = _speeds(times.loc[off.idxmax()]) if off.max() > chance else "none"
        parts.append(f"furthest {side}: {words}")
    return "; ".join(parts)


def _speeds(row: pd.Series) -> str:
    """A net's promised and measured speed-up in words."""
    promised, measured = (number(row[key], decimals(row[key], 2, 1)) for key in ("promised", "speed_up"))
    return f"{row['net']} at batch {row['batch_size']}, {promised} times promised, {measured} measured"
