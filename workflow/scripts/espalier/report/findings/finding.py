"""What a finding is, and the words that findings share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from espalier.analysis import verdicts
from espalier.report.table import number


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


MARGIN = verdicts.RULE


def decided(one, other) -> str:
    """Whether a net's top-1 is ahead of another's by more than chance: "won", "lost" or "undecided"."""
    return verdicts.Contest(one, other).verdict


def within(limit: float, nets: pd.DataFrame, of: str = "") -> str:
    """ "Within 1 point of dense"; where that is less than one test image, it says so."""
    words = f"Within {limit:g} point{'' if limit == 1 else 's'}{f' of {of}' if of else ''}"
    return words + (f" ({less})" if (less := less_than_an_image(limit, nets)) else "")


def less_than_an_image(limit: float, nets: pd.DataFrame) -> str:
    """A remark on so many points of top-1 where they are less than one test image of these nets; else ""."""
    images = nets.get("test_images", pd.Series(dtype=float)).min()
    return f"less than one of the {images:g} test images" if limit < 100 / images else ""


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


def reference(nets: pd.DataFrame) -> tuple[str, str]:
    """What `drop` of nets (see nets.of) is counted from, in words, and a sentence of caution where some of them did
    not train for as many epochs as that net."""
    longer = nets["reference"] != nets["dense"]
    name = "the dense net trained as long" if len(nets) and longer.all() else "dense"
    if longer.any() and not longer.all():
        name = "dense (trained as long, where that was run)"
    than, caution = "dense" if name == "dense" else "the dense net they are compared with", ""
    for word, others in (("more", nets["trained"] > nets["reference_trained"]),
                         ("fewer", nets["trained"] < nets["reference_trained"])):  # fmt: skip
        if others.any():
            own, of = (_epochs(nets[others][column]) for column in ("trained", "reference_trained"))
            caution += f" {'All' if others.all() else 'Some'} of these nets trained for {word} epochs than {than}: "
            caution += f"{own} against {of}."
    return name, caution


def _epochs(lengths: pd.Series) -> str:
    return " or ".join(f"{epochs:g}" for epochs in sorted(set(lengths)))
