"""An MLP on MNIST, single weights against whole units."""

from __future__ import annotations

import pandas as pd

from espalier.published.entry import TOP1, Published, Rows, Setup


def _curves(table: pd.DataFrame) -> pd.DataFrame:
    """The two curves of the document, one row per point."""
    curves = [
        pd.DataFrame(
            {"prune_type": kind, "method": method, "ratio": table["sparsity"], "top1": table[f"{kind}_accuracy"]}
        )
        for kind, method in (("weight", "magnitude"), ("unit", "l2"))
    ]
    points = pd.concat(curves, ignore_index=True)
    return points.assign(scope="layer", share=points["ratio"].astype(float))


STUDY = Published(
    title="An MLP on MNIST: single weights against whole units",
    setup=Setup(
        data="mnist",
        resolution=28,
        epochs=None,
        weights="random",
        model="mlp",
        unstated=("layer sizes", "initialisation", "recipe"),
    ),
    rows=(
        Rows(
            file="mnist_weight_vs_unit.csv",
            kind="pruning",
            read=_curves,
            where={"chain": "train > prune"},
            keys=("prune_type", "method", "scope", "ratio"),
            values=(TOP1,),
        ),
    ),
    note="The document prints neither the sizes of its layers, nor its epochs, nor its initial weights: the net is the "
    "usual one of this exercise, and each published point stands next to every initialisation that was run. "
    "Published are weights pruned by magnitude and units by their l2 norm, each layer by itself.",
    test_images=10_000,
    remarks={
        "knee_moves": "The document draws a general rule (60 to 70 %) from one net and does not print its initial "
        "weights.",
        "prediction_speed": "The document says yes, without a measurement.",
    },
)
