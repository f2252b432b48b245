"""From stored predictions to intervals and choices, on nets made up for it."""

import numpy as np
import pandas as pd
import pytest
from a_finding import answers
from a_run import Run, by_ratio, config
from scipy import stats

from espalier.analysis import variants
from espalier.analysis.accuracies import Accuracy
from espalier.run.integrity import Damaged

SEEDS = config(seeds=[0, 1, 2])


def images(seed: int, share: float, number: int = 200) -> np.ndarray:
    """Which images a net classifies correctly: about such a share, some of them harder for all nets."""
    hard = np.random.default_rng(7).normal(size=number)
    return hard + np.random.default_rng(seed).normal(size=number) < stats.norm.ppf(share) * 2**0.5


def pruned(tmp_path, dense: float = 0.9, net: float = 0.8, **columns) -> Run:
    """A dense net and a pruned one of three seeds, with their predictions."""
    run = Run(tmp_path)
    for seed in range(3):
        root = run.add("train", seed=seed, correct={"test": images(seed, dense)})
        columns = by_ratio("filter_wise", "sum", "0.50")
        run.add("prune", root, columns=columns, correct={"test": images(seed + 10, net)}, actual_ratio=0.5)
    return run


def test_outcomes_reach_the_view(tmp_path):
    view = pruned(tmp_path).view(SEEDS)
    accuracy = view.accuracy({"variant": "train"})
    for seed in range(3):
        assert accuracy.outcomes[seed].tolist() == images(seed, 0.9).tolist()
        assert accuracy.top1[seed] == pytest.approx(100 * images(seed, 0.9).mean())
    assert accuracy.validation == {}


def test_an_interval_covers_new_images_where_predictions_are_kept(tmp_path):
    view = pruned(tmp_path).view(SEEDS)
    estimate = view.accuracy({"variant": "train"}).less(view.accuracy({"variant": "train/prune~filter_wise~sum~0.50"}))
    d = 100 * np.array([images(s, 0.9).astype(float) - images(s + 10, 0.8) for s in range(3)])
    # the two-way analysis of variance: rows are seeds, columns images
    rest = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
    error = (rest**2).sum() / (2 * 199)
    of_seeds = d.mean(axis=1).var(ddof=1) / 3
    of_images = max(d.mean(axis=0).var(ddof=1) - error / 3, 0) / 200
    half = np.hypot(stats.t.ppf(0.975, 2) * of_seeds**0.5, stats.t.ppf(0.975, 199) * of_images**0.5)
    interval = estimate.interval()
    assert (estimate.value, estimate.n, estimate.images) == (pytest.approx(d.mean()), 3, 200)
    assert (interval.low, interval.high) == (pytest.approx(d.mean() - half), pytest.approx(d.mean() + half))
    assert half > stats.t.ppf(0.975, 2) * of_seeds**0.5  # wider than for these images alone


def test_findings_judge_by_images_too(tmp_path):
    run, view = pruned(tmp_path), pruned(tmp_path / "again").view(SEEDS)
    drop = answers(run, SEEDS)["budget"].facts[0]
    assert drop.value is None  # 10 points below: no net within half a point
    run = pruned(tmp_path / "near", net=0.9)
    drop = answers(run, SEEDS)["budget"].fact("drop", goal="smallest", limit=2.0)
    view = run.view(SEEDS)
    estimate = view.accuracy({"variant": "train"}).less(view.accuracy({"variant": "train/prune~filter_wise~sum~0.50"}))
    bounds = estimate.interval(0.90)
    assert (drop.low, drop.high) == (pytest.approx(bounds.low), pytest.approx(bounds.high))


def test_nets_of_other_test_images_are_compared_by_seeds_alone():
    one, other = Accuracy({0: 80.0, 1: 82.0}, outcomes={0: np.ones(5), 1: np.ones(5)}), Accuracy({0: 79.0, 1: 80.0})
    assert one.less(other).images is None
    assert one.less(Accuracy({0: 79.0, 1: 80.0}, outcomes={0: np.ones(4), 1: np.ones(4)})).images is None


def test_the_smallest_net_is_chosen_by_validation_images(tmp_path):
    right, wrong = [True] * 9 + [False], [True] * 5 + [False] * 5
    for folder, validation, chosen in (("kept", True, "filter_wise sum 0.50"), ("not", False, "filter_wise sum 0.75")):
        run = Run(tmp_path / folder)
        for seed in (0, 1):
            both = {"test": right, "validation": right} if validation else {"test": right}
            root = run.add("train", seed=seed, correct=both)
            for ratio, on_validation in (("0.50", right), ("0.75", wrong)):  # on test images both are as good as dense
                both = {"test": right, "validation": on_validation} if validation else {"test": right}
                size = round(2**19 * (1 - float(ratio)))
                run.add("prune", root, columns=by_ratio("filter_wise", "sum", ratio), correct=both, zipped_bytes=size)
        smallest = answers(run)["budget"]
        assert smallest.fact("drop", goal="smallest", limit=1.0).of["net"] == chosen


def test_predictions_that_are_not_those_of_the_record_are_damage(tmp_path):
    run = pruned(tmp_path)
    run.predictions[0].write_bytes(run.predictions[1].read_bytes())
    with pytest.raises(Damaged):
        run.collect()


def test_the_interval_of_an_accuracy_ends_at_100():
    # mean 99, standard deviation 1, t(2) = 4.303: 99 +- 2.48
    found = variants.top1(Accuracy({0: 98.0, 1: 99.0, 2: 100.0}), images=360)
    assert (found.low, found.high) == (pytest.approx(96.52, abs=0.005), 100.0)
    rows = pd.DataFrame({"top1": [99.0], "top1_sd": [1.0], "n": [3], "test_images": [360]})
    down, up = variants.bars(rows)
    assert (down[0], up[0]) == (pytest.approx(2.48, abs=0.005), 1.0)
