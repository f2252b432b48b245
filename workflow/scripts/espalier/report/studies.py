"""The studies of a run, a row for each: the overview, the pages and a table of the report show it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from espalier.analysis import chance, labels
from espalier.analysis.nets import main_dense
from espalier.analysis.study import RunView, StudyView
from espalier.report.findings import budget, headline
from espalier.report.findings.finding import Finding
from espalier.report.table import Number, Table, Text


def study_row(view: StudyView, findings: list[Finding]) -> dict[str, Any]:
    """What a study was run on, and what came out, with the dense net that most nets are compared with. findings: all of
    the study."""
    data, model, nets = view.config["dataset"], view.config["model"], view.nets
    dense = main_dense(nets)
    return {
        "name": view.name,
        "title": view.title,
        "dataset": labels.data_name(data),
        "resolution": f"{data['size']}x{data['size']}x{data.get('channels', 3)}",
        "model": f"{model['name']}" + ("" if model.get("width", 1) == 1 else f", width {model['width']:g}"),
        "epochs": int(dense["trained"]),
        "weights": labels.weights_name(view.config, view.results).removeprefix("initial weights "),
        "seeds": ", ".join(map(str, sorted(set(view.results["seed"])))),
        "nodes": len(view.results),
        "dense_top1": dense["top1"],
        "dense_top1_sd": dense["top1_sd"],
        "headline": chance.warning(view.results) or headline(findings),
        **_budgets(view),
    }


def _budgets(view: StudyView) -> dict[str, str]:
    """The smallest file and the fastest net within each limit, in words."""
    remarks = budget.coarse(view)
    return {
        f"{what}_{limit:g}": words + (f" ({remarks[limit]})" if remarks[limit] else "")
        for limit, pair in budget.table(view).items()
        for what, words in zip(("smallest", "fastest"), pair, strict=True)
    }


def smoke_tests(run: RunView) -> str:
    """A sentence on the studies whose accuracies are of too few test images; "" if there are none."""
    few = {view.title: remark for view in run.studies.values() if (remark := labels.smoke_test(view.results))}
    if not few:
        return ""
    remarks = " or ".join(dict.fromkeys(few.values())).replace(" or smoke test: accuracies of", " or")
    which = "" if len(few) == len(run.studies) else f" ({', '.join(few)})"
    return f"{remarks[0].upper()}{remarks[1:]}{which}. They show that everything works, not which method is better."


def studies_table(rows: list[dict[str, Any]]) -> Table:
    """The table of these rows, each one of `study_row`."""
    columns = (
        Text("title", "Study"),
        Text("dataset", "Data"),
        Text("resolution", "Resolution"),
        Text("model", "Net"),
        Number("epochs", "Epochs"),
        Text("weights", "Initial weights"),
        Text("seeds", "Seeds"),
        Number("nodes", "Results"),
        Number("dense_top1", "Dense top-1", 2, unit="%", spread="dense_top1_sd"),
        Text("headline", "Headline", prose=True),
    )
    data = pd.DataFrame(rows)
    return Table("Studies of this run", f"{len(data)} studies, {int(data['nodes'].sum())} results", columns, data)
