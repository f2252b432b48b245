"""What group lasso does to weights and filters."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import published
from espalier.analysis import selections as when
from espalier.analysis.labels import net_names
from espalier.analysis.registered import masked
from espalier.analysis.study import StudyView
from espalier.analysis.zeros import zeros as zeros_by_filter
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, listed, reference, scatter
from espalier.report.table import number


@register(FindingItem("sparse_filters", title="What a penalty on filters makes zero", when=when.thresholded_penalised))
def sparse_filters(view: StudyView) -> list[Finding]:
    """Weights under the threshold and dead filters, after training with a penalty and without; the net without them."""
    nets = view.pruned
    counted = view.nets_of(when.thresholded_penalised)
    zeros = zeros_by_filter(view).merge(view.results[["node", "variant"]], on="node")
    by_seed = zeros.groupby(["variant", "seed"])["dead"].agg(["sum", "size"])
    dead = {variant: counts.astype(int) for variant, counts in by_seed.groupby("variant")}
    plain, after = counted[counted["penalty"].isna()].iloc[0], counted[counted["penalty"].notna()]
    best = after.loc[after["sparsity"].idxmax()]
    more = best["sparsity"] > plain["sparsity"]
    with_penalty, without = (
        dead[row["variant"]]["sum"].mean() if row["variant"] in dead else 0 for row in (best, plain)
    )
    verdict = "Yes" if more and with_penalty > without else "Weights, but no whole filters" if more else "No"
    shares = (
        f"{number(best['sparsity'], 2)} % of the parameters are under the threshold after {best['penalty']} training"
    )
    return [
        Finding(
            f"Does {best['penalty']} make weights, and whole filters, zero?",
            f"{verdict}: {shares}, {number(plain['sparsity'], 2)} % after plain training; dead filters: "
            f"{_dead(dead, best)} against {_dead(dead, plain)}.",
            f"Threshold {best['threshold']:g}. Top-1 with those weights at zero: {number(best['top1'], 2)}, plain "
            f"{number(plain['top1'], 2)}. {_taken_out(nets)}{scatter(counted).strip()}",
            "Parameters, biases too, whose absolute value is below the threshold; a filter is dead if all its weights "
            "are. Shares are means over the seeds; of dead filters the fewest and the most of a seed are told.",
            _published(view),
            headline=f"{shares}, {number(plain['sparsity'], 2)} % without it; dead filters: {_dead(dead, best)}",
        )
    ]


def _dead(dead: dict, row) -> str:
    if row["variant"] not in dead:
        return "none counted"
    counts = dead[row["variant"]]
    return f"{' to '.join(map(str, sorted({counts['sum'].min(), counts['sum'].max()})))} of {counts['size'].iloc[0]}"


def _taken_out(nets: pd.DataFrame) -> str:
    """The nets that dead filters were physically removed from."""
    smaller = nets[~masked(nets) & nets["threshold"].notna()]
    if smaller.empty:
        return ""
    dense, _ = reference(smaller)
    words = listed(
        f"{row['name']}: {row['compression']:.2f} times fewer parameters, {row['speed_up']:.2f} times fewer MACs, "
        + "top-1 "
        + ", ".join(
            f"{number(row[key], 2)} {when_measured}"
            for key, when_measured in (("before", "right after"), ("after", "after fine-tuning"))
            if pd.notna(row[key])
        )
        + f" ({dense} {number(row['reference_top1'], 2)})"
        for _, row in smaller.assign(name=net_names(smaller)).iterrows()
    )
    return f"With the dead filters taken out, {words}. "


def _published(view: StudyView) -> str:
    counts = published.by_layer(view.config.get("published"))
    counts = counts[counts["layer"] == "all"]
    return "".join(
        f"Run {row['run']}: {100 * row['sparse'] / row['total']:.3f} % ({row['sparse']} of {row['total']}). "
        for _, row in counts.iterrows()
    ).strip()
