"""Which studies get a figure, a table or a finding: told before anything runs, from the grid and the study's config.

Each takes `rows`, the study's part of the grid (or of results.csv: the same columns), and `study`, its checked config.
"""

from __future__ import annotations

import pandas as pd

from espalier.analysis.nets import EXPORT, KINDS, MASKED, baseline


def always(rows: pd.DataFrame, study: dict) -> bool:
    return True


def has_published(rows: pd.DataFrame, study: dict) -> bool:
    """There are published figures to show beside the study's own."""
    return bool(study.get("published"))


def pruned(rows: pd.DataFrame, study: dict) -> bool:
    """Something is pruned."""
    return bool(rows["prune_type"].notna().any())


def compressed(rows: pd.DataFrame, study: dict) -> bool:
    """Something is pruned or quantized."""
    return pruned(rows, study) or quantized(rows, study)


def weights_and_units(rows: pd.DataFrame, study: dict) -> bool:
    """Weights are pruned as well as units of the same initial weights, to be compared with each other."""
    kinds = rows.groupby(rows["init"].fillna(""))["prune_type"]
    return any(set(KINDS) <= set(found) for _, found in kinds)


def pruned_otherwise(rows: pd.DataFrame, study: dict) -> bool:
    """Something is pruned, and it is not weights against units."""
    return pruned(rows, study) and not weights_and_units(rows, study)


def shrunk(rows: pd.DataFrame, study: dict) -> bool:
    """Something is really taken out of the net: only then do its MACs and parameters go down."""
    return not set(rows["prune_type"].dropna()) <= set(MASKED)


def shrunk_otherwise(rows: pd.DataFrame, study: dict) -> bool:
    """Something is taken out of the net, and it is not weights against units: those differ in little but sparsity."""
    return shrunk(rows, study) and not weights_and_units(rows, study)


def filters_and_others(rows: pd.DataFrame, study: dict) -> bool:
    """filter_wise pruning stands against other prune types."""
    kinds = set(rows["prune_type"].dropna())
    return "filter_wise" in kinds and len(kinds) > 1


def blocks_pruned(rows: pd.DataFrame, study: dict) -> bool:
    """Whole blocks are removed."""
    return bool(rows["blocks"].notna().any())


def finetuned(rows: pd.DataFrame, study: dict) -> bool:
    """Pruned nets are fine-tuned."""
    return bool(rows["chain"].str.endswith("prune > finetune").any())


def from_scratch(rows: pd.DataFrame, study: dict) -> bool:
    """Pruned nets are trained from scratch, and fine-tuned."""
    return finetuned(rows, study) and bool((rows["step"] == "scratch").any())


def rewound(rows: pd.DataFrame, study: dict) -> bool:
    """Pruned nets are fine-tuned by the learning rates of the training, and as the recipe of fine-tuning says."""
    ends = rows[rows["chain"].str.endswith("prune > finetune")]
    return {"finetune", "rewind"} <= set(ends["retraining"])


def penalised(rows: pd.DataFrame, study: dict) -> bool:
    """Something is trained with a penalty."""
    return bool(rows["penalty"].notna().any())


def timed(rows: pd.DataFrame, study: dict) -> bool:
    """Prediction time is measured."""
    return study.get("latency") is not None


def timed_pruned(rows: pd.DataFrame, study: dict) -> bool:
    """Prediction time is measured, and nets are pruned."""
    return timed(rows, study) and pruned(rows, study)


def timed_compressed(rows: pd.DataFrame, study: dict) -> bool:
    """Prediction time of pruned or quantized nets is measured."""
    return timed(rows, study) and compressed(rows, study)


def exported(rows: pd.DataFrame, study: dict) -> bool:
    """Nets are quantized, or at least exported for the runtime of the quantized ones."""
    return bool(rows["scheme"].notna().any())


def quantized(rows: pd.DataFrame, study: dict) -> bool:
    """Nets are quantized: an export as float32 is none."""
    return bool((rows["scheme"].notna() & (rows["scheme"] != EXPORT)).any())


def timed_quantized(rows: pd.DataFrame, study: dict) -> bool:
    """Prediction time of quantized nets is measured."""
    return timed(rows, study) and quantized(rows, study)


def pruned_and_quantized(rows: pd.DataFrame, study: dict) -> bool:
    """Nets are pruned, and nets are quantized: which is better, or are both?"""
    return pruned(rows, study) and quantized(rows, study)


def gradual(rows: pd.DataFrame, study: dict) -> bool:
    """Nets are pruned while they are trained."""
    return bool((rows["schedule"] == "gradual").any())


def gradual_ratios(rows: pd.DataFrame, study: dict) -> bool:
    """Nets are pruned while they are trained, to several sparsities."""
    return rows[rows["schedule"] == "gradual"]["ratio"].nunique() > 1


def thresholded(rows: pd.DataFrame, study: dict) -> bool:
    """Weights under a threshold are set to zero: how many there are, is counted by layer and by filter."""
    return bool((rows["prune_type"].isin(MASKED) & rows["threshold"].notna()).any())


def thresholded_penalised(rows: pd.DataFrame, study: dict) -> bool:
    """Weights under a threshold are counted of a net that was trained with a penalty, and of a plain one."""
    rows = rows[rows["prune_type"].isin(MASKED) & rows["threshold"].notna()]
    return bool(rows["penalty"].notna().any() and rows["penalty"].isna().any())


def against_baselines(rows: pd.DataFrame, study: dict) -> bool:
    """Methods stand beside a baseline: random, or the smallest weights of the whole net."""
    return len({baseline(row) for _, row in rows[rows["step"] == "prune"].iterrows()}) > 1
