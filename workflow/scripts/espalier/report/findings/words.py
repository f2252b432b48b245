"""Words that findings share."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from espalier.analysis.statistics import Verdict
from espalier.report.table import number


def listed(parts: Iterable[str], none: str = "none") -> str:
    """Parts in a row.

    >>> listed(["a", "b", "c"]), listed(["a"]), listed([])
    ('a, b and c', 'a', 'none')
    """
    parts = list(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else (parts[0] if parts else none)


def percent(share: float) -> str:
    """A share between 0 and 1, "60 %", with a space that is not broken.

    >>> percent(0.0625)
    '6.25\\xa0%'
    """
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def points(limit: float) -> str:
    """Points of top-1.

    >>> points(1), points(0.5)
    ('1 point', '0.5 points')
    """
    return f"{limit:g} point{'' if limit == 1 else 's'}"


def seeds(n: int) -> str:
    """How far a comparison can be trusted."""
    return f"mean of {n} seeds" if n > 1 else "one seed, so no spread is known"


def comparisons(counts: dict[str, int], behind: str = "lost") -> str:
    """How many comparisons were won, and what became of the others.

    >>> comparisons({"won": 1, "undecided": 2, "lost": 0})
    '1 of 3 comparisons (2 undecided)'
    """
    names = {Verdict.UNDECIDED: "undecided", Verdict.LOST: behind}
    others = [f"{counts[verdict]} {name}" for verdict, name in names.items() if counts[verdict]]
    words = f"{counts[Verdict.WON]} of {sum(counts.values())} comparisons"
    return words + (f" ({', '.join(others)})" if others else "")


def within(limit: float, nets: pd.DataFrame, of: str = "") -> str:
    """ "Within 1 point of dense"; where that is less than one test image, it says so."""
    words = f"Within {points(limit)}{f' of {of}' if of else ''}"
    return words + (f" ({less})" if (less := less_than_an_image(limit, nets)) else "")


def less_than_an_image(limit: float, nets: pd.DataFrame) -> str:
    """A remark on so many points of top-1 where they are less than one test image of these nets; else ""."""
    images = nets["test_images"].min() if "test_images" in nets else float("nan")
    return f"less than one of the {images:g} test images" if limit < 100 / images else ""


def scatter(nets: pd.DataFrame) -> str:
    """A sentence on how small a difference of these nets' accuracies can be; it begins with a space."""
    images = nets["test_images"].dropna() if "test_images" in nets else pd.Series(dtype=float)
    n = int(nets["n"].min())
    words = "one seed was run" if n == 1 else seeds(n)
    if images.empty:
        return f" {words.capitalize()}."
    step = f"one of the {images.iloc[0]:g} test images is {number(100 / images.iloc[0], 2)} points"
    return f" {words[0].upper()}{words[1:]} and {step}: smaller differences say nothing."


def reference(nets: pd.DataFrame) -> tuple[str, str]:
    """What `drop` of nets (see nets.of) is counted from, in words, and a sentence of caution where some of them did
    not train for as many epochs as that net."""
    longer = nets["reference"] != nets["dense"]
    name = "the dense net trained as long" if len(nets) and longer.all() else "dense"
    if longer.any() and not longer.all():
        name = "dense (trained as long, where that was run)"
    than = "dense" if name == "dense" else "the dense net they are compared with"
    more, fewer = nets["trained"] > nets["reference_trained"], nets["trained"] < nets["reference_trained"]
    cautions = [_caution(nets, others, word, than) for word, others in (("more", more), ("fewer", fewer))]
    return name, "".join(cautions)


def _caution(nets: pd.DataFrame, others: pd.Series, word: str, than: str) -> str:
    """A sentence on nets that trained for more or fewer epochs than their reference; it begins with a space."""
    if not others.any():
        return ""
    trained, of_reference = (_epochs(nets[others][column]) for column in ("trained", "reference_trained"))
    which = "All" if others.all() else "Some"
    return f" {which} of these nets trained for {word} epochs than {than}: {trained} against {of_reference}."


def _epochs(lengths: pd.Series) -> str:
    return " or ".join(f"{epochs:g}" for epochs in sorted(set(lengths)))
