"""Weights under a threshold, counted by filter as the CIFAR-10 document lists them."""

from __future__ import annotations

from espalier import filters, when
from espalier.html import Column, Table
from espalier.registry import register
from espalier.tidy import Tidy, setup_line


@register(
    "sparse_filters",
    kind="table",
    scope="study",
    title="Sparse weights by filter",
    caption="How many weights of each filter of each convolution are under the threshold, and so set to zero. A filter "
    "without any other weight is dead: its output says nothing of the image, and pruning can take it out. Sort by a "
    "heading to find the dead ones; the CSV below has all rows.",
    when=when.thresholded,
)
def sparse_filters(tidy: Tidy, study: dict) -> Table:
    """One row per net, layer and filter."""
    data = filters.zeros(tidy)
    data["share"] = 100 * data["zeros"] / data["of"]
    data["dead"] = data["dead"].map({True: "yes", False: "no"})
    columns = (
        Column("name", "Net"),
        *([Column("seed", "Seed")] if data["seed"].nunique() > 1 else []),
        Column("layer", "Layer"),
        Column("filter", "Filter"),
        Column("zeros", "Zeros"),
        Column("of", "Of"),
        Column("share", "Share (%)", 1),
        Column("dead", "Dead"),
    )
    counts = data.assign(dead=data["dead"] == "yes").groupby(["name", "layer"], sort=False)["dead"].agg(["sum", "size"])
    notes = tuple(
        f"Dead filters of {name}: "
        + ", ".join(f"{layer} {row['sum']} of {row['size']}" for (_, layer), row in layers.iterrows())
        + "."
        for name, layers in counts.groupby(level=0, sort=False)
    )
    title = f"{study['title']}: sparse weights by filter"
    return Table(title, setup_line(study, tidy.results), columns, data.drop(columns="node"), notes)
