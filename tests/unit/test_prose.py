"""The numbers in the prose of README.md and report/reference/README.md are those of the committed CSV files.

A row of CLAIMS is a file, a sentence with a {} for each number, and what computes the numbers, in their order. Changing
a number in the text, or a CSV file, is an error here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from a_reference import (
    GLOROT,
    MIB,
    NORMAL,
    PROJECT,
    SHORT,
    STUDIES,
    costs_more,
    drop,
    holm,
    knees,
    lead,
    mean,
    p_value,
    predicted,
    published,
    sd,
    speed_ups,
    table,
    values,
)
from scipy import stats

FIRST, REFERENCE = "README.md", "report/reference/README.md"
UNITS = {ratio: f"{GLOROT}/prune~unit~l2~{ratio}" for ratio in ("0.50", "0.90")}
GRADUAL = "train/prune~weight~magnitude~{}~gradual~every=100"
GLOBAL = "train/prune~weight~magnitude~0.80~global/finetune"
TUNED = "train/finetune"
LASSO = "train~group_lasso~filter_wise"
SMALL = f"{LASSO}/prune~weight~magnitude~0.001/prune~filter_wise~max_abs~0.001"
VGG = "train~l2_groups~filter_wise/prune~{}~{}~{}/finetune"
IMAGENET = "cats_dogs_mobilenetv2_imagenet"
SLOWLY = "train/prune~weight~magnitude~{}~gradual~every=100"
FROM_IMAGENET = [SLOWLY.format(ratio) for ratio in ("0.25", "0.30", "0.50", "0.75")]
PUBLISHED_RATIOS = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)


def weight(init: str, ratio: str) -> str:
    return f"{init}/prune~weight~magnitude~{ratio}"


def unit(init: str, ratio: str) -> str:
    return f"{init}/prune~unit~l2~{ratio}"


def mnist(kind: str, sparsity: float) -> float:
    rows = published("mnist_weight_vs_unit").set_index("sparsity")
    return float(rows.loc[sparsity, f"{kind}_accuracy"])


def inside() -> int:
    """Published points of the curves (the dense one once) that lie in the prediction interval of one more run."""
    points = [(weight(NORMAL, f"{r:.2f}"), mnist("weight", r)) for r in (0.0, *PUBLISHED_RATIOS)]
    points += [(unit(NORMAL, f"{r:.2f}"), mnist("unit", r)) for r in PUBLISHED_RATIOS]
    return sum(low <= at <= high for net, at in points for low, high in [predicted("mnist_mlp", net)])


def widest() -> float:
    nets = [net(NORMAL, f"{r:.2f}") for r in PUBLISHED_RATIOS for net in (weight, unit)]
    return max(high - low for low, high in (predicted("mnist_mlp", net) for net in nets))


def ahead(init: str, wanted: bool = True) -> list[float]:
    """The sparsities at which weights are ahead of units (or not), by Holm over both initial weights, percent."""
    pairs = [(weight(i, f"{r:.2f}"), unit(i, f"{r:.2f}")) for i in (NORMAL, GLOROT) for r in PUBLISHED_RATIOS]
    ps = holm([p_value("mnist_mlp", *pair) for pair in pairs])
    mine = ps[: len(PUBLISHED_RATIOS)] if init == NORMAL else ps[len(PUBLISHED_RATIOS) :]
    return [100 * r for r, p in zip(PUBLISHED_RATIOS, mine, strict=True) if (p < 0.05) == wanted]


def with_spread(study: str, net: str, column: str = "top1") -> tuple[float, float]:
    return mean(study, net, column), sd(study, net, column)


def unit_times(batch: int) -> tuple[float, ...]:
    """Speed-up of the nets without half and without 90 % of the units: the least and the largest of a seed."""
    nets = [speed_ups(SHORT, unit(GLOROT, r), GLOROT, batch) for r in ("0.50", "0.90")]
    return tuple(float(end) for times in nets for end in (times.min(), times.max()))


def told_apart(one: tuple[str, str], other: tuple[str, str]) -> list[float]:
    """The sparsities at which weight pruning costs one training more than another, by Holm, percent."""
    differences = [costs_more(one, other, "weight", f"{ratio:.2f}") for ratio in PUBLISHED_RATIOS]
    ps = holm([float(stats.ttest_1samp(difference, 0).pvalue) for difference in differences])
    return [100 * ratio for ratio, p in zip(PUBLISHED_RATIOS, ps, strict=True) if p < 0.05]


def dearer() -> tuple[float, ...]:
    """The one sparsity at which weight pruning costs more with normal weights than with Glorot's, and how much more."""
    (at,) = told_apart(("mnist_mlp", NORMAL), ("mnist_mlp", GLOROT))
    return at, *interval(costs_more(("mnist_mlp", NORMAL), ("mnist_mlp", GLOROT), "weight", f"{at / 100:.2f}"))


def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean over seeds, and Student's 95 % interval."""
    found = stats.ttest_1samp(differences, 0).confidence_interval()
    return float(differences.mean()), found.low, found.high


def size(study: str, net: str, column: str) -> float:
    return mean(study, net, column) / MIB


def smaller(study: str, net: str, dense: str) -> float:
    return float((values(study, dense, "zipped_bytes") / values(study, net, "zipped_bytes")).mean())


def global_family() -> tuple[float, float]:
    """Holm's p of the gradually pruned net of 90 %, and of the one from scratch, among the six pruned nets, against the
    dense net of equal epochs."""
    nets = [GLOBAL, *(GRADUAL.format(r) for r in ("0.50", "0.80", "0.90"))]
    nets.append("train/prune~weight~random~0.80~global/finetune")
    pairs = [(net, TUNED) for net in nets] + [("train/prune~weight~magnitude~0.80~global/scratch", "train")]
    ps = holm([p_value("cifar10_cnn", *pair) for pair in pairs])
    return ps[3], ps[-1]


def times_fewer(column: str) -> tuple[float, float]:
    fewer = values("cifar10_conv", "train", column) / values("cifar10_conv", SMALL, column)
    return fewer.min(), fewer.max()


def under_threshold(layer: str) -> tuple[float, float]:
    """The fewest and the most of a seed of the weights that are zero in a layer with group lasso, percent."""
    rows = table("cifar10", "layers")
    rows = rows[rows["node"].str.endswith(f"{LASSO}/prune~weight~magnitude~0.001") & (rows["layer"] == layer)]
    shares = 100 * rows["zeros"] / rows["weights"]
    return shares.min(), shares.max()


def dead_filters() -> list[int]:
    rows = table("cifar10", "layers")
    rows = rows[rows["node"].str.endswith(f"{LASSO}/prune~weight~magnitude~0.001") & rows["filter_zeros"].notna()]
    weights = rows["weights"] / rows["width"]
    dead = [
        sum(zeros == n for zeros in json.loads(text)) for text, n in zip(rows["filter_zeros"], weights, strict=True)
    ]
    return sorted(rows.assign(dead=dead).groupby("node")["dead"].sum())


def both_bounds(study: str, dense: str, net: str) -> tuple[float, float, float]:
    """A drop with its two one-sided 95 % bounds."""
    fell, upper = drop(study, dense, net)
    return fell, 2 * fell - upper, upper


def best_epochs() -> list[float]:
    """Of each seed the epoch with the lowest validation loss, the earliest first, and these losses."""
    history = table("cifar10_overfit", "history")
    best = history.loc[history.groupby("node")["validation_loss"].idxmin()].sort_values("epoch")
    return [*best["epoch"], *best["validation_loss"]]


def faster_int8(study: str, scheme: str) -> tuple[float, ...]:
    """How many times as fast as in float32 a scheme is for one image and for 64: of what the exports of the same nets
    take / what they take, the medians over nets and seeds."""
    times = table(STUDIES[study], "latency").query("study == @study").set_index(["node", "batch_size"])["median_ms"]
    nets = sorted({node for node, _ in times.index if node.endswith(scheme)})
    return tuple(
        float(np.median([times[node.replace(scheme, "float32"), batch] / times[node, batch] for node in nets]))
        for batch in (1, 64)
    )


def positive(found: tuple[float, float, float]) -> tuple[float, float, float]:
    """A number and its ends without their sign: the prose has a real minus sign."""
    return found[0], abs(found[1]), found[2]


def found(finding: str, **of: object) -> tuple[float, float, float]:
    """The value of a fact of the run from ImageNet weights and its ends, as findings.csv has them."""
    rows = table(f"{STUDIES[IMAGENET]}/{IMAGENET}", "findings")
    rows = rows[(rows["finding"] == finding) & (rows["source"] == "run")]
    for key, value in of.items():
        rows = rows[rows[key] == value]
    assert len(rows) == 1, rows
    return tuple(float(rows.iloc[0][end]) for end in ("value", "low", "high"))


def times_between(scheme: str) -> list[float]:
    """The least and the largest end of the intervals of three seeds' timings of the dense net, for one image."""
    times = table(STUDIES[IMAGENET], "latency").query("batch_size == 1")
    times = times[times["node"].str.endswith(f"/{TUNED}/quantize~{scheme}")]
    assert len(times) == 3
    return [times["ratio_low"].min(), times["ratio_high"].max()]


def smallest_loses() -> tuple[float, float, float]:
    return lead(IMAGENET, TUNED, f"{TUNED}/quantize~dynamic_int8")


def fastest_loses() -> tuple[float, float, float]:
    return lead(IMAGENET, TUNED, f"{TUNED}/quantize~static_int8")


def collapse(ratio: float) -> tuple[float, float, float]:
    return lead(IMAGENET, TUNED, SLOWLY.format(f"{ratio:.2f}"))


def widths_of_prediction() -> tuple[float, float]:
    """Half the width of the prediction intervals up to 50 %: the least and the most."""
    halves = [(high - low) / 2 for low, high in (predicted(IMAGENET, net) for net in FROM_IMAGENET[:3])]
    return min(halves), max(halves)


def times_in(scheme: str, batch: int) -> float:
    return found("int8_speed", fact="times_faster", scheme=scheme, batch_size=batch)[0]


def imagenet_published() -> dict[float, float]:
    """Published top-1 by sparsity."""
    rows = published("cats_vs_dogs_mobilenetv2_pruning")
    return dict(zip(rows["final_sparsity"], rows["validation_accuracy"], strict=True))


def published_loss() -> float:
    """How far the published net with 75 % is below the best published one."""
    top1 = imagenet_published()
    return max(top1.values()) - top1[0.75]


class Minus(float):
    """A number that is written with a minus sign in place of a hyphen, as prose does."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec).replace("-", "\N{MINUS SIGN}")


def minus(*numbers: float) -> list[Minus]:
    return [Minus(number) for number in numbers]


def sparse(layer: str) -> float:
    rows = published("cifar10_filter_pruning").query("run == 1 and layer == @layer").iloc[0]
    return 100 * rows["sparse"] / rows["total"]


def below(net: str, dense: str = TUNED, study: str = "cifar100_vgg16_bn") -> float:
    return mean(study, dense) - mean(study, net)


def fewer_macs(kind: str) -> float:
    net = VGG.format(kind, "mean_abs", "0.40")
    return mean("cifar100_vgg16_bn", "train", "macs") / mean("cifar100_vgg16_bn", net, "macs")


def zipped_sizes() -> list[float]:
    nets = [f"train/prune~weight~magnitude~{r}~gradual~end=0.6" for r in ("0.25", "0.30", "0.50", "0.75")]
    return [size("cats_dogs_mobilenetv2", net, "h5_zipped_bytes") for net in nets]


def against_published() -> list[float]:
    """How much smaller than published these sizes are, percent: the least and the most."""
    rows = published("cats_vs_dogs_mobilenetv2_pruning").set_index("final_sparsity")["zipped_mb"]
    shares = [100 * (1 - ours / rows[r]) for ours, r in zip(zipped_sizes(), (0.25, 0.3, 0.5, 0.75), strict=True)]
    return [min(shares), max(shares)]


def times_of(study: str, scheme: str, source: str, batch: int) -> float:
    return float(speed_ups(study, f"{source}/quantize~{scheme}", f"{source}/quantize~float32", batch).mean())


CLAIMS: list[tuple[str, str, Callable[[], object]]] = [
    # README: MobileNetV2 from ImageNet weights
    (
        FIRST,
        "**{:.1f} times smaller** | The dense net in dynamic range int8: its zipped file, {:.2f} MiB",
        lambda: (
            smaller(IMAGENET, f"{TUNED}/quantize~dynamic_int8", TUNED),
            size(IMAGENET, f"{TUNED}/quantize~dynamic_int8", "zipped_bytes"),
        ),
    ),
    (FIRST, "It loses {:.2f} points of top-1 [{:.2f}, {:.2f}]", lambda: minus(*smallest_loses())),
    (
        FIRST,
        "**{:.1f} times as fast** | The dense net in static int8",
        lambda: [
            float(np.median(speed_ups(IMAGENET, f"{TUNED}/quantize~static_int8", f"{TUNED}/quantize~float32", 1)))
        ],
    ),
    (
        FIRST,
        "95 % intervals of its three timings lie between {:.2f} and {:.2f}",
        lambda: times_between("static_int8"),
    ),
    (
        FIRST,
        "copies of one net differ by up to {:.2f} times",
        lambda: [table("cats_dogs_imagenet", "latency")["noise"].max()],
    ),
    (FIRST, "It loses {:.2f} points [{:.2f}, {:.2f}]", lambda: minus(*fastest_loses())),
    (FIRST, "**{:.1f} points lost** [{:.1f}, {:.1f}]", lambda: collapse(0.75)),
    (FIRST, "of other ImageNet weights, has {:.1f} points", lambda: [published_loss()]),
    # MobileNetV2 from ImageNet weights
    (
        REFERENCE,
        "top-1 is {:.2f} ± {:.2f} % there, {:.1f} points [{:.1f}, {:.1f}] below",
        lambda: (*with_spread(IMAGENET, FROM_IMAGENET[3]), *collapse(0.75)),
    ),
    (REFERENCE, "trained as long ({:.2f} ± {:.2f} %)", lambda: with_spread(IMAGENET, TUNED)),
    (
        REFERENCE,
        "one run has {:.1f} %, {:.1f} points below its net of 30 %",
        lambda: (imagenet_published()[0.75], published_loss()),
    ),
    (
        REFERENCE,
        "Published {:.1f}, {:.1f} and {:.1f} % at 25, 30",
        lambda: [imagenet_published()[ratio] for ratio in (0.25, 0.3, 0.5)],
    ),
    (
        REFERENCE,
        "here {:.2f} ± {:.2f}, {:.2f} ± {:.2f} and {:.2f} ± {:.2f} %",
        lambda: [number for net in FROM_IMAGENET[:3] for number in with_spread(IMAGENET, net)],
    ),
    (REFERENCE, "these are {:.1f} to {:.1f} points wide to either side", widths_of_prediction),
    (REFERENCE, "above the prediction interval [{:.1f}, {:.1f}]", lambda: predicted(IMAGENET, FROM_IMAGENET[3])),
    (
        REFERENCE,
        "({:.2f} points lost [{:.2f}, {:.2f}], {:.2f} [{:.2f}, {:.2f}], {:.2f} [{:.2f}, {:.2f}])",
        lambda: minus(*collapse(0.25), *collapse(0.3), *collapse(0.5)),
    ),
    (
        REFERENCE,
        "zipped .h5 files have {:.2f}, {:.2f}, {:.2f} and {:.2f} MiB",
        lambda: [size(IMAGENET, net, "h5_zipped_bytes") for net in FROM_IMAGENET],
    ),
    (
        REFERENCE,
        "The parameters are exact: {:,.0f}, and {:,.0f} with the wrappers",
        lambda: (mean(IMAGENET, "train", "params"), mean(IMAGENET, FROM_IMAGENET[2], "wrapped_params")),
    ),
    (
        REFERENCE,
        "zipped file {:.1f} times smaller; it loses {:.2f} points [{:.2f}, {:.2f}]",
        lambda: (smaller(IMAGENET, f"{TUNED}/quantize~dynamic_int8", TUNED), *minus(*smallest_loses())),
    ),
    (
        REFERENCE,
        "{:.1f} times as fast for one image and {:.1f} times slower for 32. Static int8 is {:.1f} and {:.1f} times as",
        lambda: (
            times_in("dynamic_int8", 1),
            1 / times_in("dynamic_int8", 32),
            times_in("static_int8", 1),
            times_in("static_int8", 32),
        ),
    ),
    (REFERENCE, "cannot be told ({:.2f} [{:.2f}, {:.2f}]). Pruned", lambda: minus(*fastest_loses())),
    (
        REFERENCE,
        "in static int8 the file is {:.1f} times smaller; it loses {:.2f} points [{:.2f}, {:.2f}]",
        lambda: minus(
            smaller(IMAGENET, f"{FROM_IMAGENET[2]}/quantize~static_int8", TUNED),
            *lead(IMAGENET, TUNED, f"{FROM_IMAGENET[2]}/quantize~static_int8"),
        ),
    ),
    (
        REFERENCE,
        "ends {:.2f} points [{:.2f}, {:.2f}] below the net it began with",
        lambda: minus(*lead(IMAGENET, TUNED, f"{TUNED}/quantize~qat_int8~epochs=2")),
    ),
    # MNIST
    (REFERENCE, "At {:.0f} % sparsity weight pruning costs {:.1f} points [{:.1f}, {:.1f}] more", dearer),
    (REFERENCE, "up to {:.0f} % sparsity", lambda: set(knees(NORMAL, "weight"))),
    (REFERENCE, "(drop {:.2f}, upper bound {:.2f})", lambda: drop("mnist_mlp", NORMAL, weight(NORMAL, "0.50"))),
    (REFERENCE, "not at 60 % ({:.2f} [{:.2f}, {:.2f}])", lambda: lead("mnist_mlp", NORMAL, weight(NORMAL, "0.60"))),
    (REFERENCE, "{} of the 19 published accuracies lie in the 95 % prediction interval", lambda: [inside()]),
    (REFERENCE, "intervals are up to {:.0f} points wide", lambda: [widest()]),
    (
        REFERENCE,
        "Weights at 70 % ({:.2f} ± {:.2f} here, {:.2f} published)",
        lambda: (*with_spread("mnist_mlp", weight(NORMAL, "0.70")), mnist("weight", 0.7)),
    ),
    (
        REFERENCE,
        "units at 50 % ({:.2f} ± {:.2f}, {:.2f})",
        lambda: (*with_spread("mnist_mlp", unit(NORMAL, "0.50")), mnist("unit", 0.5)),
    ),
    (
        REFERENCE,
        "and 60 % ({:.2f} ± {:.2f}, {:.2f})",
        lambda: (*with_spread("mnist_mlp", unit(NORMAL, "0.60")), mnist("unit", 0.6)),
    ),
    (REFERENCE, "ahead at {:.0f}, {:.0f} and {:.0f} %, by", lambda: ahead(NORMAL)),
    (
        REFERENCE,
        "ahead at {:.0f} and {:.0f} %, and {:.0f}, {:.0f}, {:.0f}, {:.0f}, {:.0f}, {:.0f} and {:.0f} % cannot be told",
        lambda: (*ahead(GLOROT), *ahead(GLOROT, wanted=False)),
    ),
    (
        REFERENCE,
        "by {:.0f} points [{:.0f}, {:.0f}] at 60 % (published {:.0f})",
        lambda: (
            *lead("mnist_mlp", weight(NORMAL, "0.60"), unit(NORMAL, "0.60")),
            mnist("weight", 0.6) - mnist("unit", 0.6),
        ),
    ),
    (
        REFERENCE,
        "same recipe, the knee is at {:.0f}, {:.0f} and {:.0f} % for weights and at {:.0f}, {:.0f} and {:.0f} % for",
        lambda: (*knees(GLOROT, "weight"), *knees(GLOROT, "unit")),
    ),
    (
        REFERENCE,
        "the second recipe the knee is at {:.0f}, {:.0f} and {:.0f} % for weights",
        lambda: knees(GLOROT, "weight", SHORT),
    ),
    (
        REFERENCE,
        "{:.1f} to {:.1f} times at 50 % and {:.0f} to {:.0f} times at 90 % (seeds",
        lambda: unit_times(256),
    ),
    (
        REFERENCE,
        "two copies of one net differ by up to {:.1f} times there",
        lambda: [table("mnist", "latency").query("study == @SHORT and batch_size == 256")["noise"].max()],
    ),
    (
        REFERENCE,
        "differ by up to {:.1f} times (MNIST, one image)",
        lambda: [table("mnist", "latency").query("batch_size == 1")["noise"].max()],
    ),
    (
        REFERENCE,
        "of the learning rate, by {:.2f} points [{:.1f}, {:.1f}];",
        lambda: lead(SHORT, f"{UNITS['0.90']}/scratch", f"{UNITS['0.90']}/finetune"),
    ),
    (
        REFERENCE,
        "no difference is shown ({:.2f} [{:.2f}, {:.2f}]; 5 epochs",
        lambda: lead(SHORT, f"{UNITS['0.50']}/scratch", f"{UNITS['0.50']}/finetune"),
    ),
    (
        REFERENCE,
        "learning rate of the training is {:.1f} points [{:.1f}, {:.1f}] ahead",
        lambda: lead(SHORT, f"{UNITS['0.90']}/finetune~rewind=true", f"{UNITS['0.90']}/finetune"),
    ),
    (
        REFERENCE,
        "at 50 % that is not shown ({:.2f} [{:.2f}, {:.2f}])",
        lambda: lead(SHORT, f"{UNITS['0.50']}/finetune~rewind=true", f"{UNITS['0.50']}/finetune"),
    ),
    (
        REFERENCE,
        "({:.2f} points [{:.2f}, {:.2f}] remain)",
        lambda: lead(SHORT, f"{UNITS['0.90']}/scratch", f"{UNITS['0.90']}/finetune~rewind=true"),
    ),
    (
        REFERENCE,
        "int8 quantization makes the zipped file {:.1f} times smaller. 90 % of the units removed",
        lambda: [smaller(SHORT, f"{GLOROT}/quantize~dynamic_int8", GLOROT)],
    ),
    (
        REFERENCE,
        "trained from scratch, {:.0f} times smaller, cannot be told (drop {:.2f}, upper bound {:.2f})",
        lambda: (
            smaller(SHORT, f"{UNITS['0.90']}/scratch", GLOROT),
            *drop(SHORT, GLOROT, f"{UNITS['0.90']}/scratch"),
        ),
    ),
    # CIFAR-10 in Keras
    (
        REFERENCE,
        "{:.2f} MiB (published 4.11), zipped {:.2f} (3.79)",
        lambda: [size("cifar10_cnn", "train", f"h5_{kind}bytes") for kind in ("", "zipped_")],
    ),
    (
        REFERENCE,
        "optimizer: {:.2f} MiB here. Stripped it has {:.2f} MiB",
        lambda: [size("cifar10_cnn", GRADUAL.format("0.50"), f"{kind}_bytes") for kind in ("wrapped", "h5")],
    ),
    (
        REFERENCE,
        "a sparsity of 0.5 ({:.2f} MiB)",
        lambda: [size("cifar10_cnn", GRADUAL.format("0.50"), "h5_zipped_bytes")],
    ),
    (
        REFERENCE,
        "Dense {:.2f} ± {:.2f} %, test loss {:.3f} ± {:.3f}; published {:.2f} and {:.3f}",
        lambda: (
            *with_spread("cifar10_cnn", "train"),
            *with_spread("cifar10_cnn", "train", "test_loss"),
            published("cifar10_weight_pruning")["test_accuracy"][0],
            published("cifar10_weight_pruning")["test_loss"][0],
        ),
    ),
    (
        REFERENCE,
        "equal epochs ({:+.2f} points [{:.2f}, {:.2f}]); at 0.8",
        lambda: lead("cifar10_cnn", GRADUAL.format("0.50"), TUNED),
    ),
    (
        REFERENCE,
        "at 0.8 no difference is shown ({:.2f} [{:.2f}, {:.2f}])",
        lambda: lead("cifar10_cnn", GRADUAL.format("0.80"), TUNED),
    ),
    (
        REFERENCE,
        "at 0.9 a loss of {:.2f} points [{:.2f}, {:.2f}]",
        lambda: lead("cifar10_cnn", TUNED, GRADUAL.format("0.90")),
    ),
    (REFERENCE, "is undecided after Holm's correction (p = {:.3f})", lambda: global_family()[:1]),
    (
        REFERENCE,
        "trained as long cannot be told ({:+.2f} points [{:.2f}, {:.2f}])",
        lambda: lead("cifar10_cnn", GLOBAL, TUNED),
    ),
    (REFERENCE, "undecided in that family (p = {:.3f})", lambda: global_family()[1:]),
    (
        REFERENCE,
        "nor that it is better than gradual pruning ({:+.2f} [{:.2f}, {:.2f}])",
        lambda: lead("cifar10_cnn", GLOBAL, GRADUAL.format("0.80")),
    ),
    (
        REFERENCE,
        "It is {:.1f} points [{:.1f}, {:.1f}] better than random choice",
        lambda: lead("cifar10_cnn", GLOBAL, "train/prune~weight~random~0.80~global/finetune"),
    ),
    (
        REFERENCE,
        "for 6 epochs: {:.1f} points [{:.1f}, {:.1f}] below the dense net of 6 epochs",
        lambda: lead("cifar10_cnn", "train", "train/prune~weight~magnitude~0.80~global/scratch"),
    ),
    (
        REFERENCE,
        "of the dense net makes the zipped file {:.1f} times smaller, and is {:.1f} times as fast for one image and "
        "{:.1f} times for 64 (LiteRT",
        lambda: (
            smaller("cifar10_cnn", f"{TUNED}/quantize~static_int8", TUNED),
            *faster_int8("cifar10_cnn", "static_int8"),
        ),
    ),
    (
        REFERENCE,
        "with int8, {:.1f} times smaller, neither 1 nor 2 points can be told "
        "(drop {:.2f}, single bounds [{:.2f}, {:.2f}])",
        lambda: (
            smaller("cifar10_cnn", f"{GRADUAL.format('0.80')}/quantize~static_int8", TUNED),
            *both_bounds("cifar10_cnn", TUNED, f"{GRADUAL.format('0.80')}/quantize~static_int8"),
        ),
    ),
    # CIFAR-10 in PyTorch
    (
        REFERENCE,
        "dense {:.2f} ± {:.2f} %, with group lasso {:.2f} ± {:.2f} here, {:.1f} and {:.1f} there",
        lambda: (
            *with_spread("cifar10_conv", "train"),
            *with_spread("cifar10_conv", LASSO),
            *published("cifar10_filter_training")["test_accuracy"],
        ),
    ),
    (REFERENCE, "the {:,.0f} parameters of the document", lambda: [mean("cifar10_conv", "train", "params")]),
    (REFERENCE, "With group lasso {}, {} and {} of 448 filters", dead_filters),
    (
        REFERENCE,
        "{:.2f} to {:.2f} times fewer parameters and {:.2f} to {:.2f} times fewer MACs",
        lambda: (*times_fewer("params"), *times_fewer("macs")),
    ),
    (
        REFERENCE,
        "The penalised net is {:.2f} points [{:.1f}, {:.1f}] below the plain one",
        lambda: lead("cifar10_conv", "train", LASSO),
    ),
    (
        REFERENCE,
        "it is {:.2f} points [{:.2f}, {:.2f}] below the dense net trained as long",
        lambda: lead("cifar10_conv", TUNED, f"{SMALL}/finetune"),
    ),
    (
        REFERENCE,
        "fine-tuned without pruning is {:.2f} points [{:.2f}, {:.2f}] below the dense net, and",
        lambda: lead("cifar10_conv", TUNED, f"{LASSO}/finetune"),
    ),
    (
        REFERENCE,
        "costs anything is not shown ({:.2f} points lost [{:.2f}, {:.2f}])",
        lambda: lead("cifar10_conv", f"{LASSO}/finetune", f"{SMALL}/finetune"),
    ),
    (
        REFERENCE,
        "Static int8 is {:.1f} times as fast for one image and {:.1f} times for 64; dynamic int8 is {:.1f} times as "
        "fast for one image and {:.1f} times slower for 64",
        lambda: (
            *faster_int8("cifar10_conv", "static_int8"),
            faster_int8("cifar10_conv", "dynamic_int8")[0],
            1 / faster_int8("cifar10_conv", "dynamic_int8")[1],
        ),
    ),
    (
        REFERENCE,
        "(MNIST, one image), by up to {:.2f} times (`cats_dogs_imagenet`) and by up to {:.2f} times (`cifar10`)",
        lambda: [table(run, "latency")["noise"].max() for run in ("cats_dogs_imagenet", "cifar10")],
    ),
    (
        REFERENCE,
        "{:.0f} to {:.0f} % and {:.0f} to {:.0f} % of the weights are below the threshold",
        lambda: (*under_threshold("conv2_1"), *under_threshold("conv3_1")),
    ),
    (REFERENCE, "(published {:.0f} and {:.0f} %)", lambda: [sparse(f"conv{n}_1.weight") for n in (2, 3)]),
    (
        REFERENCE,
        "Of all weights {:.1f} %, published {:.0f} %",
        lambda: (mean("cifar10_conv", f"{LASSO}/prune~weight~magnitude~0.001", "sparsity"), sparse("all")),
    ),
    (
        REFERENCE,
        "int8 quantization makes the zipped file {:.1f} times smaller (upper bound of the drop {:.2f})",
        lambda: (
            smaller("cifar10_conv", f"{TUNED}/quantize~dynamic_int8", TUNED),
            drop("cifar10_conv", TUNED, f"{TUNED}/quantize~dynamic_int8")[1],
        ),
    ),
    (
        REFERENCE,
        "lowest after epoch {} and {} ({:.2f} and {:.2f}) and rises from then on; after 15 epochs the test loss is "
        "{:.2f} and {:.2f}",
        lambda: (*best_epochs(), *sorted(values("cifar10_conv_overfit", "train", "test_loss"))),
    ),
    (
        REFERENCE,
        "{:.1f} and {:.1f} % on the test images after 15 epochs",
        lambda: sorted(values("cifar10_conv_overfit", "train")),
    ),
    # CIFAR-100
    (
        REFERENCE,
        "The dense net has {:.1f} %, and {:.1f} % after",
        lambda: [mean("cifar100_vgg16_bn", net) for net in ("train", TUNED)],
    ),
    (REFERENCE, "(published {:.1f} %)", lambda: [published("cifar100_training")["top1"][0]]),
    (
        REFERENCE,
        "After fine-tuning {:.1f}, {:.1f} and {:.1f} points below",
        lambda: [below(VGG.format("filter_wise", "mean_abs", ratio)) for ratio in ("0.20", "0.40", "0.60")],
    ),
    (
        REFERENCE,
        "({:.2f} times fewer MACs for filters, {:.2f} for channels, {:.2f} for both together)",
        lambda: [fewer_macs(kind) for kind in ("filter_wise", "channel_wise", "filter_and_channel_wise")],
    ),
    (
        REFERENCE,
        "random choice with {:.1f} % at {:.1f} M MACs and mean_abs with {:.1f} % at {:.1f} M",
        lambda: [
            number
            for net in (VGG.format("filter_wise", "random", "0.40"), VGG.format("filter_wise", "mean_abs", "0.60"))
            for number in (mean("cifar100_vgg16_bn", net), mean("cifar100_vgg16_bn", net, "macs") / 1e6)
        ],
    ),
    (
        REFERENCE,
        "static int8 is {:.1f} times as fast for one image and {:.1f} times for 64",
        lambda: [times_of("cifar100_vgg16_bn", "static_int8", TUNED, batch) for batch in (1, 64)],
    ),
    (
        REFERENCE,
        "dynamic int8 is {:.1f} times slower for 64",
        lambda: [1 / times_of("cifar100_vgg16_bn", "dynamic_int8", TUNED, 64)],
    ),
    # Cats and dogs
    (REFERENCE, "{:.2f}, {:.2f}, {:.2f} and {:.2f} MiB at a sparsity of", zipped_sizes),
    (REFERENCE, "are {:.1f} to {:.1f} % smaller than published", against_published),
    (
        REFERENCE,
        "{:,.0f}, and {:,.0f} with the wrappers",
        lambda: (
            mean("cats_dogs_mobilenetv2", "train", "params"),
            mean("cats_dogs_mobilenetv2", "train/prune~weight~magnitude~0.50~gradual~end=0.6", "wrapped_params"),
        ),
    ),
    (REFERENCE, "as long as the pruned nets has {:.1f} %. Whether", lambda: [mean("cats_dogs_mobilenetv2", TUNED)]),
    (
        REFERENCE,
        "dynamic range int8 is {:.1f} times slower for one image and {:.1f} times for 32",
        lambda: [1 / times_of("cats_dogs_mobilenetv2", "dynamic_int8", TUNED, batch) for batch in (1, 32)],
    ),
    (
        REFERENCE,
        "{:.2f} MiB as it is, {:.2f} MiB zipped (dense {:.2f}); {:.2f} MiB with wrappers",
        lambda: [
            size("cats_dogs_vgg16", net, column)
            for net, column in (
                ("train/prune~weight~magnitude~0.90~gradual~end=0.6", "h5_bytes"),
                ("train/prune~weight~magnitude~0.90~gradual~end=0.6", "h5_zipped_bytes"),
                ("train", "h5_zipped_bytes"),
                ("train/prune~weight~magnitude~0.90~gradual~end=0.6", "wrapped_bytes"),
            )
        ],
    ),
    (
        REFERENCE,
        "ends at chance ({:.1f} %); one threshold for all layers, then training for as long, ends at {:.1f} %",
        lambda: [
            mean("cats_dogs_vgg16", net)
            for net in (
                "train/prune~weight~magnitude~0.90~gradual~end=0.6",
                "train/prune~weight~magnitude~0.90~global/finetune",
            )
        ],
    ),
]


@pytest.mark.parametrize("file, sentence, numbers", CLAIMS, ids=[claim[1][:50] for claim in CLAIMS])
def test_the_numbers_of_a_sentence_are_those_of_the_csv_files(file, sentence, numbers):
    text = (PROJECT / file).read_text()
    said = sentence.format(*numbers())
    assert said in text, f"{file} should say {said!r}; it has {_nearest(sentence, text)}"


def _nearest(sentence: str, text: str) -> list[str]:
    """What stands in the place of the sentence."""
    number = r"[+-]?[\d,]*\.?\d+"
    return re.findall(re.sub(r"\\\{[^}]*\\\}", lambda _: number, re.escape(sentence)), text)


def test_what_is_called_undecided_and_what_is_called_shown():
    """report/reference/README.md: claims of "within" and "cannot be told"."""
    static = f"{TUNED}/quantize~static_int8"
    both = f"{GRADUAL.format('0.80')}/quantize~static_int8"
    assert drop("cifar10_cnn", TUNED, static)[1] < 0.5
    fell, low, high = both_bounds("cifar10_cnn", TUNED, both)
    assert low < 1 < fell < 2 < high
    assert drop("cifar10_conv", TUNED, f"{TUNED}/quantize~dynamic_int8")[1] < 0.5
    assert drop(SHORT, GLOROT, f"{GLOROT}/quantize~dynamic_int8")[1] < 1
    assert told_apart(("mnist_mlp", GLOROT), (SHORT, GLOROT)) == []
    assert ahead(NORMAL, wanted=False) == [25, 80, 90, 95, 97, 99]
    # each of the published points after Holm's correction: the smallest p times 19 is above 0.05
    points = [(weight(NORMAL, f"{r:.2f}"), mnist("weight", r)) for r in (0.0, *PUBLISHED_RATIOS)]
    points += [(unit(NORMAL, f"{r:.2f}"), mnist("unit", r)) for r in PUBLISHED_RATIOS]
    assert min(holm([_p_of_one_more(values("mnist_mlp", net), at) for net, at in points])) > 0.05


def _p_of_one_more(runs: np.ndarray, published: float) -> float:
    """The p value of a published number as one more run."""
    error = runs.std(ddof=1) * (1 + 1 / len(runs)) ** 0.5
    return float(2 * stats.t.sf(abs(runs.mean() - published) / error, len(runs) - 1))


COUNTED = ("Figures", "Exact", "Reproduced", "Refuted", "Cannot be told", "Not comparable", "Not run")


def test_the_outcomes_of_all_runs_are_those_of_their_pages():
    """report/reference/README.md: each run's row has the last row of the table on its page."""
    section = (PROJECT / REFERENCE).read_text().partition("## What was reproduced")[2].partition("\n## ")[0]
    said = {cells[0]: [int(cell) for cell in cells[1:]] for cells in _cells(section) if cells[0] in STUDIES.values()}
    assert said.keys() == set(STUDIES.values())
    for run, counts in said.items():
        page = (PROJECT / REFERENCE).with_name(run) / "README.md"
        titles, *_, total = _cells(page.read_text().partition("## What was reproduced")[2].partition("\n## ")[0])
        found = dict(zip(titles, total, strict=True))
        assert counts == [int(found.get(title, 0)) for title in COUNTED], run


def _cells(text: str) -> list[list[str]]:
    """The cells of the rows of a Markdown table."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return [cells for cells in rows if set(cells[0]) != {"-"}]


def test_times_without_a_control_are_called_what_was_measured():
    """Only runs that timed the dense net twice know the noise; of the others no verdict on times is claimed."""
    text = (PROJECT / REFERENCE).read_text()
    latency = {run: table(run, "latency") for run in STUDIES.values()}
    with_control = {run for run, times in latency.items() if "noise" in times and times["noise"].notna().any()}
    assert with_control == {"mnist", "cats_dogs_imagenet", "cifar10"} and "The other runs have no such control" in text
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    timed = [
        line
        for section in sections
        for line in section.splitlines()
        if line.startswith("* **Time.**") and not section.startswith("MNIST")
    ]
    assert timed and all("noise was not measured" in line or "without a control of the noise" in line for line in timed)


def test_one_seed_is_called_no_verdict_wherever_a_run_has_one():
    text = (PROJECT / REFERENCE).read_text()
    for run in set(STUDIES.values()):
        row = next(line for line in text.splitlines() if line.startswith(f"| [{run}]"))
        seeds = table(run, "results")["seed"].nunique()
        assert f"| {seeds} |" in row
        of_run = {"cats_dogs": "Cats and dogs", "cifar100": "CIFAR-100"}.get(run)
        assert (seeds == 1) == (of_run is not None)
        if of_run:
            sections = [part for part in re.split(r"^## ", text, flags=re.M) if part.startswith(of_run)]
            assert sections and all("one seed" in part for part in sections)


def test_no_page_of_the_project_claims_a_winner():
    """Words that only a verdict allows are not in the prose; a finding may say them, with its interval."""
    winners = re.compile(r"\b(outperforms?|wins|beats|superior|state of the art|significantly)\b", flags=re.I)
    pages = [PROJECT / FIRST, PROJECT / REFERENCE, *sorted((PROJECT / "docs").glob("*.md"))]
    said = {
        (page.name, line)
        for page in pages
        for line in page.read_text().splitlines()
        if winners.search(line) and "step gives itself wins" not in line
    }
    assert not said
