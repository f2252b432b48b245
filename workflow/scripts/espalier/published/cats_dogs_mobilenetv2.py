"""MobileNetV2 on cats and dogs, pruned while it is trained."""

from __future__ import annotations

import pandas as pd

from espalier.published.entry import GRADUAL, TOP1, ZIPPED, Published, Rows, Setup


def _pruned(table: pd.DataFrame) -> pd.DataFrame:
    table = table.rename(columns={"final_sparsity": "ratio", "validation_accuracy": "top1"})
    return table.assign(share=table["ratio"].astype(float), **GRADUAL)


STUDY = Published(
    title="MobileNetV2 on cats and dogs: pruned to four sparsities while it is trained",
    setup=Setup(data="cats_vs_dogs", resolution=96, epochs=10, weights="imagenet", model="mobilenet_v2"),
    rows=(
        Rows(
            file="cats_vs_dogs_mobilenetv2_pruning.csv",
            kind="pruning",
            read=_pruned,
            where={"chain": "train > prune"},
            keys=("prune_type", "method", "schedule", "ratio"),
            values=(ZIPPED, TOP1),
        ),
    ),
    note="The published sizes are of zipped .h5 files without the optimizer, in MiB. Accuracies are of 1,000 "
    "validation photographs, as printed; of the dense net none is. The row of 0.30 is called the original setting "
    "there.",
    test_images=1_000,
)
