"""Every variant of a study."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import registered
from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, remark_on
from espalier.analysis.study import StudyView
from espalier.analysis.tidy import MIB
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text


@register(
    TableItem(
        "results",
        scope="study",
        title="All results",
        caption="Every net of the study: the trained ones, and each pruned one with its accuracy before and after "
        "fine-tuning. Removed: asked is what the config says, a share in percent, a number of blocks (N), a pattern "
        "(2:4: two of each four weights stay) or a threshold (<), and done the share of groups (or weights) that went. "
        "Compression is parameters, speed-up is multiply-accumulates, both dense / pruned: the second is what the "
        "counts promise, not a measured time. Epochs are those of all steps that led to the net: training, training "
        "with a penalty, gradual pruning, fine-tuning, quantization-aware training. Quantized nets are rows of their "
        "own, named by their scheme; so are nets that were trained from scratch in the shape of a pruned one. A "
        "rewound net was fine-tuned by the learning rates that the training had in its last epochs.",
        when=when.always,
    )
)
def results(view: StudyView) -> Table:
    """One row per variant, means over seeds."""
    nets = view.nets
    nets.insert(0, "name", net_names(nets))
    nets["gain"] = (-nets["drop"]).where(nets["node"] != nets["reference"])
    for name in ("params", "macs", "nonzero_params"):
        nets[f"{name}_m"] = nets[name] / 1e6
    for name in ("size", "zipped"):
        nets[f"{name}_mib"] = nets[f"{name}_bytes"] / MIB
    nets["removed"], nets["removed_sd"] = 100 * nets["actual_ratio"], 100 * nets["actual_ratio_sd"]
    nets["asked"] = [_asked(row) for _, row in nets.iterrows()]
    nets["remark"] = [remark_on(row) for _, row in nets.iterrows()]
    return Table(
        f"{view.title}: all results",
        view.setup,
        tuple(_columns(nets)),
        nets,
        (
            "Change: points of top-1 against the dense net of the same seed"
            + (", trained as long as the fine-tuned ones" if nets["control_top1"].notna().any() else "")
            + ". Compression: parameters, dense / pruned. "
            "Speed-up: MACs, dense / pruned (theoretical). MACs are multiply-accumulates of convolutions and linear "
            "layers for one image.",
            "Mean ± sample standard deviation over the seeds."
            if nets["n"].max() > 1
            else "One seed: no spread is known.",
            *_masked_note(nets),
            *_exported_note(nets),
            *_chosen_note(nets),
        ),
    )


def _asked(row):
    """What the config asked to go: a share as a number, in percent; else in words. None, if it asked nothing."""
    if pd.notna(row["blocks"]):
        return f"N = {row['blocks']:g}"
    if pd.notna(row["pattern"]):
        return row["pattern"]
    if pd.notna(row["threshold"]):
        return f"< {row['threshold']:g}"
    return None if pd.isna(row["ratio"]) else round(100 * float(row["ratio"]), 6)


def _columns(nets: pd.DataFrame):
    yield Text("name", "Net")
    if nets["asked"].notna().any():
        yield Number("asked", "Asked", group="Removed", unit="%" if nets["ratio"].notna().any() else "")
    yield Number(
        "removed",
        "Done",
        2,
        group="Removed",
        unit="%",
        spread="removed_sd",
        help="Share of groups or weights that went",
    )
    if nets["after"].notna().any():
        yield Number(
            "before", "Pruned", 2, group="Test accuracy", unit="%", spread="before_sd", help="Top-1 right after pruning"
        )
    yield Number(
        "top1",
        "Top-1",
        2,
        group="Test accuracy",
        unit="%",
        spread="top1_sd",
        help="At the end: after fine-tuning, if any",
    )
    yield Number(
        "gain", "Change", 2, group="Test accuracy", unit="%", signed=True, spread="drop_sd", help="Points against dense"
    )
    if (nets["top5"] < 100).any():  # of five classes or fewer it says nothing
        yield Number("top5", "Top-5", 2, group="Test accuracy", unit="%", spread="top5_sd")
    yield Number("params_m", "Parameters", 3, group="Size of the net", unit="M")
    if _masked(nets):
        yield Number("nonzero_params_m", "Not zero", 3, group="Size of the net", unit="M")
    yield Number("macs_m", "MACs", 2, group="Size of the net", unit="M")
    yield Number("compression", "Compression", 2, group="Dense / pruned", spread="compression_sd")
    if _masked(nets):
        yield Number("nonzero_compression", "Not zero", 2, group="Dense / pruned", spread="nonzero_compression_sd")
    yield Number("speed_up", "Speed-up", 2, group="Dense / pruned", spread="speed_up_sd", help="Theoretical: MACs")
    yield Number("size_mib", "Raw", 2, group="Saved file", unit="MiB")
    yield Number("zipped_mib", "Zipped", 2, group="Saved file", unit="MiB")
    anew = (nets["trained"] != nets["epochs_total"]).any()
    yield Number("epochs_total", "In all", 0, group="Epochs", help="Of all steps that led to the net")
    if anew:
        yield Number(
            "trained", "Of its weights", 0, group="Epochs", help="Since they were drawn: a net from scratch begins anew"
        )
    if nets["n"].max() > 1:
        yield Number("n", "Seeds")
    if nets["remark"].notna().any():
        yield Text("remark", "Remark")


def _chosen_note(nets: pd.DataFrame):
    if nets["remark"].notna().any():
        yield (
            "Best epoch on test: of a training's epochs the one with the highest accuracy on the test images was "
            "taken, as many papers do. Such an accuracy is higher than that on images nobody has chosen by."
        )


def _masked(nets: pd.DataFrame) -> bool:
    return bool(registered.masked(nets).any())


def _masked_note(nets: pd.DataFrame):
    if _masked(nets):
        yield (
            "Weight pruning sets weights to zero and takes none out: parameters, MACs and the raw file stay as they "
            "are; what is not zero, and the zipped file, get smaller."
        )


def _exported_note(nets: pd.DataFrame):
    if nets["scheme"].notna().any():
        yield (
            "Quantization leaves parameters and MACs as they are and makes the file smaller: see the table of "
            "quantization. A float32 export is the same net in another runtime."
        )
