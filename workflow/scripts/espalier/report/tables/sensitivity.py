"""What each layer alone costs by being pruned, in numbers."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text
from espalier.report.tables import note_on_seeds


@register(
    TableItem(
        "sensitivity",
        scope="study",
        title="Sensitivity of layers",
        caption="Top-1 on validation images when channels or weights are taken out of one layer alone, without "
        "training afterwards. A row for each dense net, layer and ratio. Lost: points of top-1 below the dense net. "
        "Layers that can lose channels only together (their outputs are added up) are one row, named by the first of "
        "them.",
        when=selections.scanned,
    )
)
def sensitivity(view: StudyView) -> Table:
    """One row per dense net, layer and ratio, over seeds."""
    rows = view.sensitivity.assign(net=[view.variant_of(node) for node in view.sensitivity["node"]])
    rows["lost"] = rows["dense_top1"] - rows["top1"]
    groups = rows.groupby(["net", "layer", "ratio"], sort=False)
    data = groups[["together", "channels", "removed", "images"]].first()
    for name in ("top1", "lost"):
        data[name], data[f"{name}_sd"] = groups[name].mean(), groups[name].std(ddof=1)
    data = data.assign(n=groups.size()).reset_index()
    how, groups_of = view.config["sensitivity"], ("Channels", "Weights")
    columns = (
        *([Text("net", "Net")] if data["net"].nunique() > 1 else []),
        Text("layer", "Layer"),
        *([Number("together", "Layers together")] if (data["together"] > 1).any() else []),
        Number("channels", "All", group=groups_of[how["prune_type"] == "weight"]),
        Number("removed", "Removed", group=groups_of[how["prune_type"] == "weight"]),
        Number("top1", "Top-1", 2, group="Validation accuracy", unit="%", spread="top1_sd"),
        Number("lost", "Lost", 2, group="Validation accuracy", unit="%", spread="lost_sd"),
    )
    images = pd.unique(data["images"])[0]
    notes = (
        f"Pruned by {how['prune_type']}, what has the lowest scores first. Measured on {images:g} validation "
        "images, which no accuracy of the report is measured on.",
        note_on_seeds(data["n"]),
    )
    return Table(f"{view.title}: sensitivity of layers", view.setup, columns, data, notes)
