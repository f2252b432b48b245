"""The questions of the CIFAR-100 documents about structured pruning."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections as when
from espalier.analysis.labels import net_names, pruning_label, retraining_label, way_of
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import MARGIN, Finding, decided, listed, percent, reference, seeds
from espalier.report.table import number

NEAR = 1.0  # points below dense that count as recovered
GROUP = ["penalty", "method", "ratio"]  # prune types are compared where these are the same


@register(FindingItem("filter_wise_wins", title="Whether filter_wise pruning wins", when=when.filters_and_others))
def filter_wise_wins(view: StudyView) -> list[Finding]:
    """Is filter_wise the best prune type, all else equal?"""
    nets, when_measured = _ends(view.nets_of(when.filters_and_others))
    contests = _contests(nets.assign(way=[way_of(row) for _, row in nets.iterrows()]))
    if not contests:
        return []
    kinds = {kind for c in contests for kind in c["types"]}
    cheaper = nets[nets["prune_type"].isin(kinds)].groupby("prune_type", sort=False)["speed_up"].median()
    there = _published(view)
    there = [] if there is None else _contests(there)
    said = f"{_tally(there)}: {_listed(there)}" if there else ""
    count = {result: sum(c["result"] == result for c in contests) for result in ("won", "lost", "undecided")}
    if count["won"] == len(contests):
        verdict = "Yes"
    elif 2 * count["undecided"] > len(contests):
        verdict = "Undecided"
    else:
        verdict = "No" if 2 * count["won"] < len(contests) else "Not always"
    return [
        Finding(
            "Does filter_wise pruning win?",
            f"{verdict}: it is the best in {_tally(contests)}{_unless_tuned(when_measured)}.",
            f"{_listed(contests)} MACs, dense / pruned, median: {listed(f'{k} {v:.2f}' for k, v in cheaper.items())}.",
            f"Top-1 {when_measured} of the prune types at the same penalty, method and asked ratio. filter_wise wins "
            f"if it leads the best other, and loses if that leads it ({seeds(int(nets['n'].min()))}). {MARGIN}",
            said,
        )
    ]


@register(FindingItem("finetuning_recovers", title="Whether fine-tuning recovers the accuracy", when=when.finetuned))
def finetuning_recovers(view: StudyView) -> list[Finding]:
    """How far below dense are the pruned nets before and after fine-tuning?"""
    nets = view.nets_of(when.finetuned)
    nets = nets.assign(name=net_names(nets, pruning_label))
    dense, caution = reference(nets)
    near = int((nets["drop"] <= NEAR).sum())
    lost = (nets["reference_top1"] - nets["before"]).median()
    worst = nets.loc[nets["drop"].idxmax()]
    verdict = "Yes" if near == len(nets) else "Mostly" if 2 * near > len(nets) else "Partly" if near else "No"
    said = ""
    if (there := _published(view)) is not None:
        recovered = (there["drop"] <= NEAR).sum()
        said = f"{recovered} of {len(there)} within {NEAR:g} point of dense."
    return [
        Finding(
            "Does fine-tuning recover what pruning cost?",
            f"{verdict}: {near} of {len(nets)} pruned nets end within {NEAR:g} point of {dense}.{caution}",
            f"Median points below {dense}: {number(lost, 2)} right after pruning, "
            f"{number(nets['drop'].median(), 2)} after fine-tuning. "
            f"The furthest after it: {worst['name']}, {number(worst['drop'], 2)} points.",
            f"Points of top-1 below {dense}, of the same seed ({seeds(int(nets['n'].min()))}); recovered: at most "
            f"{NEAR:g}. Random choice is a baseline, and not counted.",
            said,
        )
    ]


@register(FindingItem("blocks_to_remove", title="How many blocks can go", when=when.blocks_pruned))
def blocks_to_remove(view: StudyView) -> list[Finding]:
    """The most blocks that can be removed within one and two points of dense."""
    nets, when_measured = _ends(view.nets_of(when.blocks_pruned))
    dense, caution = reference(nets)
    there = _published(view)
    return [
        Finding(
            "How many residual blocks can go?",
            f"{_most(nets, dense)}{_unless_tuned(when_measured)}.{caution}",
            "; ".join(map(_blocks, nets.to_dict("records")))
            + f"; {dense} {' or '.join(number(top1, 2) for top1 in dict.fromkeys(nets['reference_top1']))}.",
            f"The largest N, by any method but random choice, whose top-1 {when_measured} is at most so many "
            f"points below {dense} ({seeds(int(nets['n'].min()))}).",
            f"{_most(there)}." if there is not None else "",
        )
    ]


def _ends(nets: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The nets to judge, and when: fine-tuned ones; all of them right after pruning, if none was fine-tuned."""
    tuned = nets[nets["after"].notna()]
    return (tuned, "after fine-tuning") if len(tuned) else (nets, "right after pruning")


def _unless_tuned(when_measured: str) -> str:
    return "" if when_measured == "after fine-tuning" else f", {when_measured} (nothing was fine-tuned)"


def _blocks(row: dict) -> str:
    """A net without some of its blocks."""
    tops = {"before": row["before"], "after fine-tuning": row["after"]}
    how = ", ".join(words for words in (f"{row['method']} N={row['blocks']:g}", retraining_label(row)) if words)
    return f"{how} ({percent(row['actual_ratio'])} of the blocks): " + ", ".join(
        f"{number(top1, 2)} {name}" for name, top1 in tops.items() if pd.notna(top1)
    )


def _most(nets: pd.DataFrame, dense: str = "dense") -> str:
    most = {limit: nets["blocks"].astype(float)[nets["drop"] <= limit].max() for limit in (1, 2)}
    return listed(
        f"{'None' if pd.isna(n) else f'{n:g}'} within {limit} point{'s' * (limit > 1)} of {dense}"
        for limit, n in most.items()
    )


def _contests(nets: pd.DataFrame) -> list[dict]:
    """One entry for each group in which filter_wise stands against others: its name, the accuracies, the result."""
    contests = []
    nets = nets[nets["ratio"].notna()]
    for key, rows in nets.groupby([*GROUP, *(["way"] if "way" in nets else [])], sort=False, dropna=False):
        rows = rows.sort_values("top1", ascending=False, kind="stable").drop_duplicates("prune_type")
        own = rows["prune_type"] == "filter_wise"
        if len(rows) < 2 or not own.any():
            continue
        two = [rows[own].iloc[0], rows[~own].iloc[0]]
        penalty, method, ratio = key[:3]
        name = f"{method} {float(ratio):.2f}" + (f" ({penalty} training)" if nets["penalty"].nunique() > 1 else "")
        name += f", {said}" if "way" in rows and (said := retraining_label(rows.iloc[0])) else ""
        words = ", ".join(f"{row['prune_type']} {number(row['top1'], 2)}" for _, row in rows.iterrows())
        contests.append({"name": name, "words": words, "result": decided(*two), "types": list(rows["prune_type"])})
    return contests


def _tally(contests: list[dict]) -> str:
    won, undecided = (sum(c["result"] == result for c in contests) for result in ("won", "undecided"))
    return f"{won} of {len(contests)} comparisons" + (f", {undecided} undecided" if undecided else "")


def _listed(contests: list[dict]) -> str:
    return " ".join(f"{c['name']}: {c['words']}." for c in contests)


def _published(view: StudyView) -> pd.DataFrame | None:
    """The published nets that were pruned at once, in the form of `nets.pruned`, if there are any beside a dense
    one."""
    if view.published is None:
        return None
    rows = view.published
    dense = rows[(rows["kind"] == "training") & rows["penalty"].isna()]["top1"]
    if dense.empty:
        return None
    rows = rows[(rows["kind"] == "pruning") & (rows["schedule"] != "gradual") & rows["top1"].notna()]
    if rows.empty:
        return None
    images = view.source.test_images
    return rows.assign(after=rows["top1"], drop=dense.iloc[0] - rows["top1"], test_images=images)
