"""A conv net on CIFAR-10 in Keras, weights pruned while it is trained."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from espalier.published.entry import GRADUAL, LOSS, SIZE, TOP1, WRAPPED, ZIPPED, Published, Rows, Setup


def _weights(which: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The row of the pruned or of the unpruned net."""
    pruned = GRADUAL if which == "pruned" else {}
    return lambda table: table[table["model"] == which].rename(columns={"test_accuracy": "top1"}).assign(**pruned)


STUDY = Published(
    title="A conv net on CIFAR-10 in Keras: weights pruned while it is trained",
    setup=Setup(
        data="cifar10",
        resolution=32,
        epochs=None,
        weights="random",
        model="cifar10_cnn",
        unstated=("net", "final sparsity"),
    ),
    rows=(
        Rows(
            file="cifar10_weight_pruning.csv",
            kind="training",
            read=_weights("unpruned"),
            where={"chain": "train"},
            keys=(),
            values=(SIZE, ZIPPED, LOSS, TOP1),
        ),
        Rows(
            file="cifar10_weight_pruning.csv",
            kind="pruning",
            read=_weights("pruned"),
            where={"chain": "train > prune"},
            keys=("prune_type", "method", "schedule"),
            values=(WRAPPED, ZIPPED, LOSS, TOP1),
        ),
    ),
    note="The published pruned file of 16.28 MiB most likely still held the training wrappers and the optimizer, by "
    "its size: the file before both are stripped stands next to it here. All other sizes here are of .h5 files without "
    "wrappers and optimizer, in MiB. Neither the final sparsity nor the layers nor the epochs were published: the "
    "published row stands next to every sparsity that was run.",
    test_images=10_000,
)
