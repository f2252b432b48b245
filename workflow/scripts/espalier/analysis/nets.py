"""The nets of a study side by side: each against the dense net that it is compared with, averaged over seeds."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from espalier import columns
from espalier.analysis import registered
from espalier.analysis.retraining import TUNING

LIMITS = (0.5, 1.0, 2.0)  # budgets of accuracy: points of top-1 below the reference
NEAR = LIMITS[1]  # the one that is named first, and drawn
KINDS = ("pruned", "quantized", "pruned + quantized")  # beside "dense"

# What is averaged over seeds: what was measured, what was timed (see speed.with_times), and what is computed of it.
MEASURED = columns.names(column for column in columns.MEASURED if column.type in (int, float))
TIMED = ("ms_per_image", "dense_ms", "timed_threads", "measured")
DERIVED = (
    "trained", "epochs_total", "before", "after", "dense_top1", "control_top1", "reference_top1",
    "lost", "drop", "compression", "nonzero_compression", "speed_up", "smaller", "source_top1", "change", "smaller_raw",
)  # fmt: skip
OF_PRUNING = ("actual_ratio", "layers_on_floor")  # what the pruned net measured stays true after its fine-tuning
ENDING = (
    "variant",
    "select",
    "retraining",
    "trained",
    "epochs_total",
    "reference",
)  # beside what is measured: of the last net
SIZES = ("params", "nonzero_params", "macs", "zipped_bytes", "size_bytes")


def of(results: pd.DataFrame) -> pd.DataFrame:
    """One row for each net of a study: a pruned net together with its fine-tuned self. A net that was fine-tuned in
    several ways has a row for each of them; `node` is the pruned net, `variant` and `end` the last one. A quantized net
    has a row of its own, and so has a net trained from scratch: nothing of the pruned one but its shape is in it.
    Each is compared with the dense net of equal epochs, and of the same penalty where there is one, its `reference`
    (see tidy.Tidy); NaN where there is none.

    results: as tidy.load gives them, with the columns of speed.with_times if there are times. Rows are means over seeds
    (see over_seeds), measured at the end, with

    kind                  "dense", "pruned", "quantized" or "pruned + quantized"; an export is what it was made from
    before, after         top-1 right after pruning, and after fine-tuning (NaN where there was none); of a net that was
                          pruned while it was trained there is no "before"
    reference_penalty     the penalty that the reference was trained with; NaN of a dense net without one
    before_variant        the pruned net's, before it was trained further; `dense_variant`, `reference_variant` likewise
    dense_top1            top-1 of the dense net as it was first trained
    reference_top1, drop  top-1 of the reference, and how many points the net is below it
    control_top1          top-1 of the reference, if that is not the dense net as it was first trained, but fine-tuned
    lost                  how many points the net was right after pruning below the reference that it had then
    trained, epochs_total for how many epochs its weights were trained, and all steps that led to it
    compression           parameters, dense / net; `nonzero_compression`: those that are not zero
    speed_up              the theoretical one: MACs, dense / net
    smaller, smaller_raw  saved file, zipped and as it is, dense / net: the file of the reference, if there is one
    source_top1, change   of a quantized net: top-1 of the net it was made from, and how far it is above that
    """
    nodes = results.set_index("node", drop=False)
    nodes = nodes.reindex(columns=list(dict.fromkeys([*nodes.columns, *MEASURED, *TIMED])))
    rows = _with_ends(nodes)
    rows = rows.assign(kind=kinds(rows), before_variant=rows["variant"], **_accuracies(rows, nodes))
    ending = [*(column for column in (*MEASURED, *TIMED) if column not in OF_PRUNING), *ENDING]
    rows = rows.assign(**nodes[ending].loc[rows["end"]].set_axis(rows.index))
    return over_seeds(rows.assign(**_against_reference(rows, nodes)), [*MEASURED, *TIMED, *DERIVED])


def _with_ends(nodes: pd.DataFrame) -> pd.DataFrame:
    """The nodes but for those that trained a pruned net further, which are the `end` of that net's row."""
    tunes = nodes[nodes["step"].isin(TUNING) & (nodes["parent"].map(nodes["step"]) == "prune")]
    ends = pd.DataFrame({"node": tunes["parent"].to_numpy(), "end": tunes["node"].to_numpy()}, dtype=object)
    rows = nodes.drop(index=tunes.index).reset_index(drop=True).merge(ends, on="node", how="left")
    return rows.assign(end=rows["end"].fillna(rows["node"]))


def _accuracies(rows: pd.DataFrame, nodes: pd.DataFrame) -> dict[str, pd.Series]:
    """Top-1 right after pruning, after fine-tuning, and of the nets that a row was made from."""
    gradual = (rows["step"] == "prune") & (rows["schedule"] == "gradual")
    before = rows["top1"].where((rows["step"] == "prune") & ~gradual)
    last = rows["end"].map(nodes["top1"])
    source = rows["parent"].map(nodes["top1"]).where(rows["step"] == "quantize")
    return {
        "before": before,
        "lost": rows["reference"].map(nodes["top1"]) - before,
        "after": last.where((rows["end"] != rows["node"]) | gradual),
        "dense_top1": rows["dense"].map(nodes["top1"]),
        "source_top1": source,
        "change": last - source,
    }


def _against_reference(rows: pd.DataFrame, nodes: pd.DataFrame) -> dict[str, pd.Series]:
    """Each row's last net against its reference; its sizes against those of any dense net of its training, if there is
    no reference: they do not depend on epochs."""
    top1 = rows["reference"].map(nodes["top1"])
    dense = nodes[list(SIZES)].loc[rows["reference"].fillna(rows["dense"])].set_axis(rows.index)
    return {
        "reference_variant": rows["reference"].map(nodes["variant"]),
        "reference_penalty": rows["reference"].map(nodes["penalty"]),
        "dense_variant": rows["dense"].map(nodes["variant"]),
        "control_top1": top1.where(rows["reference"] != rows["dense"]),
        "reference_top1": top1,
        "drop": top1 - rows["top1"],
        "compression": dense["params"] / rows["params"],
        "nonzero_compression": dense["nonzero_params"] / rows["nonzero_params"],
        "speed_up": dense["macs"] / rows["macs"],
        "smaller": dense["zipped_bytes"] / rows["zipped_bytes"],
        "smaller_raw": dense["size_bytes"] / rows["size_bytes"],
    }


def over_seeds(results: pd.DataFrame, values: Iterable[str]) -> pd.DataFrame:
    """One row per study and variant: its columns as in its first seed, of `values` the mean, `n` the number of seeds,
    and for each value v a column `v_sd`, the sample standard deviation (NaN where n is 1: one run has no spread).
    A value that was not measured is NaN."""
    keys, values = ["study", "variant"], list(values)
    results = results.reindex(columns=list(dict.fromkeys([*results.columns, *values])))
    groups = results.groupby(keys, sort=False)
    first, numbers = groups.head(1).set_index(keys), groups[values]
    means, spreads = numbers.mean(), numbers.std(ddof=1).add_suffix("_sd")
    rows = pd.concat([first.drop(columns=values), means, spreads, groups.size().rename("n")], axis=1)
    return rows[[*first.columns, *spreads.columns, "n"]].copy().reset_index()  # copied into one array for each type


def kinds(rows: pd.DataFrame) -> list[str]:
    """What was done to each row's net: "dense" (nothing), "pruned", "quantized", "pruned + quantized"."""
    done = zip(rows["prune_type"].notna(), registered.quantized(rows), strict=True)
    names = {(False, False): "dense", (True, False): "pruned", (False, True): "quantized"}
    return [names.get((bool(pruned), bool(quantized)), "pruned + quantized") for pruned, quantized in done]


def pruned(nets: pd.DataFrame) -> pd.DataFrame:
    """Those of `of` that end with pruning, or with pruning and fine-tuning."""
    return nets[nets["step"] == "prune"].reset_index(drop=True)


def untouched(nets: pd.DataFrame) -> pd.Series:
    """Which nets were to be pruned, and nothing was removed: whatever was asked, the share that went is 0."""
    return nets["prune_type"].notna() & (nets["actual_ratio"] == 0)


def same_graph(nets: pd.DataFrame) -> pd.Series:
    """Which pruned nets have the graph of the dense net, as single weights were only set to zero: on a dense runtime
    they take as long, whatever was measured."""
    return (nets["kind"] == "pruned") & (nets["speed_up"] == 1) & (nets["compression"] == 1)


def compressed(nets: pd.DataFrame) -> pd.DataFrame:
    """Those of `of` that something was done to: pruned (by more than nothing), quantized, or both."""
    left_alone = (nets["kind"] == "dense") | ((nets["kind"] == "pruned") & untouched(nets))
    return nets[~left_alone].reset_index(drop=True)


def main_dense(nets: pd.DataFrame) -> pd.Series:
    """The dense net that most pruned and quantized nets are compared with; of several the first."""
    others = nets[nets["kind"] != "dense"]["reference"].dropna()
    plain = nets[nets["node"] == nets["reference"]]
    counts = plain["node"].map(others.value_counts()).fillna(0)
    return plain.loc[counts.idxmax()]
