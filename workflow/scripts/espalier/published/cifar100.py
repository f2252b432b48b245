"""The tables that both CIFAR-100 studies are printed in.

Their "FLOPs" are multiply-accumulates by an old count, their "model size/MB" are millions of parameters.
"""

from __future__ import annotations

import pandas as pd

from espalier.published.entry import PARAMS, TOP1, TOP5, Rows, Setup, Value

NOTE = (
    "Published FLOPs are multiply-accumulates at 224x224 as an old version of thop counted them; published model sizes "
    "are millions of parameters. The same count is used for both columns here. One run of one seed was published, its "
    "best epoch chosen on the test set."
)
BLOCKS = 16  # of ResNet50
TEST_IMAGES = 10_000

FLOPS = Value("flops_g", "published_macs", "FLOPs, as published (G)", 2, 1e9, counted=True)
FLOPS_BEFORE = Value("flops_g_before", "published_macs", "FLOPs before (G)", 2, 1e9, counted=True)
PARAMS_BEFORE = Value("params_m_before", "params", "Parameters before (M)", 2, 1e6, counted=True)
ACTUAL_RATIO = Value("actual_ratio", "actual_ratio", "Ratio done", 4, counted=True)


def setup(model: str) -> Setup:
    """How nets of an architecture were trained and fine-tuned."""
    return Setup(
        data="cifar100",
        resolution=224,
        epochs=100,
        weights="imagenet",
        coefficient=1e-5,
        model=model,
        selection="best_test",
    )


def trainings(arch: str) -> Rows:
    """The trained nets of an architecture."""

    def read(table: pd.DataFrame) -> pd.DataFrame:
        table = table[table["arch"] == arch]
        plain = table["regularization"] == "none"
        penalty = pd.Series("l2_groups", table.index).mask(plain)
        return table.assign(penalty=penalty, penalty_type=table["regularization"].mask(plain))

    return Rows(
        file="cifar100_training.csv",
        kind="training",
        read=read,
        where={"step": "train"},
        keys=("penalty", "penalty_type"),
        values=(FLOPS, PARAMS, TOP1, TOP5),
    )


def pruned(arch: str, amount: str) -> Rows:
    """The pruned nets of an architecture. amount: the column of results.csv that the published ratio is, "ratio" or
    "blocks"."""

    def read(table: pd.DataFrame) -> pd.DataFrame:
        table = table[table["arch"] == arch].rename(columns={"ratio": amount})
        # What plots are drawn against: the share of groups removed. For blocks it is not published: N of 16.
        share = table["actual_ratio"] if amount == "ratio" else table[amount].astype(float) / BLOCKS
        return table.assign(penalty="l2_groups", penalty_type=table["prune_type"], share=share)

    return Rows(
        file="cifar100_pruning.csv",
        kind="pruning",
        read=read,
        where={"chain": "train > prune > finetune", "retraining": "finetune"},
        keys=("penalty", "penalty_type", "prune_type", "method", amount),
        values=(ACTUAL_RATIO, FLOPS, PARAMS, TOP1, TOP5),
        before=(FLOPS_BEFORE, PARAMS_BEFORE),
    )
