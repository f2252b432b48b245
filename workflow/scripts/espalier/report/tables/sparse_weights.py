"""Weights under a threshold, counted by layer as the CIFAR-10 document lists them."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from espalier.analysis import published, selections
from espalier.analysis.labels import net_names, training_label
from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.table import Column, Number, Table, Text

ALL = "all"


@register(
    TableItem(
        "sparse_weights",
        scope="study",
        title="Sparse weights by layer",
        caption="How many weights of each layer are under the threshold, and so set to zero. The first row counts all "
        "parameters together; each other row counts the weights or the biases of one layer. For each net: the number "
        "of zeros, the number of weights, and the share of zeros. Where there are published counts, they stand next "
        "to these; the published net may have another width.",
        when=selections.thresholded,
    )
)
def sparse_weights(view: StudyView) -> Table:
    """One row for all layers and one per parameter; columns by net. Several seeds: means."""
    nets = view.select(selections.thresholded)
    counts, published_counts = _by_net(view, nets), _published(view)
    layers = dict.fromkeys(layer for net in counts.values() for layer in net.index)
    data = pd.DataFrame(index=pd.Index(layers, name="layer"))
    headings = _trainings(nets)
    columns: list[Column] = [Text("layer", "Parameters of")]
    for name, zeros in (counts | published_counts).items():
        shares = zeros[["zeros", "total"]].assign(share=100 * zeros["zeros"] / zeros["total"])
        data = data.join(shares.add_prefix(f"{name}: "))
        columns += _columns(name, headings.get(name, name))
    title = f"{view.title}: sparse weights by layer"
    notes = tuple(_notes(nets, bool(published_counts)))
    return Table(title, view.setup, tuple(columns), data.reset_index(), notes)


def _columns(name: str, heading: str) -> Iterator[Column]:
    """The columns of one net."""
    yield Number(f"{name}: zeros", "Zeros", 0, group=heading)
    yield Number(f"{name}: total", "Of", 0, group=heading)
    yield Number(f"{name}: share", "Share", 3, group=heading, unit="%")


def _notes(nets: pd.DataFrame, published: bool) -> Iterator[str]:
    thresholds = ", ".join(f"{threshold:g}" for threshold in sorted(set(nets["threshold"])))
    yield (
        f"Weights are set to zero whose absolute value is below the threshold of the config: {thresholds}. Nets are "
        "named by their training."
    )
    if nets["seed"].nunique() > 1:
        yield "Means over the seeds."
    if published:
        yield "Published counts are of layers of the full width; shares may be compared."


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


def _by_net(view: StudyView, nets: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Name of a net -> its zeros and total by layer, means over seeds, ALL of them first."""
    counts, by_name = parameters(view.layers), {}
    for name, seeds in nets.assign(name=net_names(nets)).groupby("name", sort=False):
        layers = counts[counts["node"].isin(seeds["node"])].groupby("layer", sort=False)[["zeros", "total"]].mean()
        by_name[name] = pd.concat([layers.sum().rename(ALL).to_frame().T, layers])
    return by_name


def _published(view: StudyView) -> dict[str, pd.DataFrame]:
    """The same of the published runs."""
    counts = published.by_layer(view.config.get("published")).rename(columns={"sparse": "zeros"})
    return {f"published, run {run}": zeros.set_index("layer") for run, zeros in counts.groupby("run")}
