"""Accuracy against the size of the saved file: pruned, quantized, or both."""

from __future__ import annotations

from espalier.analysis import registered
from espalier.analysis import selections as when
from espalier.analysis.labels import net_names
from espalier.analysis.nets import NEAR as BUDGET
from espalier.analysis.nets import smallest as smallest_nets
from espalier.analysis.study import StudyView
from espalier.analysis.tidy import MIB
from espalier.registry import FigureItem, register
from espalier.report.figures import style

PENALISED = "dense, trained with a penalty"
KINDS = {  # markers of different shape, and filled or not: told apart without colour
    "dense": {"marker": "*", "color": "#000000", "markersize": 11},
    PENALISED: {"marker": "*", "color": "#000000", "markersize": 11, "markerfacecolor": "white"},
    "pruned": {"marker": "o", "color": "#0072b2"},
    "quantized": {"marker": "s", "color": "#d55e00", "markerfacecolor": "white"},
    "pruned + quantized": {"marker": "D", "color": "#6a3d9a"},
}
NEAR = 10.0  # points below dense that the second panel shows


@register(
    FigureItem(
        "prune_or_quantize",
        title="Prune, quantize, or both?",
        caption="Test accuracy against the size of the saved file, zipped, on a logarithmic scale: further left is "
        "smaller, higher is better. A marker for each way to make the net smaller; stars are nets as they were "
        "trained, hollow ones with a penalty. The dashed line is the dense net that all others are compared with, "
        "trained as long as the pruned ones where that was run, the dotted one a point below it (a pair of lines for "
        "each way to draw the initial weights), and the smallest net of each way above that is ringed and named. "
        f"Where nets lie more than {NEAR:g} points below dense, a second panel shows the others closer.",
        when=when.pruned_and_quantized,
    )
)
def prune_or_quantize(view: StudyView):
    """x: MiB, logarithmic; y: top-1; one point per variant, means over seeds."""
    nets = view.nets
    nets = nets[~registered.exported(nets) & ~((nets["kind"] == "pruned") & (nets["actual_ratio"] == 0))]
    penalised = (nets["kind"] == "dense") & nets["penalty"].notna()
    nets = nets.assign(
        kind=nets["kind"].mask(penalised, PENALISED), name=net_names(nets), mib=nets["zipped_bytes"] / MIB
    )
    looks = {kind: look for kind, look in KINDS.items() if kind in set(nets["kind"])}
    references = nets[nets["node"] == nets["reference"]]["top1"]
    near = nets[nets["drop"] <= NEAR]
    panels = [("all nets", nets)]
    if len(near) < len(nets):
        panels.append((f"within {NEAR:g} points of dense", near))
    smallest = smallest_nets(view.compressed)
    figure = style.figure(6.7 + 3.1 * len(panels), 4.8)
    for axes, (title, shown) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for kind, look in looks.items():
            rows = shown[shown["kind"] == kind]
            bars = rows["top1_sd"] if rows["top1_sd"].notna().any() else None
            axes.errorbar(rows["mib"], rows["top1"], yerr=bars, **look, linestyle="none", capsize=2)
        for top1 in references:
            axes.axhline(top1, **style.DENSE)
            axes.axhline(top1 - BUDGET, **style.CONTROL)
        for best in smallest.values():
            axes.plot(
                best["zipped_bytes"] / MIB, best["top1"], "o", markersize=14, markerfacecolor="none", color="#444444"
            )
        axes.set(xlabel="saved file, zipped (MiB, logarithmic)", title=title if len(panels) > 1 else "")
        axes.set_xlim(nets["mib"].min() / 1.25, nets["mib"].max() * 1.25)
        style.logarithmic(axes, "x")
        axes.margins(y=0.12)
    figure.axes[0].set_ylabel("test top-1 (%)")
    labels = dict(zip(nets["variant"], nets["name"], strict=True))
    names = {kind: f"{kind}; ringed: {labels[best['variant']]}" for kind, best in smallest.items()}
    handles = [style.proxy(**look, linestyle="none", label=names.get(kind, kind)) for kind, look in looks.items()]
    name = "top-1 of dense" + (", trained as long" if nets["control_top1"].notna().any() else "")
    handles += [style.proxy(**style.DENSE, label=name), style.proxy(**style.CONTROL, label="a point below it")]
    style.legend_below(figure, handles, columns=2)
    return figure
