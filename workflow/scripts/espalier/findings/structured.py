"""The questions of the CIFAR-100 documents about structured pruning."""

from __future__ import annotations

import pandas as pd

from espalier import published, variants, when
from espalier.findings.finding import Finding, finding, listed, percent, seeds
from espalier.html import number
from espalier.tidy import Tidy, related

NEAR = 1.0  # points below dense that count as recovered
GROUP = ["penalty", "method", "ratio"]  # prune types are compared where these are the same


@finding("filter_wise_wins", title="Whether filter_wise pruning wins", when=when.filters_and_others)
def filter_wise_wins(tidy: Tidy, study: dict) -> list[Finding]:
    """Is filter_wise the best prune type, all else equal?"""
    nets = variants.pruned(tidy.results)
    contests = _contests(nets)
    if not contests:
        return []
    won = [c for c in contests if c["won"]]
    cheaper = nets[nets["prune_type"].isin(contests[0]["types"])].groupby("prune_type", sort=False)["speed_up"].median()
    there = _published(study)
    there = [] if there is None else _contests(there)
    verdict = "Yes" if len(won) == len(contests) else "No" if 2 * len(won) < len(contests) else "Not always"
    return [
        Finding(
            "Does filter_wise pruning win?",
            f"{verdict}: it is the best in {len(won)} of {len(contests)} comparisons.",
            " ".join(f"{c['name']}: {c['words']}." for c in contests)
            + f" MACs, dense / pruned, median: {listed(f'{k} {v:.2f}' for k, v in cheaper.items())}.",
            "Top-1 after fine-tuning of the prune types at the same penalty, method and asked ratio. filter_wise "
            "wins if it is ahead of the second by more than the larger of their standard deviations "
            f"({seeds(int(nets['n'].min()))}).",
            f"{sum(c['won'] for c in there)} of {len(there)} comparisons: "
            + " ".join(f"{c['name']}: {c['words']}." for c in there)
            if there
            else "",
        )
    ]


@finding("finetuning_recovers", title="Whether fine-tuning recovers the accuracy", when=when.finetuned)
def finetuning_recovers(tidy: Tidy, study: dict) -> list[Finding]:
    """How far below dense are the pruned nets before and after fine-tuning?"""
    nets = variants.pruned(tidy.results)
    nets = nets[nets["after"].notna()]
    near = int((nets["drop"] <= NEAR).sum())
    lost = (nets["dense_top1"] - nets["before"]).median()
    worst = nets.loc[nets["drop"].idxmax()]
    verdict = "Yes" if near == len(nets) else "Mostly" if 2 * near > len(nets) else "Partly" if near else "No"
    said = ""
    if (there := _published(study)) is not None:
        recovered = (there["dense_top1"] - there["after"] <= NEAR).sum()
        said = f"{recovered} of {len(there)} within {NEAR:g} point of dense."
    return [
        Finding(
            "Does fine-tuning recover what pruning cost?",
            f"{verdict}: {near} of {len(nets)} pruned nets end within {NEAR:g} point of dense.",
            f"Median points below dense: {number(lost, 2)} right after pruning, "
            f"{number(nets['drop'].median(), 2)} after fine-tuning. The furthest after it: "
            f"{variants.pruning_label(worst)}, {number(worst['drop'], 2)} points.",
            f"Points of top-1 below the dense net of the same seed ({seeds(int(nets['n'].min()))}); recovered: at most "
            f"{NEAR:g}. The pruned nets have trained for longer: {_epochs(tidy.results)}.",
            said,
        )
    ]


@finding("blocks_to_remove", title="How many blocks can go", when=when.blocks_pruned)
def blocks_to_remove(tidy: Tidy, study: dict) -> list[Finding]:
    """The most blocks that can be removed within one and two points of dense."""
    nets = variants.pruned(tidy.results)
    nets = nets[nets["blocks"].notna()]
    there = _published(study)
    return [
        Finding(
            "How many residual blocks can go?",
            f"{_most(nets)}.",
            "; ".join(
                f"{row['method']} N={row['blocks']:g} ({percent(row['actual_ratio'])} of the blocks): "
                f"{number(row['before'], 2)} before, {number(row['after'], 2)} after fine-tuning, dense "
                f"{number(row['dense_top1'], 2)}"
                for _, row in nets.iterrows()
            )
            + ".",
            "The largest N, by any method, whose top-1 after fine-tuning is at most so many points below dense "
            f"({seeds(int(nets['n'].min()))}).",
            f"{_most(there)}." if there is not None else "",
        )
    ]


def _epochs(results: pd.DataFrame) -> str:
    """How long dense and fine-tuned nets were trained."""
    tuned = results[results["step"] == "finetune"]
    first, more = related(results, "root", "epochs").loc[tuned.index].iloc[0], tuned["epochs"].iloc[0]
    return f"{first:g} + {more:g} epochs against {first:g}"


def _most(nets: pd.DataFrame) -> str:
    drop = nets["dense_top1"] - nets["after"]
    most = {limit: nets["blocks"].astype(float)[drop <= limit].max() for limit in (1, 2)}
    return listed(
        f"{'None' if pd.isna(n) else f'{n:g}'} within {limit} point{'s' * (limit > 1)} of dense"
        for limit, n in most.items()
    )


def _contests(nets: pd.DataFrame) -> list[dict]:
    """One entry for each group in which filter_wise stands against others: its name, the accuracies, who won."""
    contests = []
    for key, rows in nets[nets["ratio"].notna()].groupby(GROUP, sort=False, dropna=False):
        rows = rows.sort_values("after", ascending=False, kind="stable")
        if len(rows) < 2 or "filter_wise" not in set(rows["prune_type"]):
            continue
        lead = rows["after"].iloc[0] - rows["after"].iloc[1]
        spread = rows["after_sd"].iloc[:2].max() if "after_sd" in rows else float("nan")
        clear = lead > (0 if pd.isna(spread) else spread)
        penalty, method, ratio = key
        name = f"{method} {float(ratio):.2f}" + (f" ({penalty} training)" if nets["penalty"].nunique() > 1 else "")
        words = ", ".join(f"{row['prune_type']} {number(row['after'], 2)}" for _, row in rows.iterrows())
        won = bool(clear and rows["prune_type"].iloc[0] == "filter_wise")
        contests.append({"name": name, "words": words, "won": won, "types": list(rows["prune_type"])})
    return contests


def _published(study: dict) -> pd.DataFrame | None:
    """The published pruned nets in the form of `variants.pruned`, if there are any beside a dense one."""
    if not study.get("published"):
        return None
    rows = published.frame(study["published"])
    dense = rows[(rows["kind"] == "training") & rows["penalty"].isna()]["top1"]
    if dense.empty:
        return None
    return rows[rows["kind"] == "pruning"].assign(after=lambda pruned: pruned["top1"], dense_top1=dense.iloc[0])
