"""Is prediction faster?"""

from __future__ import annotations

import pandas as pd

from espalier import variants, when
from espalier.findings.finding import Finding, finding, listed
from espalier.speed import speed_ups
from espalier.tidy import Tidy

FASTER = 1.05  # less than that is within what timings scatter


@finding("prediction_speed", title="Whether prediction gets faster", when=when.timed)
def prediction_speed(tidy: Tidy, study: dict) -> list[Finding]:
    """Measured speed-up of each prune type against the dense net of the same training, same batch, same run."""
    times = speed_ups(tidy)
    times = times[times["prune_type"].notna()]
    if times.empty:
        return []
    medians = times.groupby(["prune_type", "batch_size"], sort=False)["speed_up"].median()
    answers = [_answer(kind, ratios.droplevel(0)) for kind, ratios in medians.groupby(level=0, sort=False)]
    fastest = times.loc[times["speed_up"].idxmax()]
    first = times.iloc[0]
    return [
        Finding(
            "Is prediction faster after pruning?",
            f"{'; '.join(answers)}.",
            "Median speed-up: "
            + "; ".join(f"{kind} at batch {batch}: {ratio:.2f}" for (kind, batch), ratio in medians.items())
            + f". The largest of all: {fastest['speed_up']:.2f} ({variants.pruning_label(fastest)}, batch "
            f"{fastest['batch_size']}). {first['repeats']} calls each, threads: {first['threads']}.",
            "Speed-up = median time of the dense net / median time of the pruned one, timed in turns in one process; "
            f"faster means a median over a prune type's nets above {FASTER:g}.",
            "The document says yes, without a measurement." if study.get("published") == "mnist_mlp" else "",
        )
    ]


def _answer(kind: str, ratios: pd.Series) -> str:
    """What the median speed-ups of a prune type say, by batch size."""
    faster = ratios[ratios > FASTER]
    if faster.empty:
        why = ", its zeros are multiplied like any other number" if kind in variants.MASKED else ""
        return f"{kind}: no{why}"
    return f"{kind}: yes, {listed(f'{ratio:.1f} times at batch {batch}' for batch, ratio in faster.items())}"
