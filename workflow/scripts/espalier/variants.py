"""The nets of a study side by side: each against the dense net that it comes from, averaged over seeds."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from espalier import tidy

KINDS = ("weight", "unit")  # the prune types that the MNIST study sets against each other
MASKED = ("weight",)  # prune types that set weights to zero and leave the shapes as they are

# What `of` averages over seeds: measured, and worked out from what was measured.
MEASURED = (
    "top1", "top5", "test_loss", "params", "nonzero_params", "sparsity", "macs", "actual_ratio", "size_bytes",
    "zipped_bytes",
)  # fmt: skip
DERIVED = (
    "before", "after", "dense_top1", "control_top1", "reference_top1", "drop", "compression", "nonzero_compression",
    "speed_up", "smaller",
)  # fmt: skip


def of(results: pd.DataFrame) -> pd.DataFrame:
    """One row for each variant of a study: every net, a pruned one together with its fine-tuned self. One that was
    fine-tuned in several ways has a row for each of them; `node` is the pruned net, `variant` and `end` the last one.

    Over seeds (mean, `_sd`, `n`; see tidy.over_seeds), with MEASURED as they are at the end, and

    before, after         top-1 right after pruning, and after fine-tuning (NaN where there was none)
    dense_top1            top-1 of the dense net
    control_top1          of a fine-tuned net: top-1 of the dense net trained as long (NaN where there is none)
    reference_top1, drop  the second of these, or else the first, and how many points the variant is below it
    compression           parameters, dense / variant; `nonzero_compression`: those that are not zero
    speed_up              the theoretical one: MACs, dense / variant
    smaller               saved file, zipped, dense / variant
    """
    nodes = results.set_index("node", drop=False)
    nodes = nodes.reindex(columns=list(dict.fromkeys([*nodes.columns, *MEASURED])))
    parents = nodes["parent"].map(nodes["step"])
    tunes = nodes[(nodes["step"] == "finetune") & (parents == "prune")]
    ends = pd.DataFrame({"node": tunes["parent"].to_numpy(), "end": tunes["node"].to_numpy()}, dtype=object)
    rows = nodes.drop(index=tunes.index).reset_index(drop=True).merge(ends, on="node", how="left")
    pruned, tuned = rows["step"] == "prune", rows["end"].notna()
    rows["end"] = rows["end"].fillna(rows["node"])
    last = nodes.loc[rows["end"]].set_axis(rows.index)
    dense = nodes.loc[rows["dense"]].set_axis(rows.index)
    control = last["control"].map(nodes["top1"])
    reference = control.fillna(dense["top1"])
    rows = rows.assign(
        **{column: last[column] for column in MEASURED if column != "actual_ratio"},
        variant=last["variant"],
        before=rows["top1"].where(pruned),
        after=last["top1"].where(tuned),
        dense_top1=dense["top1"],
        control_top1=control,
        reference_top1=reference,
        drop=reference - last["top1"],
        compression=dense["params"] / last["params"],
        nonzero_compression=dense["nonzero_params"] / last["nonzero_params"],
        speed_up=dense["macs"] / last["macs"],
        smaller=dense["zipped_bytes"] / last["zipped_bytes"],
    )
    return tidy.over_seeds(rows, [*MEASURED, *DERIVED])


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


def labels(rows: pd.DataFrame, of: Callable = label) -> list[str]:
    """What `of` says of each row; where it says the same of several variants, what tells their folders apart is added:
    "filter_wise sum 0.50, prune 0.20" (pruned before), "dense, train batch_size=64"."""
    said = [of(row) for _, row in rows.iterrows()]
    shared: dict[str, dict[str, list]] = {}
    for name, variant in zip(said, rows["variant"], strict=True):
        shared.setdefault(name, {})[variant] = [part.split("~") for part in variant.split("/")]
    told = {name: _told_apart(name, found) for name, found in shared.items()}
    return [told[name][variant] for name, variant in zip(said, rows["variant"], strict=True)]


def _told_apart(name: str, found: dict[str, list[list[str]]]) -> dict[str, str]:
    """A name for each of the variants that share `name`. found: a variant -> the words of each of its folders."""
    folders = set.intersection(*({tuple(folder) for folder in parts} for parts in found.values()))
    words = set.intersection(*({word for _, *rest in parts for word in rest} for parts in found.values()))
    names = {
        variant: ", ".join([
            name,
            *(
                " ".join([step, *(word for word in rest if word not in words)])
                for step, *rest in parts
                if (step, *rest) not in folders
            ),
        ])
        for variant, parts in found.items()
    }  # fmt: skip
    return names if len(set(names.values())) == len(names) else {variant: f"{name} ({variant})" for variant in found}


def _init(row) -> str:
    return f", init {row['init']}" if pd.notna(row["init"]) else ""
