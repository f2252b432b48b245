"""What a finding is, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

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


def reference(nets: pd.DataFrame, results: pd.DataFrame) -> tuple[str, str]:
    """What `drop` of nets (see variants.of) is counted from, in words, and a sentence of caution, if there is need:
    fine-tuned nets have trained for longer than a dense net that was not trained on with them."""
    tuned = nets[nets["after"].notna()]
    alone = tuned["control_top1"].isna()
    if len(tuned) and not alone.any():
        return "the dense net trained as long", ""
    steps = results[(results["step"] == "finetune") & results["prune_type"].notna() & (results["epochs"] > 0)]
    if tuned.empty or steps.empty:
        return "dense", ""
    first = results.set_index("node").loc[steps["root"].iloc[0], "epochs"]
    more = " or ".join(f"{epochs:g}" for epochs in sorted(set(steps["epochs"])))
    words = "The fine-tuned nets" if alone.all() else "Some fine-tuned nets"
    name = "dense" if alone.all() else "dense (trained as long, where that was run)"
    return name, f" {words} trained for longer than dense: {first:g} + {more} epochs against {first:g}."
