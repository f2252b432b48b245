"""Weights under a threshold, counted by filter as the CIFAR-10 document lists them."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.study import StudyView
from espalier.analysis.zeros import zeros
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text


@register(
    TableItem(
        "sparse_filters",
        scope="study",
        title="Sparse weights by filter",
        caption="How the weights under the threshold, which are set to zero, are spread over the filters of each "
        "convolution: the smallest, the median and the largest share of a filter. A filter without any other weight "
        "is dead: its output says nothing about the image, and pruning can remove it. The CSV has a row for each "
        "filter.",
        when=selections.thresholded,
    )
)
def sparse_filters(view: StudyView) -> Table:
    """One row per net and layer; in the CSV one per filter."""
    data = zeros(view)
    data["share"] = 100 * data["zeros"] / data["of"]
    columns = (
        Text("name", "Net"),
        *([Number("seed", "Seed")] if data["seed"].nunique() > 1 else []),
        Text("layer", "Layer"),
        Number("filters", "All", group="Filters"),
        Number("dead", "Dead", group="Filters"),
        Number("of", "Weights of a filter"),
        Number("least", "Least", 1, group="Zeros in a filter", unit="%"),
        Number("median", "Median", 1, group="Zeros in a filter", unit="%"),
        Number("most", "Most", 1, group="Zeros in a filter", unit="%"),
    )
    shown, title = _by_layer(data), f"{view.title}: sparse weights by filter"
    data = data.assign(dead=data["dead"].map({True: "yes", False: "no"})).drop(columns="node")
    notes = ("Filters are summed up by layer; the CSV has a row for each of them.",)
    return Table(title, view.setup, columns, data, notes, shown)


def _by_layer(data: pd.DataFrame) -> pd.DataFrame:
    """The filters of each layer, summed up."""
    layers = data.groupby(["name", "seed", "layer"], sort=False)
    return layers.agg(
        filters=("filter", "size"),
        dead=("dead", "sum"),
        of=("of", "first"),
        least=("share", "min"),
        median=("share", "median"),
        most=("share", "max"),
    ).reset_index()
