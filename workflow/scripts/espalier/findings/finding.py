"""What a finding is, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

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
