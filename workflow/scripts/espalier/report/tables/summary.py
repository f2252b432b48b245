"""The layers of a net that is wrapped to be pruned while it is trained, and what of them became zero."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, pruning_label
from espalier.analysis.study import StudyView
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text

TOTAL = "total"
NOT_PRUNED = "not pruned"


@register(
    TableItem(
        "summary",
        scope="study",
        title="Model summary",
        caption="Every layer of the net, with its output shape and its parameters: as the net is, and wrapped as it is "
        "pruned (a wrapper adds a mask for each weight it prunes, a threshold and a step). Then, for each sparsity "
        "that was asked for, the share of the layer's weights that is zero in the saved file, wrappers stripped; a "
        "dash stands for layers without weights. Depthwise convolutions are never pruned.",
        when=when.gradual,
    )
)
def summary(view: StudyView) -> Table:
    """One row per layer, and the total. Of the first seed."""
    nets = view.select(when.gradual)
    nets = nets[nets["seed"] == nets["seed"].iloc[0]]
    nets = nets.assign(name=net_names(nets, pruning_label))
    first = nets[nets["node"].isin(view.summary["node"])].head(1)
    data = view.summary[view.summary["node"].isin(first["node"])].drop(columns="node").reset_index(drop=True)
    sums = data[["params", "wrapped_params"]].sum()
    pruned = set(data["layer"][data["pruned"].astype(bool)])
    data["pruned"] = data["pruned"].astype(bool).map({True: "yes", False: "no"})
    data = pd.concat([data, pd.DataFrame([{"layer": TOTAL, **sums}])], ignore_index=True)
    columns = [
        Text("layer", "Layer"),
        Text("kind", "Kind"),
        Text("output_shape", "Output shape"),
        Number("params", "As it is", 0, group="Parameters"),
        Number("wrapped_params", "Wrapped", 0, group="Parameters"),
        Text("pruned", "Pruned"),
    ]
    for _, net in nets.iterrows():
        shares = _sparsities(view.layers[view.layers["node"] == net["node"]], pruned)
        data[net["name"]] = data["layer"].map(shares).astype(object)
        columns.append(
            Number(net["name"], net["name"].removeprefix("weight magnitude "), 2, group="Zeros in the file", unit="%")
        )
    return Table(
        f"{view.title}: model summary",
        view.setup,
        tuple(columns),
        data,
        (
            *_wrapped(first),
            "The last row counts the zeros of the pruned layers alone.",
            "The sparsity that is asked for holds for each pruned layer of its own.",
        ),
    )


def _sparsities(layers: pd.DataFrame, pruned: set[str]) -> dict:
    """Percent of zeros by layer, NOT_PRUNED for what was left alone, and of all pruned layers."""
    left = ~layers["layer"].isin(pruned)
    shares = (100 * layers["zeros"] / layers["weights"]).astype(object).mask(left, NOT_PRUNED)
    taken = layers[~left]
    total = 100 * taken["zeros"].sum() / taken["weights"].sum() if len(taken) else None
    return dict(zip(layers["layer"], shares, strict=True)) | {TOTAL: total}


def _wrapped(first: pd.DataFrame):
    """What the net counts, wrapped: as frameworks print it."""
    row = first.iloc[0] if len(first) else {}
    wrapped, trainable = row.get("wrapped_params"), row.get("wrapped_trainable_params")
    if pd.notna(wrapped) and pd.notna(trainable):
        yield (
            f"Wrapped, the net has {int(wrapped):,} parameters, {int(trainable):,} of them trainable and "
            f"{int(wrapped - trainable):,} not; stripped it has {int(row['params']):,}."
        )
