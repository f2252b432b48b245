"""VGG16 on cats and dogs, pruned while it is trained, and quantized."""

from __future__ import annotations

from typing import Any

import pandas as pd

from espalier.published.entry import FILE, GRADUAL, MS, SIZE, TOP1, ZIPPED, Published, Rows, Setup, Shapes

SCHEMES = {"none": "float32", "dynamic_range": "dynamic_int8", "float16": "float16"}


def _dense(table: pd.DataFrame) -> pd.DataFrame:
    """The net with a final sparsity of 0."""
    table = table.rename(columns={"validation_accuracy": "top1"})
    return table[table["final_sparsity"].astype(float) == 0]


def _pruned(table: pd.DataFrame) -> pd.DataFrame:
    table = table[table["final_sparsity"].astype(float) > 0]
    table = table.rename(columns={"final_sparsity": "ratio", "validation_accuracy": "top1"})
    return table.assign(share=table["ratio"].astype(float), **GRADUAL)


def _quantized(table: pd.DataFrame) -> pd.DataFrame:
    """Run 1 quantized the dense net, run 2 the pruned one: it starts from the accuracy printed for that."""
    table = table.rename(columns={"tflite_mb": "size_mb", "validation_accuracy": "top1"})
    pruned = table["run"] == "2"
    chain = pd.Series("train > quantize", table.index).mask(pruned, "train > prune > quantize")
    columns = {key: pd.Series(value, table.index).where(pruned) for key, value in (GRADUAL | {"ratio": "0.9"}).items()}
    return table.assign(scheme=table["scheme"].map(SCHEMES), chain=chain, **columns)


def pruned_net(row: dict[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """A pruned net, whose weights are zero and whose shapes are those of the dense one."""
    pruned = float(row["final_sparsity"]) > 0
    keys = {"prune_type": "weight", "method": "magnitude", "ratio": row["final_sparsity"]} if pruned else {}
    return keys, {}


STUDY = Published(
    title="VGG16 on cats and dogs: pruned to 0.9 while it is trained, and quantized",
    setup=Setup(data="cats_vs_dogs", resolution=150, epochs=15, weights="imagenet", model="vgg16"),
    rows=(
        Rows(
            file="cats_vs_dogs_vgg16_pruning.csv",
            kind="training",
            read=_dense,
            where={"chain": "train"},
            keys=(),
            values=(SIZE, ZIPPED, TOP1),
        ),
        Rows(
            file="cats_vs_dogs_vgg16_pruning.csv",
            kind="pruning",
            read=_pruned,
            where={"chain": "train > prune"},
            keys=("prune_type", "method", "schedule", "ratio"),
            values=(SIZE, ZIPPED, TOP1),
        ),
        Rows(
            file="cats_vs_dogs_vgg16_quantization.csv",
            kind="quantization",
            read=_quantized,
            where={"step": "quantize"},
            keys=("chain", "prune_type", "method", "schedule", "ratio", "scheme"),
            values=(FILE, TOP1, MS),
        ),
    ),
    note="Sizes are MiB: of .h5 files without the optimizer, of quantized nets of TFLite files. Run 2 of the "
    "quantization starts from the accuracy that is printed for the pruned net, 90.10, and so stands next to the "
    "pruned net here. Times were published without processor and threads, and those of another machine are no "
    "times of this one. The document prints 0.9010 for the original too and says that this is wrong.",
    test_images=1_000,
    shapes=Shapes(
        backend="keras",
        model="vgg16",
        classes=2,
        prune_types=("weight",),
        file="cats_vs_dogs_vgg16_pruning.csv",
        read=pruned_net,
    ),
)
