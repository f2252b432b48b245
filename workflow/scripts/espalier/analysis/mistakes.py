"""What nets get wrong, image by image and class by class, by their stored predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from espalier.analysis.accuracies import mean
from espalier.analysis.study import StudyView


def of_nets(view: StudyView) -> pd.DataFrame:
    """One row for each net of `view.nets`, in their order, means over seeds; all in percent, or points of it:

    calibration_error, agreement  as in outcomes.csv, of the test images
    lost, won                     share of the test images that the reference got right and this net wrong, and the
                                  other way round: their difference is the drop
    by_class                      {class: points of accuracy below the reference}, the class that lost most first

    NaN and {} where predictions were not kept; the last three where a net has no reference, or is one.
    """
    tests = view.outcomes[view.outcomes["split"] == "test"]
    tests = tests.assign(variant=[view.variant_of(node) for node in tests["node"]])
    means = tests.groupby("variant")[["calibration_error", "agreement"]].mean()
    shares = _by_class(view)
    rows = []
    for _, net in view.nets.iterrows():
        reference = view.variant_of(net["reference"])
        compared = reference not in ("", net["variant"])
        lost, won = _changed(view, net) if compared else (np.nan, np.nan)
        by_class = _lost(shares, str(net["variant"]), reference) if compared else {}
        rows.append({"lost": lost, "won": won, "by_class": by_class})
    found = pd.DataFrame(rows, index=view.nets.index, columns=["lost", "won", "by_class"])
    return found.join(means.reindex(view.nets["variant"]).set_axis(found.index))


def _changed(view: StudyView, net: pd.Series) -> tuple[float, float]:
    """What a net got wrong of what its reference got right, and the other way round: shares of the test images."""
    ours, theirs = view.accuracy(net).outcomes, view.reference(net).outcomes
    seeds = ours.keys() & theirs.keys()
    lost = {seed: 100 * float(np.mean(theirs[seed] & ~ours[seed])) for seed in seeds}
    return mean(lost), mean({seed: 100 * float(np.mean(ours[seed] & ~theirs[seed])) for seed in seeds})


def _by_class(view: StudyView) -> pd.DataFrame:
    """The accuracy of each net in percent: a row for each variant and seed, a column for each class."""
    seeds = view.results.set_index("node")["seed"]
    classes = view.classes.assign(
        variant=[view.variant_of(node) for node in view.classes["node"]],
        seed=view.classes["node"].map(seeds),
        share=100 * view.classes["correct"] / view.classes["images"],
    )
    return classes.pivot_table(index=["variant", "seed"], columns="class", values="share", sort=False)


def _lost(shares: pd.DataFrame, variant: str, reference: str) -> dict[str, float]:
    """How many points of its accuracy each class lost, paired by seed."""
    known = shares.index.get_level_values("variant")
    if variant not in known or reference not in known:
        return {}
    lost = (shares.loc[reference] - shares.loc[variant]).mean().dropna()
    return {str(name): float(points) for name, points in lost.sort_values(ascending=False, kind="stable").items()}
