"""What the kinds of steps say of how nets were trained after pruning: the values of the column `retraining`."""

from __future__ import annotations

import pandas as pd

from espalier.plan.steps import STEPS

PLAIN = "finetune"  # the usual retraining, which labels do not name

# The kinds of steps that train a pruned net further, with the weights that it has.
TUNING = tuple(step.kind for step in STEPS.values() if step.trains == "further" and step.retraining)

# The values of `retraining` in words: "fine-tuned", "from scratch".
WORDS = {value: words for step in STEPS.values() for value, words in step.retraining.items()}


def tuned(rows: pd.DataFrame) -> pd.Series:
    """Which nets were trained further right after pruning.

    >>> tuned(pd.DataFrame({"chain": ["train > prune", "train > prune > finetune", "train > finetune"]})).tolist()
    [False, True, False]
    """
    return rows["chain"].str.endswith(tuple(f"prune > {kind}" for kind in TUNING))
