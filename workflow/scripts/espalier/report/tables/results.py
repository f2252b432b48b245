"""Every net of a study."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from espalier.analysis import registered, selections
from espalier.analysis.labels import net_names, remark_on
from espalier.analysis.study import StudyView
from espalier.columns import MIB
from espalier.registry import TableItem, register
from espalier.report import unfinished
from espalier.report.table import Column, Number, Table, Text, without_constant
from espalier.report.tables import facts, note_on_seeds

# The choices of columns that the page offers. What stands in none of them is in all.
ACCURACY, SIZE, GAIN, TIME = "accuracy", "size", "times smaller", "time"
Accuracy = partial(Number, digits=2, group="Test accuracy", unit="%")
Removed = partial(Number, group="Removed")
Count = partial(Number, group="Size of the net", unit="M", views=(SIZE,))
Times = partial(Number, digits=2, group="Dense / pruned", views=(GAIN,))
File = partial(Number, digits=2, group="Saved file", unit="MiB", views=(SIZE,))
Timed = partial(Number, group="Measured", views=(TIME,))
Epochs = partial(Number, digits=0, group="Epochs", views=(ACCURACY,))


@register(
    TableItem(
        "results",
        scope="study",
        title="All results",
        caption="Every net of the study: each trained net, and each pruned net with its accuracy before and after "
        "fine-tuning. Removed, asked: what the config asks for, a share in percent, a number of blocks (N), a pattern "
        "(2:4 keeps two of each four weights), a threshold (<), or what is to be left of the dense net (macs 0.50: at "
        "most half of its MACs). Removed, done: the share of groups or weights that "
        "went. Compression compares parameters, speed-up multiply-accumulates, both dense / pruned; the speed-up is "
        "what the counts promise, not a measured time. Epochs are those of all steps that led to the net: training, "
        "training with a penalty, gradual pruning, fine-tuning, quantization-aware training. Quantized nets have rows "
        "of their own, named by their scheme; so have nets that were trained from scratch in the shape of a pruned "
        "net. A rewound net was fine-tuned with the learning rates of the last epochs of the training.",
        when=selections.always,
    )
)
def results(view: StudyView) -> Table:
    """One row per net, means over seeds."""
    nets = view.nets
    nets.insert(0, "name", net_names(nets))
    nets["gain"] = (-nets["drop"]).where(nets["node"] != nets["reference"])
    for name in ("params", "macs", "nonzero_params"):
        nets[f"{name}_m"] = nets[name] / 1e6
    for name in ("size", "zipped"):
        nets[f"{name}_mib"] = nets[f"{name}_bytes"] / MIB
    nets["removed"], nets["removed_sd"] = 100 * nets["actual_ratio"], 100 * nets["actual_ratio_sd"]
    nets = facts.with_facts(nets)  # before `asked`, a column of nodes, gets other values
    nets["asked"] = [_asked(row) for _, row in nets.iterrows()]
    nets["missed"] = [facts.missed(row["asked"], row["removed"]) for _, row in nets.iterrows()]
    nets["remark"] = [remark_on(row) for _, row in nets.iterrows()]
    parts = _removed(nets), _accuracies(nets), _sizes(nets), _times(nets), _epochs(nets)
    shown, notes = [column for part in parts for column in part], tuple(_notes(nets))
    columns = (*facts.columns(nets, "amount"), *shown, *_remarks(nets))
    columns, alike = without_constant(columns, nets, ("timed_threads",))
    nets = unfinished.appended(nets, view.config.get("unfinished", ()))
    nets["training"] = nets["training"].fillna(nets["name"])  # of what is missing, its name is all that is known
    return Table(f"{view.title}: all results", view.setup, columns, nets, (*notes, *alike))


def _asked(row: pd.Series) -> str | float | None:
    """What the config asked to go: a share as a number, in percent; else in words. None, if it asked nothing."""
    if pd.notna(row["blocks"]):
        return f"N = {row['blocks']:g}"
    if pd.notna(row["pattern"]):
        return row["pattern"]
    if pd.notna(row["threshold"]):
        return f"< {row['threshold']:g}"
    if pd.notna(row.get("asked")):
        return row["asked"]
    return None if pd.isna(row["ratio"]) else round(100 * float(row["ratio"]), 6)


def _removed(nets: pd.DataFrame) -> Iterator[Column]:
    if nets["asked"].notna().any():
        yield Removed("asked", "Asked", unit="%" if nets["ratio"].notna().any() else "")
    help = "Share of groups or weights that went"
    yield Removed("removed", "Done", digits=2, unit="%", spread="removed_sd", help=help, flag="missed")


def _accuracies(nets: pd.DataFrame) -> Iterator[Column]:
    if nets["after"].notna().any():
        yield Accuracy("before", "Pruned", spread="before_sd", help="Top-1 right after pruning", views=(ACCURACY,))
    yield Accuracy("top1", "Top-1", spread="top1_sd", help="At the end: after fine-tuning, if any")
    yield Accuracy("gain", "Change", signed=True, spread="drop_sd", help="Points against dense")
    if (nets["top5"] < 100).any():  # of five classes or fewer it says nothing
        yield Accuracy("top5", "Top-5", spread="top5_sd", views=(ACCURACY,))


def _sizes(nets: pd.DataFrame) -> Iterator[Column]:
    masked = _masked(nets)
    yield Count("params_m", "Parameters", digits=3)
    if masked:
        yield Count("nonzero_params_m", "Not zero", digits=3)
    yield Count("macs_m", "MACs", digits=2)
    yield Times("compression", "Compression", spread="compression_sd")
    if masked:
        yield Times("nonzero_compression", "Not zero", spread="nonzero_compression_sd")
    yield Times("speed_up", "Speed-up", spread="speed_up_sd", help="Theoretical: MACs")
    yield File("size_mib", "Raw")
    yield File("zipped_mib", "Zipped")


def _times(nets: pd.DataFrame) -> Iterator[Column]:
    if nets["ms_per_image"].notna().any():
        yield Timed("ms_per_image", "One image", digits=2, significant=3, unit="ms", help="Median time of a call")
        yield Timed("dense_ms", "Dense", digits=2, significant=3, unit="ms", help="The dense net in the same runtime")
        yield Timed("measured", "Dense / this net", digits=2, help="Above 1: faster than the dense net")
        yield Timed("timed_threads", "Threads of the calls", digits=0)


def _epochs(nets: pd.DataFrame) -> Iterator[Column]:
    yield Epochs("epochs_total", "In all", help="Of all steps that led to the net")
    if (nets["trained"] != nets["epochs_total"]).any():
        yield Epochs("trained", "Of its weights", help="Since they were drawn: a net from scratch begins anew")


def _remarks(nets: pd.DataFrame) -> Iterator[Column]:
    if nets["n"].max() > 1:
        yield Number("n", "Seeds")
    if nets["remark"].notna().any():
        yield Text("remark", "Remark")


def _masked(nets: pd.DataFrame) -> bool:
    return bool(registered.masked(nets).any())


def _notes(nets: pd.DataFrame) -> Iterator[str]:
    alone = "; empty, where no dense net was trained for as many" if nets["reference"].isna().any() else ""
    yield (
        f"Change: points of top-1 against the dense net of the same seed and of equal epochs{alone}. "
        "Compression: parameters, dense / pruned. Speed-up: MACs, dense / pruned (theoretical). MACs are "
        "multiply-accumulates of convolutions and linear layers for one image."
    )
    yield note_on_seeds(nets["n"])
    if _masked(nets):
        yield (
            "Weight pruning sets weights to zero and takes none out: parameters, MACs and the raw file stay as they "
            "are; what is not zero, and the zipped file, get smaller."
        )
    if nets["ms_per_image"].notna().any():
        yield "Times are medians of calls with one image, of this machine, and of this run only."
    if (nets["layers_on_floor"] > 0).any():
        yield (
            f"{(nets['layers_on_floor'] > 0).sum()} of the pruned nets have layers on their floor, cut down to the "
            f"least that a layer keeps (up to {nets['layers_on_floor'].max():g} layers; column layers_on_floor of the "
            "CSV): their scores may say more about layers than about channels."
        )
    if nets["scheme"].notna().any():
        yield (
            "Quantization leaves parameters and MACs as they are and makes the file smaller: see the table of "
            "quantization. A float32 export is the same net in another runtime."
        )
    if nets["remark"].notna().any():
        yield (
            "Best epoch on test: of the epochs of a training, the epoch with the highest accuracy on the test images "
            "was taken, as many papers do. Such an accuracy is higher than accuracy on images that nobody chose by."
        )
