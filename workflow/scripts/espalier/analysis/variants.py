"""What is known of each net of a study, for a page on which a reader chooses one: values with the range that each may
have, verdicts at several limits, and where the net stands on each axis of cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan, nan

import pandas as pd

from espalier.analysis import chance, choices, speed
from espalier.analysis.accuracies import Accuracy
from espalier.analysis.nets import compressed, untouched
from espalier.analysis.predictions import image_interval
from espalier.analysis.speed import Gain
from espalier.analysis.statistics import SEEDS, Verdict, half_width, over_seeds
from espalier.analysis.study import StudyView
from espalier.analysis.tradeoffs import Compared, Leads
from espalier.analysis.verdicts import claims_at

LIMITS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)  # points of top-1 that may be lost, at each of which there are verdicts
AXES = ("zipped_bytes", "size_bytes", "ms_per_image", "macs", "params")


@dataclass(frozen=True)
class Range:
    """A value, and between what it lies; NaN where that is not known. of: what the range covers ("seeds", "images": the
    test images alone, "rounds": of calls)."""

    value: float
    low: float = nan
    high: float = nan
    of: str = ""


def top1(accuracy: Accuracy, images: float) -> Range:
    """The mean top-1 of a net with its 95 % interval: Student's over seeds, cut off at 0 and 100 %; with one seed
    Wilson's, which is what the test images leave of this very net."""
    values = accuracy.top1
    mean = over_seeds(values, dict.fromkeys(values, 0.0))
    if mean.n >= SEEDS:
        interval = mean.interval()
        return (
            Range(mean.value, max(interval.low, 0.0), min(interval.high, 100.0), "seeds")
            if interval
            else Range(mean.value)
        )
    return (
        Range(mean.value) if isnan(images) else Range(mean.value, *chance.interval(mean.value, int(images)), "images")
    )


def bars(rows: pd.DataFrame, column: str = "top1") -> tuple[pd.Series, pd.Series]:
    """How far down and up the 95 % interval of each row's mean accuracy goes, for figures: Student's over seeds, cut
    off at 0 and 100 %; with one seed Wilson's, what the test images leave. rows: with the column, its `_sd`, `n` and
    `test_images`."""
    ends = []
    for row in rows.reindex(columns=[column, f"{column}_sd", "n", "test_images"]).itertuples(index=False):
        value, deviation, n, images = map(float, row)
        half = half_width(deviation, int(n)) if n >= SEEDS else nan
        one = n == 1 and not (isnan(value) or isnan(images))
        low, high = chance.interval(value, int(images)) if one else (max(value - half, 0.0), min(value + half, 100.0))
        ends.append((max(value - low, 0.0) if low == low else nan, max(high - value, 0.0) if high == high else nan))
    down, up = zip(*ends, strict=True) if ends else ((), ())
    return pd.Series(down, rows.index, dtype=float), pd.Series(up, rows.index, dtype=float)


def drop(view: StudyView, net: pd.Series) -> Range:
    """How many points a net is below its reference, paired by seed, with the 95 % interval; with one seed what the test
    images leave of these very nets, where their predictions were kept."""
    return _below(view.accuracy(net), view.reference(net))


def lost(view: StudyView, net: pd.Series) -> Range:
    """The same of a pruned net right after pruning, and the reference that it had then."""
    nodes = view.results.set_index("node")["reference"]
    return _below(view.accuracy_of(net["node"]), view.accuracy_of(nodes[net["node"]]))


def _below(net: Accuracy, reference: Accuracy) -> Range:
    difference = reference.less(net)
    if difference.n >= SEEDS:
        interval, of = difference.interval(), "seeds"
    else:
        interval, of = image_interval(reference.outcomes, net.outcomes), "images"
    return Range(difference.value, interval.low, interval.high, of) if interval else Range(difference.value)


def cost(view: StudyView, net: pd.Series, axis: str) -> Range:
    """What a net costs: the mean over seeds, the least and the most; of times, what they may be by the noise."""
    values = _by_seed(view, str(net["variant"]), axis)
    if axis == "ms_per_image" and len(values):
        low, high = (_by_seed(view, str(net["variant"]), end) for end in ("ms_low", "ms_high"))
        return Range(float(values.mean()), float(low.min()), float(high.max()), "rounds")
    return _least_to_most(values)


def times_smaller(view: StudyView, net: pd.Series) -> Range:
    """Zipped file of the reference / that of the net, seed by seed: the mean, the least and the most."""
    reference = str(net["reference_variant"] if pd.notna(net["reference_variant"]) else net["dense_variant"])
    dense, own = (_by_seed(view, variant, "zipped_bytes") for variant in (reference, str(net["variant"])))
    return _least_to_most((dense / own).dropna())


def gain(view: StudyView, net: pd.Series) -> Gain | None:
    """How many times as fast as its baseline a net is at one image a call; None if it was not timed."""
    times = view.times
    times = times[(times["variant"] == net["variant"]) & (times["batch_size"] == 1) & times["speed_up"].notna()]
    return None if times.empty else speed.gain(times)


def candidates(nets: pd.DataFrame) -> pd.DataFrame:
    """The nets about which it is claimed that they are within a limit: those that are compared with a reference, and
    that something was done to."""
    nets = compressed(nets)
    return nets[nets["reference"].notna() & ~untouched(nets)]


def verdicts(view: StudyView, limits: Iterable[float] = LIMITS) -> dict[str, dict[float, Verdict | None]]:
    """By variant and limit, whether a net is at most so many points below its reference: the nets of a study at one
    limit are one family. None: one seed gives no verdict. Nets that nothing was done to are left out."""
    families = claims_at(
        [row for _, row in candidates(view.nets).iterrows()], tuple(limits), view.accuracy, view.reference
    )
    found: dict[str, dict[float, Verdict | None]] = {}
    for limit, claims in families.items():
        for claim in claims:
            found.setdefault(str(claim.net["variant"]), {})[limit] = claim.verdict
    return found


@dataclass(frozen=True)
class Standing:
    """Where nets stand on one axis. of: variant -> the text of a tradeoffs.Standing; over: variant -> those that
    dominate it; best: those that no cheaper one reaches in mean accuracy (choices.Standings), on
    validation images if `validated`; leads: of one net over another."""

    of: dict[str, str]
    over: dict[str, tuple[str, ...]]
    best: frozenset[str]
    leads: Leads
    validated: bool = False


def standing(view: StudyView, axis: str, compared: Compared) -> Standing:
    """The Pareto set on an axis of AXES; without nets where none has a value there. compared: the pairs of nets that
    were compared on other axes."""
    found = choices.standings(view, view.nets, axis, compared)
    return Standing(
        {place.name: str(place.standing) for place in found.places},
        {place.name: place.dominated_by for place in found.places},
        found.best,
        found.leads,
        found.validated,
    )


def _by_seed(view: StudyView, variant: str, column: str) -> pd.Series:
    """A column of the results of a variant, by seed; empty if there is none."""
    if column not in view.by_seed or variant not in view.by_seed.index.get_level_values("variant"):
        return pd.Series(dtype=float)
    return view.by_seed[column].xs(variant, level="variant").dropna().astype(float)


def _least_to_most(values: pd.Series) -> Range:
    if values.empty:
        return Range(nan)
    return Range(float(values.mean()), float(values.min()), float(values.max()), "seeds" if len(values) > 1 else "")
