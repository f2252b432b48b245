"""How far chance goes: between seeds, between test images, between two timings."""

from __future__ import annotations

import pandas as pd

from espalier.analysis import selections
from espalier.analysis.statistics import LEVEL, SEEDS, Estimate, Part
from espalier.analysis.study import StudyView
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import Finding, fact
from espalier.report.table import number


@register(FindingItem("noise", title="How far chance goes", when=selections.compressed, rank=2))
def noise(view: StudyView) -> Finding:
    """What another seed, other test images and another timing may make of the numbers of a study."""
    nets, family = view.nets, len(view.compressed)
    n, images = int(nets["n"].min()), int(nets["test_images"].fillna(0).min())
    spreads = nets.loc[(nets["kind"] == "dense") & (nets["n"] >= SEEDS), "top1_sd"].dropna()
    facts = [fact("seeds", n)]
    facts += [fact("least_sd", spreads.min()), fact("largest_sd", spreads.max())] if len(spreads) else []
    if images:
        one, all_ = least_drop(images), least_drop(images, family)
        facts += [fact("one_image", 100 / images), fact("least_drop", one), fact("least_drop", all_, nets=family)]
    factor = view.latency["noise"].max() if "noise" in view.latency else float("nan")
    facts += [fact("noise", factor)] if pd.notna(factor) else []
    return Finding(
        question="How noisy are these numbers?",
        facts=tuple(facts),
        n=n,
        answer=" ".join(part for part in (_seeds(spreads, n), _one_image(images), _times(factor, view)) if part),
        evidence=_shown(images, family),
        definition="Standard deviations of top-1 over seeds are those of the nets that nothing was done to. The least "
        f"drop that can be shown: if no test image tells two nets apart, the upper {100 * LEVEL:g} % bound (Clopper "
        "and Pearson); of one question about all nets, Holm's correction divides the error by their number at first. "
        "Times: what two copies of one net differ by, timed in turns in one process.",
    )


def least_drop(images: int, family: int = 1) -> float:
    """The upper bound of a drop, in points, if no test image tells two nets apart; of the first of a family of claims.

    >>> round(least_drop(360), 2), round(least_drop(360, 8), 2)  # 1 - 0.05^(1/360), 1 - (0.05 / 8)^(1/360)
    (0.83, 1.4)
    """
    interval = Estimate(0.0, (Part(0.0, 1),), SEEDS, images).interval(1 - 2 * (1 - LEVEL) / family)
    assert interval is not None
    return interval.high


def _seeds(spreads: pd.Series, n: int) -> str:
    if n < SEEDS or spreads.empty:
        return "One seed: what another training would give is not known, and no accuracy has a verdict."
    ends = dict.fromkeys(number(spread, 2) for spread in (spreads.min(), spreads.max()))
    return f"Over {n} seeds, the top-1 of dense nets has a standard deviation of {' to '.join(ends)} points."


def _one_image(images: int) -> str:
    return f"One of the {images:,} test images is {number(100 / images, 2)} points." if images else ""


def _times(factor: float, view: StudyView) -> str:
    if pd.notna(factor):
        return f"Two copies of one net differ by up to {number(factor, 2)} times in time."
    return "" if view.latency.empty else "How far two timings of one net differ was not measured."


def _shown(images: int, family: int) -> str:
    """What the test images cannot show, in words."""
    if not images:
        return "The number of test images is not known."
    one, all_ = (number(least_drop(images, each), 2) for each in (1, family))
    return (
        f"{images:,} test images show of a net that is not ahead on them that it loses at most {one} points at best, "
        f"and in a question about all {family} nets {all_}."
    )
