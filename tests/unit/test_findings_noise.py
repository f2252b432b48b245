"""How noisy the numbers of a study are."""

import pytest
from a_finding import answers
from a_run import Run, by_ratio, config


def a_run(tmp_path, seeds):
    run = Run(tmp_path)
    for seed, top1 in enumerate(seeds):
        root = run.add("train", seed=seed, top1=top1, test_images=360)
        run.add("finetune", root, top1=95.0, test_images=360)
        pruned = run.add("prune", root, columns=by_ratio("filter_wise", "l2", "0.50"), top1=80.0, test_images=360)
        run.add("finetune", pruned, top1=94.0, test_images=360)
    return run


def test_the_spread_of_unpruned_nets_and_what_the_images_cannot_show(tmp_path):
    noise = answers(a_run(tmp_path, [90.0, 92.0, 94.0]), config(seeds=[0, 1, 2]))["noise"]
    assert (noise.fact("least_sd").value, noise.fact("largest_sd").value) == (0.0, pytest.approx(2.0))
    assert noise.fact("one_image").value == pytest.approx(100 / 360)
    one, all_ = [each.value for each in noise.facts if each.name == "least_drop"]
    assert one == all_ == pytest.approx(100 * (1 - 0.05 ** (1 / 360)))  # one pruned net
    assert "0.00 to 2.00 points" in noise.answer and noise.n == 3


def test_one_seed_says_that_nothing_is_known_of_another_training(tmp_path):
    noise = answers(a_run(tmp_path, [90.0]))["noise"]
    assert noise.answer.startswith("One seed") and noise.verdict is None
    assert not [each for each in noise.facts if each.name.endswith("_sd")]
