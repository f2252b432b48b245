"""The layers of a net that is wrapped to be pruned while it is trained, and what of them became zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.labels import net_names, pruning_label
from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text

TOTAL = "total"
NOT_PRUNED = "not pruned"
COLUMNS = (
    Text("layer", "Layer"),
    Text("kind", "Kind"),
    Text("output_shape", "Output shape"),
    Number("params", "As it is", 0, group="Parameters"),
    Number("wrapped_params", "Wrapped", 0, group="Parameters"),
    Text("pruned", "Pruned"),
)


@register(
    TableItem(
        "summary",
        scope="study",
        title="Model summary",
        caption="Every layer of the net, with its output shape and its number of parameters: in the net itself, and "
        "in the net that is wrapped to be pruned (a wrapper adds a mask for each weight that it prunes, a threshold "
        "and a step). Then, for each sparsity that the config asks for, the share of zeros among the weights of the "
        "layer in the saved file, after the wrappers were stripped; a dash stands for layers without weights. "
        "Depthwise convolutions are never pruned.",
        when=selections.gradual,
    )
)
def summary(view: StudyView) -> Table:
    """One row per layer, and the total. Of the first seed."""
    nets = view.select(selections.gradual)
    nets = nets[nets["seed"] == nets["seed"].iloc[0]]
    nets = nets.assign(name=net_names(nets, pruning_label))
    first = nets[nets["node"].isin(view.summary["node"])].head(1)
    layers = view.summary[view.summary["node"].isin(first["node"])].drop(columns="node")
    pruned = set(layers["layer"][layers["pruned"].astype(bool)])
    data, columns = _with_total(layers), list(COLUMNS)
    for _, net in nets.iterrows():
        shares = _sparsities(view.layers[view.layers["node"] == net["node"]], pruned)
        data[net["name"]] = data["layer"].map(shares).astype(object)
        title = net["name"].removeprefix("weight magnitude ")
        columns.append(Number(net["name"], title, 2, group="Zeros in the file", unit="%"))
    notes = tuple(_notes(first))
    return Table(f"{view.title}: model summary", view.setup, tuple(columns), data, notes)


def _with_total(layers: pd.DataFrame) -> pd.DataFrame:
    """The layers, `pruned` in words, and their parameters in all."""
    total = {"layer": TOTAL, **layers[["params", "wrapped_params"]].sum()}
    words = layers["pruned"].astype(bool).map({True: "yes", False: "no"})
    return pd.concat([layers.assign(pruned=words), pd.DataFrame([total])], ignore_index=True)


def _sparsities(layers: pd.DataFrame, pruned: set[str]) -> dict[str, Any]:
    """Percent of zeros by layer, NOT_PRUNED for what was left alone, and of all pruned layers."""
    left = ~layers["layer"].isin(pruned)
    shares = (100 * layers["zeros"] / layers["weights"]).astype(object).mask(left, NOT_PRUNED)
    taken = layers[~left]
    total = 100 * taken["zeros"].sum() / taken["weights"].sum() if len(taken) else None
    return dict(zip(layers["layer"], shares, strict=True)) | {TOTAL: total}


def _notes(first: pd.DataFrame) -> Iterator[str]:
    """first: the row of the net whose layers are shown, if there is one."""
    for _, net in first.iterrows():
        wrapped, trainable = net.get("wrapped_params"), net.get("wrapped_trainable_params")
        if pd.notna(wrapped) and pd.notna(trainable):  # as frameworks print them
            yield (
                f"Wrapped, the net has {int(wrapped):,} parameters, {int(trainable):,} of them trainable and "
                f"{int(wrapped - trainable):,} not; stripped it has {int(net['params']):,}."
            )
    yield "The last row counts the zeros of the pruned layers alone."
    yield "The sparsity that the config asks for is that of each pruned layer by itself."
