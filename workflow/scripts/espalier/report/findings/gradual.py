"""Pruning while a net is trained: how much sparsity it stands, and what the wrappers weigh."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.statistics import Verdict
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import ONE_SEED, WITHIN_RULE, Claim
from espalier.columns import MIB
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import PUBLISHED, Fact, Finding, fact, fact_of_claim
from espalier.report.findings.words import (
    below,
    claims_of,
    comparable,
    interval,
    listed,
    percent,
    reference,
    scatter,
)
from espalier.report.table import number

COLLAPSE = 5.0  # points of top-1 below dense


@register(FindingItem("collapse", title="Whether accuracy collapses at high sparsity", when=selections.gradual_ratios))
def collapse(view: StudyView) -> Finding | None:
    """Does the sparsest of the gradually pruned nets lose more than COLLAPSE points?"""
    nets = _by_ratio(view.nets_of(selections.gradual_ratios))
    dense, caution = reference(nets)
    held, published = comparable(nets), _published(view)
    claims = claims_of(view, held, COLLAPSE)
    if not claims:
        return None
    last = claims[-1]
    place = f"accuracy is {below(last.drop)} {dense}"
    return Finding(
        question=f"Does accuracy collapse at {_at(last.net)} sparsity?",
        facts=(*_drops(claims), *(replace(drop, source=PUBLISHED) for drop in _published_drops(published))),
        verdict=last.verdict and OPPOSITE[last.verdict],
        n=last.n,
        answer=f"{_collapse_word(last.verdict)}: at {_at(last.net)} {place}"
        f"{interval(last.bounds, ', bounds of the drop ')}"
        f"{_from(claims)}.{caution}{scatter(held)}",
        evidence=f"Top-1: {_accuracies(nets)}; {dense} {number(last.net['reference_top1'], 2)}.",
        definition=f"It collapses if the sparsest net's top-1 is more than {COLLAPSE:g} points below {dense}, and does "
        f"not if the claim of at most {COLLAPSE:g} holds. {WITHIN_RULE}",
        published=_published_words(published),
    )


OPPOSITE = {
    Verdict.WON: Verdict.LOST,
    Verdict.LOST: Verdict.WON,
    Verdict.UNDECIDED: Verdict.UNDECIDED,
}  # the claim is that it does not collapse


def _collapse_word(claim: Verdict | None) -> str:
    words = {Verdict.WON: "No", Verdict.LOST: "Yes", Verdict.UNDECIDED: "Cannot be told"}
    return ONE_SEED.capitalize() if claim is None else words[claim]


def _by_ratio(nets: pd.DataFrame) -> pd.DataFrame:
    return nets.sort_values("ratio", key=lambda ratios: ratios.astype(float), kind="stable")


def _drops(claims: list[Claim]) -> list[Fact]:
    """Top-1 of each sparsity, and how far it is below that of the dense net."""
    return [
        each
        for claim in claims
        for ratio in [float(claim.net["ratio"])]
        for each in (fact("top1", claim.net["top1"], ratio=ratio), fact_of_claim(claim, "collapse", ratio=ratio))
    ]


def _published_drops(nets: pd.DataFrame) -> list[Fact]:
    return [fact(name, row[name], ratio=float(row["ratio"])) for _, row in nets.iterrows() for name in ("top1", "drop")]


def _from(claims: list[Claim]) -> str:
    """From which sparsity on it is shown that so much is lost, if that is not the last one alone."""
    collapsed = [claim for claim in claims if claim.verdict == Verdict.LOST]
    last = not collapsed or collapsed[0] is claims[-1]
    return "" if last else f"; from {_at(collapsed[0].net)} on more than {COLLAPSE:g} points are lost"


def _accuracies(nets: pd.DataFrame) -> str:
    return ", ".join(f"{_at(row)} {number(row['top1'], 2)}" for _, row in nets.iterrows())


def _published(view: StudyView) -> pd.DataFrame:
    """The published nets of two and more sparsities, in the order of these, with `drop`: how far each is below the best
    of them. Of the dense net no accuracy may be printed."""
    rows = _published_gradual(view)
    rows = _by_ratio(rows[rows["ratio"].notna()])
    return rows.assign(drop=rows["top1"].max() - rows["top1"]) if len(rows) > 1 else rows[:0]


def _published_gradual(view: StudyView) -> pd.DataFrame:
    """The published nets that were pruned while they were trained."""
    if view.published is None:
        return pd.DataFrame(columns=["ratio"])
    rows = view.published
    return rows[(rows["schedule"] == "gradual") & (rows["kind"] == "pruning")]


def _published_words(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    best, last = rows.loc[rows["top1"].idxmax()], rows.iloc[-1]
    verdict = "By its numbers yes" if last["drop"] > COLLAPSE else "By its numbers no"
    lost = f"{number(last['drop'], 2)} points below that of {_at(best)}"
    return f"{verdict}, {ONE_SEED}: at {_at(last)} it is {lost}: {_accuracies(rows)}."


@register(FindingItem("wrappers", title="What training wrappers weigh", when=selections.gradual))
def wrappers(view: StudyView) -> Finding | None:
    """The file before the wrappers and the optimizer are taken out, and after."""
    nets = view.nets_of(selections.gradual)
    nets = nets[nets["wrapped_bytes"].notna() & nets["h5_bytes"].notna()]
    if nets.empty:
        return None
    dense = view.nets.set_index("node").loc[nets["reference"].fillna(nets["dense"]).iloc[0]]
    facts = (*_sizes(nets, dense), *_published_sizes(view))
    params, wrapped = nets.iloc[0]["params"], nets.iloc[0]["wrapped_params"]
    return Finding(
        question="Does pruning make the saved file smaller?",
        facts=(*facts, fact("params", params), fact("wrapped_params", wrapped)),
        n=int(nets["n"].min()),
        answer=_size_words(nets, dense),
        evidence=f"Parameters: {number(params)} stripped, {number(wrapped)} wrapped.",
        definition="Sizes of .h5 files: as saved after training, with wrappers and optimizer, and after both were "
        "taken out (medians over the sparsities, which do not change them); zipped with deflate.",
        published=_published_size_words(view),
    )


def _sizes(nets: pd.DataFrame, dense: pd.Series) -> list[Fact]:
    """Bytes of the files: with wrappers, stripped, and of the dense net; zipped, by sparsity."""
    return [
        fact("wrapped_bytes", nets["wrapped_bytes"].median()),
        fact("stripped_bytes", nets["h5_bytes"].median()),
        fact("dense_bytes", dense["h5_bytes"]),
        fact("dense_zipped_bytes", dense["h5_zipped_bytes"]),
        *(fact("zipped_bytes", row["h5_zipped_bytes"], ratio=float(row["ratio"])) for _, row in nets.iterrows()),
    ]


def _size_words(nets: pd.DataFrame, dense: pd.Series) -> str:
    before, after = nets["wrapped_bytes"].median(), nets["h5_bytes"].median()
    zipped = listed(f"{_mib(row['h5_zipped_bytes'])} at {_at(row)}" for _, row in nets.iterrows())
    return (
        f"Only zipped, and stripped: with training wrappers and optimizer the file has {_mib(before)}, "
        f"{before / after:.1f} times the {_mib(after)} of the stripped one; the dense net's has "
        f"{_mib(dense['h5_bytes'])}. Zipped, the stripped file has {zipped}, the dense net's "
        f"{_mib(dense['h5_zipped_bytes'])}."
    )


def _published_files(view: StudyView) -> tuple[pd.Series, pd.Series] | None:
    """The files that were compared: of the first published net that was pruned gradually, and of the dense net."""
    pruned = _published_gradual(view)
    if "size_mb" not in pruned or "model" not in pruned or pruned.empty or view.published is None:
        return None
    dense = view.published[view.published["kind"] == "training"]
    return None if dense.empty else (pruned.iloc[0], dense.iloc[0])


def _published_sizes(view: StudyView) -> list[Fact]:
    files = _published_files(view)
    if files is None:
        return []
    names = {"wrapped": files[0], "dense": files[1]}
    sizes = [fact(f"{name}_bytes", row["size_mb"] * MIB) for name, row in names.items()]
    sizes += [fact(f"{name}_zipped_bytes", row["zipped_mb"] * MIB) for name, row in names.items()]
    return [replace(size, source=PUBLISHED) for size in sizes]


def _published_size_words(view: StudyView) -> str:
    files = _published_files(view)
    if files is None:
        return ""
    pruned, dense = files
    larger = ": most likely a file with wrappers and optimizer" if pruned["size_mb"] > dense["size_mb"] else ""
    return (
        f"{pruned['size_mb']:.2f} MiB pruned against {dense['size_mb']:.2f} MiB unpruned{larger}. "
        f"Zipped: {pruned['zipped_mb']:.2f} MiB against {dense['zipped_mb']:.2f} MiB."
    )


def _at(row: pd.Series) -> str:
    return percent(float(row["ratio"]))


def _mib(size: float) -> str:
    return f"{number(size / MIB, 2)} MiB"
