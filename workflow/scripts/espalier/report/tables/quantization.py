"""Quantized nets beside the nets they were made from."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import registered
from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, runtime_of
from espalier.analysis.speed import notes_on_schemes, slow_words
from espalier.analysis.study import StudyView
from espalier.analysis.tidy import MIB
from espalier.backends import BACKENDS
from espalier.registry import TableItem, register
from espalier.report.table import Number, Table, Text, without_constant


@register(
    TableItem(
        "quantization",
        scope="study",
        title="Quantization",
        caption="Each net that was quantized, and after it what was made of it: accuracy, its change by that and "
        "against the dense net (the one trained as long as pruned nets, where that was run), the saved file as it is "
        "and zipped, how many times smaller it is than the dense net's, how many of its operators compute with 8-bit "
        "integers, and the time for one image. float32 is an export that quantizes nothing: the same net in the "
        "runtime of the quantized ones, and what their times are to be compared with.",
        when=when.exported,
    )
)
def quantization(view: StudyView) -> Table:
    """One row per quantized net, and one before them for the net they were made from. Means over seeds."""
    nets = view.nets
    nets["source"] = nets["variant"].str.rpartition("/")[0].where(nets["step"] == "quantize", nets["variant"])
    nets = nets[nets["source"].isin(set(nets[nets["step"] == "quantize"]["source"]))]
    names = dict(zip(nets["variant"], net_names(nets), strict=True))
    nets = nets.assign(
        net=nets["source"].map(names),
        scheme=nets["scheme"].fillna("as trained"),
        gain=(-nets["drop"]).where(nets["node"] != nets["reference"]),
        runtime=[runtime_of(row) for _, row in nets.iterrows()],
        size_mib=nets["size_bytes"] / MIB,
        zipped_mib=nets["zipped_bytes"] / MIB,
    )
    order = {source: i for i, source in enumerate(dict.fromkeys(nets["source"]))}
    made = nets["step"] == "quantize"
    nets = nets.iloc[(nets["source"].map(order) + 0.5 * made).argsort(kind="stable")]
    nets = nets[["net", "scheme", *(column for column in nets if column not in ("net", "scheme"))]]
    timed = nets["ms_per_image"].notna().any()
    columns = (
        Text("net", "Net"),
        Text("scheme", "Scheme"),
        Number("top1", "Top-1", 2, group="Test accuracy", unit="%", spread="top1_sd"),
        Number(
            "change",
            "By quantization",
            2,
            group="Test accuracy",
            unit="%",
            signed=True,
            spread="change_sd",
            help="Points",
        ),
        Number(
            "gain", "Against dense", 2, group="Test accuracy", unit="%", signed=True, spread="drop_sd", help="Points"
        ),
        Number("size_mib", "Raw", 3, group="Saved file", unit="MiB"),
        Number("zipped_mib", "Zipped", 3, group="Saved file", unit="MiB"),
        Number("smaller_raw", "Raw", 2, group="Times smaller than dense"),
        Number("smaller", "Zipped", 2, group="Times smaller than dense"),
        Number("int8_operators", "8-bit operators", 0),
        *([Number("ms_per_image", "Time for one image", 3, unit="ms")] if timed else []),
        *([Number("timed_threads", "Threads", 0)] if timed else []),
        *([Number("n", "Seeds")] if nets["n"].max() > 1 else []),
    )
    columns, alike = without_constant(columns, nets, ("timed_threads",))
    notes = [
        "Times smaller: the dense net's file in float32, as training saved it / this file.",
        "Mean ± sample standard deviation over the seeds." if nets["n"].max() > 1 else "One seed: no spread is known.",
    ]
    for backend in nets["backend"].unique():
        trained, exported = BACKENDS[backend].net.runtime, BACKENDS[backend].quantized.runtime
        notes.append(f"Nets as trained are run by {trained}, quantized and exported ones by {exported}.")
    notes += notes_on_schemes(view.nets)
    if timed:
        notes += ["Times are medians of calls with one image, of this machine, and of this run only.", *alike]
        notes += [slow] if (slow := slow_words(view.times)) else []
    notes += _differences(view.results)
    title = f"{view.title}: quantization"
    return Table(title, view.setup, columns, nets.reset_index(drop=True), tuple(notes))


def _differences(results: pd.DataFrame):
    """How far the exports' outputs are from the framework's own."""
    exports = results[registered.exported(results)]
    found = exports["export_difference"].dropna() if "export_difference" in exports else pd.Series(dtype=float)
    if len(found):
        yield f"Outputs of the float32 exports differ from the framework's own by at most {found.max():.1e}."
