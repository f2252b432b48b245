"""A conv net on CIFAR-10 in PyTorch, group lasso over filters."""

from __future__ import annotations

import pandas as pd

from espalier.published.entry import LOSS, PARAMS, TOP1, Published, Rows, Setup, Value

PRUNED = {"penalty": "group_lasso", "penalty_type": "filter_wise", "prune_type": "weight", "method": "magnitude"}


def _trainings(table: pd.DataFrame) -> pd.DataFrame:
    plain = table["penalty"] == "none"
    return table.rename(columns={"test_accuracy": "top1"}).assign(penalty=table["penalty"].mask(plain))


def _sparse(table: pd.DataFrame) -> pd.DataFrame:
    """The counts of all layers together, a row for each run."""
    table = table[table["layer"] == "all"]
    return table.assign(sparsity=100 * table["sparse"] / table["total"], params_m=table["total"] / 1e6, **PRUNED)


STUDY = Published(
    title="A conv net on CIFAR-10 in PyTorch: group lasso over filters, then weights under a threshold counted as zero",
    setup=Setup(
        data="cifar10",
        resolution=32,
        epochs=None,
        weights="random",
        model="cifar10_conv",
        unstated=("threshold", "test images"),
    ),
    rows=(
        Rows(
            file="cifar10_filter_training.csv",
            kind="training",
            read=_trainings,
            where={"chain": "train"},
            keys=("penalty", "penalty_type"),
            values=(LOSS, TOP1),
        ),
        Rows(
            file="cifar10_filter_pruning.csv",
            kind="pruning",
            read=_sparse,
            where={"chain": "train > prune"},
            keys=("penalty", "penalty_type", "prune_type", "method"),
            values=(Value("sparsity", "sparsity", "Weights that are zero (%)", 3), PARAMS),
        ),
    ),
    note="Two listings of zeros were published, of the net with group lasso. Neither threshold nor coefficient nor "
    "epochs are printed. The accuracy printed for the net with group lasso, 64.062, is that of one batch of 128 "
    "images; the 50,000 images of the other are called the test set. Zeros by layer are in the table of sparse "
    "weights.",
    test_images=50_000,
    layers="cifar10_filter_pruning.csv",
)
