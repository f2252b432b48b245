"""Accuracy against the size of the saved file: pruned, quantized, or both."""

from __future__ import annotations

import pandas as pd

from espalier import variants, when
from espalier.figures import style
from espalier.registry import register
from espalier.tidy import MIB, Tidy

KINDS = {  # markers of different shape, and filled or not: told apart without colour
    "dense": {"marker": "*", "color": "#000000", "markersize": 11},
    "pruned": {"marker": "o", "color": "#0072b2"},
    "quantized": {"marker": "s", "color": "#d55e00", "markerfacecolor": "white"},
    "pruned + quantized": {"marker": "D", "color": "#6a3d9a"},
}
NEAR = 10.0  # points below dense that the second panel shows
WITHIN = 1.0


@register(
    "prune_or_quantize",
    kind="figure",
    title="Prune, quantize, or both?",
    caption="Test accuracy against the size of the saved file, zipped, on a logarithmic scale: further left is "
    "smaller, higher is better. A marker for each way to make the net smaller; the dashed line is the dense net, the "
    "dotted one a point below it, and the smallest net of each way above that is named. Where nets lie more than "
    f"{NEAR:g} points below dense, a second panel shows the others closer.",
    when=when.pruned_and_quantized,
)
def prune_or_quantize(tidy: Tidy, study: dict):
    """x: MiB, logarithmic; y: top-1; one point per variant, means over seeds."""
    nets = variants.of(tidy.results)
    nets = nets[nets["scheme"] != variants.EXPORT]
    nets = nets.assign(name=variants.labels(nets), mib=nets["zipped_bytes"] / MIB)
    dense = nets[nets["node"] == nets["dense"]]["top1"].max()
    near = nets[nets["top1"] >= dense - NEAR]
    panels = [("all nets", nets)]
    if len(near) < len(nets):
        panels.append((f"within {NEAR:g} points of dense", near))
    figure = style.figure(5.2 + 4.6 * len(panels) - 1.5 * (len(panels) - 1), 5.0)
    for axes, (title, shown) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for kind, look in KINDS.items():
            rows = shown[shown["kind"] == kind]
            bars = rows["top1_sd"] if rows["top1_sd"].notna().any() else None
            axes.errorbar(rows["mib"], rows["top1"], yerr=bars, **look, linestyle="none", capsize=2)
        axes.axhline(dense, **style.DENSE)
        axes.axhline(dense - WITHIN, **style.CONTROL)
        axes.set(xscale="log", xlabel="saved file, zipped (MiB)", title=title if len(panels) > 1 else "")
        axes.margins(x=0.15, y=0.12)
        for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            axis(_plain)
        axes.tick_params(axis="x", which="both", labelrotation=45, labelsize=7.5)
    figure.axes[0].set_ylabel("test top-1 (%)")
    _name(figure.axes[-1], panels[-1][1])
    handles = [style.proxy(**look, linestyle="none", label=kind) for kind, look in KINDS.items()]
    handles += [style.proxy(**style.DENSE, label="dense"), style.proxy(**style.CONTROL, label="dense - 1 point")]
    style.legend_below(figure, handles, columns=6)
    return figure


def _plain(x: float, _) -> str:
    return f"{x:.2g}" if f"{x:e}"[0] in "125" else ""


def _name(axes, nets: pd.DataFrame) -> None:
    """Write beside the smallest net of each kind that is within a point of dense what it is."""
    good = nets[(nets["drop"] <= WITHIN) & (nets["kind"] != "dense")]
    for _, rows in good.groupby("kind", sort=False):
        row = rows.loc[rows["mib"].idxmin()]
        axes.annotate(
            row["name"], (row["mib"], row["top1"]), xytext=(4, 9), textcoords="offset points", fontsize=7.5, ha="left"
        )
