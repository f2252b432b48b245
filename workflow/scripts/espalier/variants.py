"""The nets of a study side by side: each against the dense net that it comes from, averaged over seeds."""

from __future__ import annotations

import pandas as pd

from espalier import tidy

KINDS = ("weight", "unit")  # the prune types that the MNIST study sets against each other
MASKED = ("weight",)  # prune types that set weights to zero and leave the shapes as they are

# What `of` averages over seeds: measured, and worked out from what was measured.
MEASURED = (
    "top1", "top5", "test_loss", "params", "nonzero_params", "sparsity", "macs", "actual_ratio", "size_bytes",
    "zipped_bytes",
)  # fmt: skip
DERIVED = ("before", "after", "dense_top1", "drop", "compression", "nonzero_compression", "speed_up", "smaller")


def of(results: pd.DataFrame) -> pd.DataFrame:
    """One row for each variant of a study: every net, a pruned one together with its fine-tuned self.

    Over seeds (mean, `_sd`, `n`; see tidy.over_seeds), with MEASURED as they are at the end, and

    before, after         top-1 right after pruning, and after fine-tuning (NaN where there was none)
    dense_top1, drop      top-1 of the dense net, and how many points the variant is below it
    compression           parameters, dense / variant; `nonzero_compression`: those that are not zero
    speed_up              the theoretical one: MACs, dense / variant
    smaller               saved file, zipped, dense / variant
    """
    nodes = results.set_index("node", drop=False)
    nodes = nodes.reindex(columns=list(dict.fromkeys([*nodes.columns, *MEASURED])))
    parents = nodes["parent"].map(nodes["step"])
    tunes = (nodes["step"] == "finetune") & (parents == "prune")
    tuned = nodes[tunes].drop_duplicates("parent").set_index("parent")["node"]
    rows = nodes[~tunes]
    end = rows["node"].map(tuned)
    last = nodes.loc[end.fillna(rows["node"])].set_axis(rows.index)
    dense = nodes.loc[rows["dense"]].set_axis(rows.index)
    pruned = rows["step"] == "prune"
    rows = rows.assign(
        **{column: last[column] for column in MEASURED if column != "actual_ratio"},
        before=rows["top1"].where(pruned),
        after=last["top1"].where(end.notna()),
        dense_top1=dense["top1"],
        drop=dense["top1"] - last["top1"],
        compression=dense["params"] / last["params"],
        nonzero_compression=dense["nonzero_params"] / last["nonzero_params"],
        speed_up=dense["macs"] / last["macs"],
        smaller=dense["zipped_bytes"] / last["zipped_bytes"],
    )
    return tidy.over_seeds(rows.reset_index(drop=True), [*MEASURED, *DERIVED])


def pruned(results: pd.DataFrame) -> pd.DataFrame:
    """The variants that end with pruning, or with pruning and fine-tuning."""
    found = of(results)
    return found[found["step"] == "prune"].reset_index(drop=True)


def training_label(row) -> str:
    """How a row's net was trained, in words: "dense", "l2_groups filter_wise", "dense, init glorot"."""
    penalty = f"{row['penalty']} {row['penalty_type']}" if pd.notna(row["penalty"]) else "dense"
    return penalty + _init(row)


def pruning_label(row) -> str:
    """How a row's net was pruned, in words: "filter_wise mean_abs 0.40", "depth_wise mean_abs 2 blocks"; "" if not."""
    if pd.isna(row["prune_type"]):
        return ""
    if pd.notna(row["blocks"]):
        amount = f"{row['blocks']:g} block{'s' if row['blocks'] != 1 else ''}"
    else:
        amount = f"{float(row['ratio']):.2f}"
    return f"{row['prune_type']} {row['method']} {amount}"


def label(row) -> str:
    """A variant in words: "filter_wise mean_abs 0.40, l2_groups training", "weight magnitude 0.50, init glorot"."""
    pruning = pruning_label(row)
    if not pruning:
        return training_label(row) + (", trained further" if row["step"] == "finetune" else "")
    if pd.isna(row["penalty"]):
        return pruning + _init(row)
    groups = "" if row["penalty_type"] == row["prune_type"] else f" {row['penalty_type']}"
    return f"{pruning}, {row['penalty']}{groups} training{_init(row)}"


def _init(row) -> str:
    return f", init {row['init']}" if pd.notna(row["init"]) else ""
