"""The accuracy of the nets of a study, seed by seed: what verdicts are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from espalier.analysis.predictions import Outcomes, over_images
from espalier.analysis.statistics import Estimate, Values, over_seeds
from espalier.analysis.tidy import Tidy, correct_images


@dataclass(frozen=True)
class Accuracy:
    """Of one net (a variant of a study, or a published one) what was measured with each seed.

    top1        accuracy on the test images, percent
    validation  the same on the validation images; empty where it is not known
    outcomes    whether each test image was classified correctly; empty where the predictions were not kept
    """

    top1: Values
    validation: Values = field(default_factory=dict)
    outcomes: Outcomes = field(default_factory=dict)

    def less(self, other: Accuracy) -> Estimate:
        """This net's top-1 less that of the other, in points, paired by seed. The error covers new test images too
        where the predictions of both nets are there for each seed that both have; else it is for these images alone.

        >>> lead = Accuracy({0: 91.0, 1: 92.0}).less(Accuracy({0: 90.0, 1: 90.0}))
        >>> lead.value, lead.n, lead.images
        (1.5, 2, None)
        """
        seeds = self.top1.keys() & other.top1.keys()
        if seeds and seeds <= self.outcomes.keys() & other.outcomes.keys():
            pair = [{seed: net.outcomes[seed] for seed in seeds} for net in (self, other)]
            if len({len(correct) for net in pair for correct in net.values()}) == 1:
                return over_images(*pair)
        return over_seeds(self.top1, other.top1)


NOT_MEASURED = Accuracy({})


def of_published(top1: float) -> Accuracy:
    """A published accuracy: that of one run, so that no verdict follows from it."""
    return NOT_MEASURED if pd.isna(top1) else Accuracy({0: float(top1)})


def of_variants(tidy: Tidy) -> dict[str, Accuracy]:
    """The accuracy of each variant of a study. tidy: the tables of the study."""
    correct = {(row["node"], row["split"]): correct_images(row) for row in tidy.outcomes.to_dict("records")}
    return {str(variant): _accuracy(rows, correct) for variant, rows in tidy.results.groupby("variant", sort=False)}


def _accuracy(rows: pd.DataFrame, correct: Mapping[tuple[str, str], np.ndarray]) -> Accuracy:
    """rows: of one variant, one for each seed; correct: of a node and a split, which images."""
    nodes = dict(zip(rows["seed"].astype(int), rows["node"], strict=True))
    splits = {
        split: {seed: correct[node, split] for seed, node in nodes.items() if (node, split) in correct}
        for split in ("test", "validation")
    }
    return Accuracy(
        top1=dict(zip(nodes, rows["top1"].astype(float), strict=True)),
        validation={seed: 100 * float(images.mean()) for seed, images in splits["validation"].items()},
        outcomes=splits["test"],
    )


def mean(values: Mapping[int, float]) -> float:
    """The mean over seeds; NaN if there are none."""
    return sum(values.values()) / len(values) if values else float("nan")
