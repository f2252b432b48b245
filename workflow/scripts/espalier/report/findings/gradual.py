"""Pruning while a net is trained: how much sparsity it stands, and what the wrappers weigh."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.study import StudyView
from espalier.analysis.tidy import MIB
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, listed, percent, reference, scatter
from espalier.report.table import number

COLLAPSE = 5.0  # points of top-1 below dense


@register(FindingItem("collapse", title="Whether accuracy collapses at high sparsity", when=when.gradual_ratios))
def collapse(view: StudyView) -> list[Finding]:
    """Does the sparsest of the gradually pruned nets lose more than COLLAPSE points?"""
    nets = _nets(view)
    nets = nets.sort_values("ratio", key=lambda ratios: ratios.astype(float), kind="stable")
    dense, caution = reference(nets)
    most, fallen = nets.iloc[-1], nets[nets["drop"] > COLLAPSE]
    lost = most["drop"]
    place = f"{number(abs(lost), 2)} points {'below' if lost > 0 else 'above'}" if lost else "that of"
    if lost > COLLAPSE:
        first = fallen.iloc[0]["ratio"]
        more = f"; from {percent(float(first))} on it has lost more than {COLLAPSE:g}" if first != most["ratio"] else ""
        answer = f"Yes: at {_at(most)} accuracy is {place} {dense}{more}."
    else:
        answer = f"No: at {_at(most)} accuracy is {place} {dense}."
    return [
        Finding(
            f"Does accuracy collapse at {_at(most)} sparsity?",
            answer + caution + scatter(nets),
            "Top-1: "
            + ", ".join(f"{_at(row)} {number(row['top1'], 2)}" for _, row in nets.iterrows())
            + f"; {dense} {number(most['reference_top1'], 2)}.",
            f"It collapses if the sparsest net's top-1 is more than {COLLAPSE:g} points below {dense}.",
            _published(view),
            headline=f"At {_at(most)} sparsity accuracy is {place} {dense}",
        )
    ]


@register(FindingItem("wrappers", title="What training wrappers weigh", when=when.gradual))
def wrappers(view: StudyView) -> list[Finding]:
    """The file before the wrappers and the optimizer are taken out, and after."""
    nets = _nets(view)
    nets = nets[nets["wrapped_bytes"].notna() & nets["h5_bytes"].notna()]
    if nets.empty:
        return []
    sizes = view.nets.set_index("node")
    dense = sizes.loc[nets["reference"].iloc[0]]
    before, after = nets["wrapped_bytes"].median(), nets["h5_bytes"].median()
    return [
        Finding(
            "Does pruning make the saved file smaller?",
            f"Only zipped, and stripped: with training wrappers and optimizer the file has {_mib(before)}, "
            f"{before / after:.1f} times the {_mib(after)} of the stripped one; the dense net's has "
            f"{_mib(dense['h5_bytes'])}. Zipped, the stripped file has "
            + listed(f"{_mib(row['h5_zipped_bytes'])} at {_at(row)}" for _, row in nets.iterrows())
            + f", the dense net's {_mib(dense['h5_zipped_bytes'])}.",
            f"Parameters: {number(nets.iloc[0]['params'])} stripped, {number(nets.iloc[0]['wrapped_params'])} wrapped.",
            "Sizes of .h5 files: as saved after training, with wrappers and optimizer, and after both were taken out "
            "(medians over the sparsities, which do not change them); zipped with deflate.",
            _compared(view),
        )
    ]


def _nets(view: StudyView) -> pd.DataFrame:
    nets = view.pruned
    return nets[(nets["schedule"] == "gradual") & ~nets["chain"].str.contains("finetune")]


def _at(row) -> str:
    return percent(float(row["ratio"]))


def _mib(size: float) -> str:
    return f"{number(size / MIB, 2)} MiB"


def _rows(view: StudyView) -> pd.DataFrame:
    """The published nets that were pruned while they were trained."""
    rows = pd.DataFrame(columns=["schedule", "kind"]) if view.published is None else view.published
    return rows[(rows["schedule"] == "gradual") & (rows["kind"] == "pruning")]


def _published(view: StudyView) -> str:
    """The published accuracies by sparsity, against the best of them: of the dense net none may be printed."""
    rows = _rows(view)
    rows = rows[rows["ratio"].notna()] if len(rows) else rows
    if len(rows) < 2:
        return ""
    rows = rows.sort_values("ratio", key=lambda ratios: ratios.astype(float), kind="stable")
    best, last = rows.loc[rows["top1"].idxmax()], rows.iloc[-1]
    lost = best["top1"] - last["top1"]
    words = ", ".join(f"{_at(row)} {number(row['top1'], 2)}" for _, row in rows.iterrows())
    verdict = "Yes" if lost > COLLAPSE else "No"
    return f"{verdict}: at {_at(last)} it is {number(lost, 2)} points below that of {_at(best)}: {words}."


def _compared(view: StudyView) -> str:
    """What the document compared: a pruned file with wrappers against an unpruned one without."""
    rows = _rows(view)
    if "size_mb" not in rows or "model" not in rows or rows.empty:
        return ""
    everything = view.published
    dense, pruned = everything[everything["kind"] == "training"], rows.iloc[0]
    if dense.empty:
        return ""
    dense = dense.iloc[0]
    words = f"{pruned['size_mb']:.2f} MiB pruned against {dense['size_mb']:.2f} MiB unpruned"
    with_them = (
        ": the document compared a file with wrappers and optimizer" if pruned["size_mb"] > dense["size_mb"] else ""
    )
    return f"{words}{with_them}. Zipped: {pruned['zipped_mb']:.2f} MiB against {dense['zipped_mb']:.2f} MiB."
