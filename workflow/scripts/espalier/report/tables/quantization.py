"""Quantized nets next to the nets that they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from espalier.analysis import registered, selections
from espalier.analysis.labels import net_names, runtime_of
from espalier.analysis.speed import notes_on_schemes, slow_words
from espalier.analysis.study import StudyView
from espalier.backends import BACKENDS
from espalier.columns import MIB
from espalier.registry import TableItem, register
from espalier.report.table import Column, Number, Table, Text, without_constant
from espalier.report.tables import facts, note_on_seeds

RESULT, FILES = "accuracy and time", "files"  # the choices of columns that the page offers
Accuracy = partial(Number, digits=2, group="Test accuracy", unit="%")
File = partial(Number, digits=3, group="Saved file", unit="MiB", views=(FILES,))
Smaller = partial(Number, digits=2, group="Times smaller than dense")


@register(
    TableItem(
        "quantization",
        scope="study",
        title="Quantization",
        caption="Each net that was quantized, and below it the quantized nets that were made of it: accuracy, the "
        "change by quantization and against the dense net of equal epochs, "
        "the saved file, raw and zipped, how many times smaller it is than the file of the dense net, how many "
        "operators compute with 8-bit integers, and the time for one image. The scheme float32 quantizes nothing: it "
        "is the same net in the runtime of the quantized nets, and their times are to be compared with its time.",
        when=selections.exported,
    )
)
def quantization(view: StudyView) -> Table:
    """One row per quantized net, and one before them for the net they were made from. Means over seeds."""
    nets = _with_sources(view.nets)
    nets = facts.with_facts(nets.assign(name=net_names(nets))).assign(name=nets["net"])
    nets["scheme"] = nets["scheme"].fillna("as trained")
    nets["gain"] = (-nets["drop"]).where(nets["node"] != nets["reference"])
    nets["runtime"] = [runtime_of(row) for _, row in view.nets.loc[nets.index].iterrows()]
    nets["size_mib"], nets["zipped_mib"] = nets["size_bytes"] / MIB, nets["zipped_bytes"] / MIB
    nets = nets[["net", "scheme", *(column for column in nets if column not in ("net", "scheme"))]]
    named = facts.columns(nets, "quantized")
    columns, alike = without_constant((*named, *_columns(nets)), nets, ("timed_threads", "training"))
    notes = tuple(_notes(view, nets, alike))
    return Table(f"{view.title}: quantization", view.setup, columns, nets.reset_index(drop=True), notes)


def _with_sources(nets: pd.DataFrame) -> pd.DataFrame:
    """The quantized nets and the nets that they were made from, each of these before what was made of it; `net` is the
    name of the latter."""
    made = nets["step"] == "quantize"
    source = nets["variant"].str.rpartition("/")[0].where(made, nets["variant"])
    nets = nets.assign(source=source)[source.isin(set(source[made]))]
    names = dict(zip(nets["variant"], net_names(nets), strict=True))
    place = pd.Series(pd.factorize(nets["source"])[0], nets.index) + 0.5 * made[nets.index]
    return nets.assign(net=nets["source"].map(names)).loc[place.sort_values(kind="stable").index]


def _columns(nets: pd.DataFrame) -> Iterator[Column]:
    yield Text("scheme", "Scheme")
    yield Accuracy("top1", "Top-1", spread="top1_sd")
    yield Accuracy("change", "By quantization", signed=True, spread="change_sd", help="Points", views=(RESULT,))
    yield Accuracy("gain", "Against dense", signed=True, spread="drop_sd", help="Points")
    yield File("size_mib", "Raw")
    yield File("zipped_mib", "Zipped")
    yield Smaller("smaller_raw", "Raw", views=(FILES,))
    yield Smaller("smaller", "Zipped")
    yield Number("int8_operators", "8-bit operators", 0, views=(RESULT,))
    if nets["ms_per_image"].notna().any():
        yield Number("ms_per_image", "Time for one image", 3, unit="ms", views=(RESULT,))
        yield Number("timed_threads", "Threads", 0, views=(RESULT,))
    if nets["n"].max() > 1:
        yield Number("n", "Seeds")


def _notes(view: StudyView, nets: pd.DataFrame, alike: tuple[str, ...]) -> Iterator[str]:
    """alike: the note on what is the same in all rows."""
    yield "Times smaller: the dense net's file in float32, as training saved it / this file."
    yield note_on_seeds(nets["n"])
    for backend in nets["backend"].unique():
        trained, exported = BACKENDS[backend].net.runtime, BACKENDS[backend].quantized.runtime
        yield f"Nets as trained are run by {trained}, quantized and exported ones by {exported}."
    yield from notes_on_schemes(view.nets)
    if nets["ms_per_image"].notna().any():
        yield "Times are medians of calls with one image, of this machine, and of this run only."
        yield from alike
        if slow := slow_words(view.times):
            yield slow
    exports = view.results[registered.exported(view.results)]
    differences = exports.get("export_difference", pd.Series(dtype=float)).dropna()
    if len(differences):  # how far the outputs of exports are from the framework's own
        yield f"Outputs of the float32 exports differ from the framework's own by at most {differences.max():.1e}."
