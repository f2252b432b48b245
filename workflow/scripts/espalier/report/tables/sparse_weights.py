"""Weights under a threshold, counted by layer as the CIFAR-10 document lists them."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import published
from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, training_label
from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text

ALL = "all"


@register(
    TableItem(
        "sparse_weights",
        scope="study",
        title="Sparse weights by layer",
        caption="How many weights of each layer are under the threshold, and so set to zero: a row for each of its "
        "weights and biases, all of them together first; for each net the number of zeros and their share. Beside "
        "them, where there are any, the published counts, of a net whose width may be another.",
        when=when.thresholded,
    )
)
def sparse_weights(view: StudyView) -> Table:
    """One row for all layers and one per parameter; columns by net. Several seeds: means."""
    nets = view.select(when.thresholded)
    counts, trainings = dict(_by_net(view, nets)), _trainings(nets)
    layers = dict.fromkeys(layer for found in counts.values() for layer in found.index)
    data, columns = pd.DataFrame(index=pd.Index(layers, name="layer")), [Text("layer", "Parameters of")]
    there = published.by_layer(view.config.get("published")).rename(columns={"sparse": "zeros"})
    counts |= {f"published, run {run}": found.set_index("layer") for run, found in there.groupby("run")}
    for name, found in counts.items():
        shares = found[["zeros", "total"]].assign(share=100 * found["zeros"] / found["total"])
        data = data.join(shares.add_prefix(f"{name}: "))
        heading = trainings.get(name, name)
        columns += [
            Number(f"{name}: zeros", "Zeros", 0, group=heading),
            Number(f"{name}: total", "Of", 0, group=heading),
            Number(f"{name}: share", "Share", 3, group=heading, unit="%"),
        ]
    n = nets["seed"].nunique()
    thresholds = ", ".join(f"{threshold:g}" for threshold in sorted(set(nets["threshold"])))
    notes = (
        f"Set to zero is what is, in absolute value, below the threshold of the config: {thresholds}. Nets are named "
        "by their training.",
        *(["Means over the seeds."] if n > 1 else []),
        *(["Published counts are of layers of the full width; shares may be compared."] if len(there) else []),
    )
    title = f"{view.title}: sparse weights by layer"
    return Table(title, view.setup, tuple(columns), data.reset_index(), notes)


def parameters(layers: pd.DataFrame) -> pd.DataFrame:
    """Rows of layers.csv as one row per parameter: layer "conv1.weight" or "conv1.bias", zeros, total."""
    weights = layers.assign(layer=layers["layer"] + ".weight", total=layers["weights"])
    biases = layers[layers["biases"].fillna(0) > 0]
    biases = biases.assign(layer=biases["layer"] + ".bias", total=biases["biases"], zeros=biases["bias_zeros"])
    both = pd.concat([weights, biases]).sort_index(kind="stable")  # a layer's bias after its weight
    return both[["node", "layer", "zeros", "total"]].reset_index(drop=True)


def _trainings(nets: pd.DataFrame) -> dict[str, str]:
    """Name of a net -> how it was trained: what tells nets apart whose weights were counted in one way."""
    return dict(zip(net_names(nets), net_names(nets, training_label), strict=True))


def _by_net(view: StudyView, nets: pd.DataFrame):
    """The name of each net and its counts, over seeds: zeros and total by layer, ALL of them first."""
    counts = parameters(view.layers)
    for name, seeds in nets.assign(name=net_names(nets)).groupby("name", sort=False):
        own = counts[counts["node"].isin(seeds["node"])].groupby("layer", sort=False)[["zeros", "total"]].mean()
        yield name, pd.concat([own.sum().rename(ALL).to_frame().T, own])
