"""Is prediction faster?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from espalier.analysis import registered
from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, pruning_label
from espalier.analysis.speed import FASTER, slow_words
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, listed
from espalier.report.table import decimals, number


@register(FindingItem("prediction_speed", title="Whether prediction gets faster", when=when.timed_pruned))
def prediction_speed(view: StudyView) -> list[Finding]:
    """Measured speed-up of each prune type against the dense net of the same training, same batch, same run."""
    times = view.times
    times = times[times["kind"] == "pruned"]
    if times.empty:
        return []
    medians = times.groupby(["prune_type", "batch_size"], sort=False)["speed_up"].median()
    masked = set(times["prune_type"][registered.masked(times)])
    answers = [
        _answer(kind, ratios.droplevel(0), kind in masked) for kind, ratios in medians.groupby(level=0, sort=False)
    ]
    fastest = times.loc[times["speed_up"].idxmax()]
    first = times.iloc[0]
    return [
        Finding(
            "Is prediction faster after pruning?",
            f"{'; '.join(answers)}.",
            "Median speed-up: "
            + "; ".join(f"{kind} at batch {batch}: {ratio:.2f}" for (kind, batch), ratio in medians.items())
            + f". The largest of all: {fastest['speed_up']:.2f} ({pruning_label(fastest)}, batch "
            f"{fastest['batch_size']}). {first['repeats']} calls each, threads: {first['threads']}.",
            "Speed-up = median time of the dense net / median time of the pruned one, in the same runtime, timed in "
            "turns in one process; "
            f"faster means a median over a prune type's nets above {FASTER:g}.",
            "The document says yes, without a measurement." if view.config.get("published") == "mnist_mlp" else "",
        )
    ]


@register(
    FindingItem("promise", title="Where measured speed-up and the counts part", when=when.timed_compressed, rank=1)
)
def promise(view: StudyView) -> list[Finding]:
    """The nets whose measured speed-ups are furthest below and above those that their MACs promise."""
    times = view.times
    times = times[(times["node"] != times["baseline"]) & times["speed_up"].notna() & times["promised"].notna()]
    if times.empty:
        return []
    times = times.assign(name=net_names(times), gap=np.log(times["speed_up"] / times["promised"]))
    kept = times["gap"] >= -np.log(FASTER)
    parts = [("pruned", "pruned nets"), ("quantized", "quantized ones")]
    found = {words: times[times["kind"].str.contains("quantized") == (kind == "quantized")] for kind, words in parts}
    return [
        Finding(
            "Is a net as fast as its multiply-accumulates promise?",
            f"{int(kept.sum())} of {len(times)} are, at the least; {_furthest(times)}."
            + (f" {slow}" if (slow := slow_words(times)) else ""),
            " ".join(f"Of the {words}, {_furthest(rows)}." for words, rows in found.items() if len(rows)),
            "Promised: MACs of the dense net / those of this net; quantization does not change them. Measured: median "
            f"time of the dense net in the same runtime / that of this net, same batch. At the least: {FASTER:g} times "
            "below the promise is within what timings scatter. Nets at each batch size count on their own.",
        )
    ]


def _furthest(times: pd.DataFrame) -> str:
    """The nets that are furthest below and above what was promised, by more than timings scatter."""
    chance, parts = np.log(FASTER), []
    for side, off in (("below", -times["gap"]), ("above", times["gap"])):
        said = _said(times.loc[off.idxmax()]) if off.max() > chance else "none"
        parts.append(f"furthest {side}: {said}")
    return "; ".join(parts)


def _said(row) -> str:
    """A net's promised and measured speed-up in words."""
    promised, measured = (number(row[key], decimals(row[key], 2, 1)) for key in ("promised", "speed_up"))
    return f"{row['name']} at batch {row['batch_size']}, {promised} times promised, {measured} measured"


def _answer(kind: str, ratios: pd.Series, masked: bool) -> str:
    """What the median speed-ups of a prune type say, by batch size."""
    faster = ratios[ratios > FASTER]
    if faster.empty:
        why = ", its zeros are multiplied like any other number" if masked else ""
        return f"{kind}: no{why}"
    return f"{kind}: yes, {listed(f'{ratio:.1f} times at batch {batch}' for batch, ratio in faster.items())}"
