"""What a finding is, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from espalier.html import number
from espalier.registry import register


@dataclass(frozen=True)
class Finding:
    """A question of a document, answered by numbers of the records.

    answer: in a few words; evidence: the numbers; definition: how the answer follows from them; published: what the
    published figures say by the same definition ("" where there are none); headline: the answer as it stands beside the
    study's name on the first page ("" if it does not).
    """

    question: str
    answer: str
    evidence: str
    definition: str
    published: str = ""
    headline: str = ""


def finding(name: str, *, title: str, when: Callable, rank: int = 0) -> Callable:
    """Decorator: register a function as a finding.

    A decorator of its own, so that the digest of a job's code (espalier.code) covers all findings: tables ask for those
    that fit a study, not for one by name.
    """
    return register(name, kind="finding", title=title, when=when, rank=rank)


def listed(parts: Iterable[str], none: str = "none") -> str:
    """ "a", "a and b", "a, b and c"."""
    parts = list(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else (parts[0] if parts else none)


def percent(share: float) -> str:
    """A ratio between 0 and 1 as the documents write it: "60 %", not to be broken."""
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def seeds(n: int) -> str:
    """How far a comparison can be trusted."""
    return f"mean of {n} seeds" if n > 1 else "one seed, so no spread is known"


MARGIN = (
    "A lead counts if it is larger than the larger of their standard deviations over seeds; with one seed, of the "
    "standard errors that the number of test images leaves, sqrt(p (100 - p) / images). A smaller one is undecided."
)


def scatter(nets: pd.DataFrame) -> str:
    """A sentence on how fine differences of these nets' accuracies can be; it begins with a space."""
    images = nets.get("test_images", pd.Series(dtype=float)).dropna()
    parts = ["one seed was run"] if nets["n"].min() == 1 else [seeds(int(nets["n"].min()))]
    if len(images):
        parts.append(f"one of the {images.iloc[0]:g} test images is {number(100 / images.iloc[0], 2)} points")
    words = " and ".join(parts)
    return (
        f" {words[0].upper()}{words[1:]}: smaller differences say nothing."
        if len(images)
        else f" {words.capitalize()}."
    )


def reference(nets: pd.DataFrame, results: pd.DataFrame) -> tuple[str, str]:
    """What `drop` of nets (see variants.of) is counted from, in words, and a sentence of caution, if there is need:
    fine-tuned nets, and those pruned while they were trained, have trained for longer than a dense net that was not
    trained on with them."""
    tuned = nets[nets["after"].notna()]
    alone = tuned["control_top1"].isna()
    if len(tuned) and not alone.any():
        return "the dense net trained as long", ""
    trained_on = (results["step"] == "finetune") | ((results["step"] == "prune") & (results["schedule"] == "gradual"))
    steps = results[trained_on & results["prune_type"].notna() & (results["epochs"] > 0)]
    if tuned.empty or steps.empty:
        return "dense", ""
    first = results.set_index("node").loc[steps["root"].iloc[0], "epochs"]
    more = " or ".join(f"{epochs:g}" for epochs in sorted(set(steps["epochs"])))
    nets = "fine-tuned nets" if (steps["step"] == "finetune").all() else "pruned nets"
    words = f"The {nets}" if alone.all() else f"Some {nets}"
    name = "dense" if alone.all() else "dense (trained as long, where that was run)"
    return name, f" {words} trained for longer than dense: {first:g} + {more} epochs against {first:g}."
