"""All studies of a run, one row each."""

from __future__ import annotations

import pandas as pd

from espalier import findings, variants, when
from espalier.html import Column, Table
from espalier.registry import register
from espalier.tidy import Tidy


@register(
    "overview",
    kind="table",
    scope="run",
    title="Studies",
    caption="Every study of the run: what it was run on, how many results it has, how accurate its dense net is, and its headline.",
    when=when.always,
)
def overview(tidy: Tidy, studies: dict[str, dict]) -> Table:
    """One row per study."""
    data = pd.DataFrame([study_row(tidy.of(name), study) for name, study in studies.items()])
    columns = (
        Column("title", "Study"),
        Column("dataset", "Data"),
        Column("resolution", "Resolution"),
        Column("model", "Net"),
        Column("epochs", "Epochs"),
        Column("weights", "Initial weights"),
        Column("seeds", "Seeds"),
        Column("nodes", "Results"),
        Column("dense_top1", "Dense top-1 (%)", 2, spread="dense_top1_sd"),
        Column("headline", "Headline"),
    )
    return Table("Studies of this run", f"{len(data)} studies, {int(data['nodes'].sum())} results", columns, data)


def study_row(tidy: Tidy, study: dict) -> dict:
    """What is said of a study in a row; where it has several dense nets, of the first."""
    data, net, results = study["dataset"], study["model"], tidy.results
    nets = variants.of(results)
    dense = nets[nets["node"] == nets["dense"]].iloc[0]
    return {
        "name": study["name"],
        "title": study["title"],
        "dataset": data["name"],
        "resolution": f"{data['size']}x{data['size']}x{data.get('channels', 3)}",
        "model": f"{net['name']}" + ("" if net.get("width", 1) == 1 else f", width {net['width']:g}"),
        "epochs": int(dense["epochs"]),
        "weights": " and ".join(sorted(set(results["weights"].dropna()))),
        "seeds": ", ".join(map(str, sorted(set(results["seed"])))),
        "nodes": len(results),
        "dense_top1": dense["top1"],
        "dense_top1_sd": dense["top1_sd"],
        "headline": findings.headline(findings.of_study(tidy, study)),
    }
