"""The learning rate, step by step."""

import itertools
from fractions import Fraction

import pytest
from a_recipe import a_recipe
from hypothesis import given
from hypothesis import strategies as st

from espalier.training import schedule
from espalier.training.schedule import plateaued, stretched

PUBLISHED = {
    "learning_rate": 0.05, "warmup_epochs": 5, "warmup_from": 0.01, "milestones": [46, 66, 86], "gamma": 0.1
}  # fmt: skip
STEPS = 391  # of 50,000 images in batches of 128


def learning_rate(recipe, *arguments):
    return schedule.learning_rate(a_recipe(**recipe), *arguments)


def published(epoch, step=0):
    """The published rate at a step of an epoch counted from 0."""
    return learning_rate(PUBLISHED, epoch * STEPS + step, STEPS)


def test_warm_up_of_the_published_recipe_is_linear_step_by_step():
    assert published(0) == 0.01
    assert published(0, 1) == pytest.approx(0.01 + 0.04 / 1955)
    assert published(1) == pytest.approx(0.018)
    assert published(2, 195.5) == pytest.approx(0.03)  # half-way
    assert published(4, 390) == pytest.approx(0.05 - 0.04 / 1955)
    assert published(5) == 0.05


@pytest.mark.parametrize(
    "epoch, rate", [(5, 0.05), (45, 0.05), (46, 0.005), (65, 0.005), (66, 0.0005), (85, 0.0005), (86, 5e-5), (99, 5e-5)]
)
def test_milestones_of_the_published_recipe_divide_by_ten(epoch, rate):
    assert published(epoch) == pytest.approx(rate)
    assert published(epoch, STEPS - 1) == pytest.approx(rate)


def test_without_warm_up_and_milestones_the_rate_is_constant():
    recipe = PUBLISHED | {"warmup_epochs": 0, "milestones": []}
    assert {learning_rate(recipe, step, 3) for step in range(300)} == {0.05}


def test_gamma_is_the_factor_at_a_milestone():
    recipe = PUBLISHED | {"warmup_epochs": 0, "milestones": [1, 2], "gamma": 0.5}
    assert [learning_rate(recipe, step, 2) for step in range(6)] == [0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125]


@given(steps=st.integers(1, 50), warmup=st.integers(1, 6), start=st.floats(0, 1), rate=st.floats(0.001, 1))
def test_warm_up_goes_from_its_start_to_the_learning_rate_in_equal_strides(steps, warmup, start, rate):
    recipe = PUBLISHED | {"warmup_epochs": warmup, "warmup_from": start, "learning_rate": rate, "milestones": []}
    rates = [learning_rate(recipe, step, steps) for step in range(warmup * steps + 1)]
    strides = [b - a for a, b in itertools.pairwise(rates)]
    assert rates[0] == start and rates[-1] == rate
    assert strides == pytest.approx([(rate - start) / (warmup * steps)] * len(strides), abs=1e-12)


PLATEAU = {"factor": 0.5, "patience": 3, "minimum": 1e-5}


def keras_rates(rate, accuracies, plateau):
    """The rates that Keras's own callback sets after each of the accuracies (percent)."""
    from espalier.keras.runtime import keras, start

    start(1)
    net = keras.Sequential([keras.layers.Dense(1, input_shape=(1,))])
    net.compile(keras.optimizers.SGD(rate), "mse")
    named = {"factor": plateau["factor"], "patience": plateau["patience"], "min_lr": plateau["minimum"]}
    callback = keras.callbacks.ReduceLROnPlateau(monitor="val_acc", mode="max", **named)
    callback.set_model(net)
    callback.on_train_begin()
    rates = []
    for epoch, accuracy in enumerate(accuracies):
        callback.on_epoch_end(epoch, {"val_acc": accuracy / 100})
        rates.append(float(net.optimizer.learning_rate.numpy()))
    return rates


@pytest.mark.parametrize(
    "plateau, rate",
    [
        (PLATEAU, 0.01),
        (PLATEAU | {"patience": 1}, 0.01),
        ({"factor": 0.1, "patience": 2, "minimum": 0.001}, 0.05),
        (PLATEAU, 1e-6),
    ],
    ids=["published", "impatient", "to the minimum", "below the minimum"],
)
def test_a_plateau_lowers_the_rate_as_keras_does(plateau, rate):
    # Rising, stuck, a gain too small to count, rising again, falling, stuck for long.
    accuracies = [50, 80, 92.8, 92.8, 92.805, 92.7, 94.5, 94.6, 94.4, 95, 94.7, 94.9, 95.005, *[95] * 8]
    found = [plateaued(rate, accuracies[: epoch + 1], **plateau) for epoch in range(len(accuracies))]
    assert found == pytest.approx(keras_rates(rate, accuracies, plateau), rel=1e-5)


def test_the_published_plateau():
    # The log of the published VGG16 training: half the rate after epochs 9, 12 and 15. It shows the accuracies from
    # epoch 8 on; that the sixth epoch had 95 % is what follows from them.
    accuracies = [90, 91, 92, 92.5, 92.6, 95, 92.8, 92.8, 94.5, 94.6, 94.4, 95, 94.7, 94.9, 95]
    rates = [plateaued(0.01, accuracies[: epoch + 1], **PLATEAU) for epoch in range(15)]
    assert rates == [0.01] * 8 + [0.005] * 3 + [0.0025] * 3 + [0.00125]


def test_the_rate_of_a_step_follows_the_plateau_of_the_epochs_before():
    recipe = PUBLISHED | {"plateau": PLATEAU | {"patience": 1}, "warmup_epochs": 1, "milestones": [3]}
    history = [{"validation_top1": accuracy} for accuracy in (80, 80, 90, 90)]
    rates = [learning_rate(recipe, epoch * 10, 10, history[:epoch]) for epoch in range(5)]
    assert rates == pytest.approx([0.01, 0.05, 0.025, 0.0025, 0.00125])
    assert learning_rate(recipe | {"plateau": None}, 40, 10, history) == pytest.approx(0.005)


@pytest.mark.parametrize(
    "last, epoch, step, rate",
    [
        (10, 0, 0, 5e-5), (10, 9, 390, 5e-5),  # after the last milestone
        (40, 0, 0, 0.005), (40, 5, 390, 0.005), (40, 6, 0, 0.0005), (40, 25, 390, 0.0005), (40, 26, 0, 5e-5),
        (97, 0, 0, 0.034), (97, 1, 195.5, 0.046), (97, 2, 0, 0.05), (97, 42, 390, 0.05), (97, 43, 0, 0.005),
        (100, 0, 0, 0.01), (100, 5, 0, 0.05), (100, 99, 0, 5e-5),  # the whole schedule again
    ],
)  # fmt: skip
def test_rewound_fine_tuning_has_the_rates_of_the_last_epochs(last, epoch, step, rate):
    """Of the published 100 epochs: milestones after 46, 66 and 86, warm-up from 0.01 to 0.05 in 5 (0.008 an epoch)."""
    recipe = PUBLISHED | {"offset": 100 - last}
    assert learning_rate(recipe, epoch * STEPS + step, STEPS) == pytest.approx(rate)


def test_a_rewound_schedule_counts_in_epochs_whatever_the_batch_size():
    recipe = PUBLISHED | {"offset": 45}
    assert [learning_rate(recipe, step, 3) for step in range(4)] == pytest.approx([0.05] * 3 + [0.005])


@pytest.mark.parametrize(
    "factor, epochs, milestones",
    [
        (Fraction(1), 100, [46, 66, 86]), (Fraction(3, 2), 150, [69, 99, 129]), (Fraction(5, 4), 125, [58, 83, 108]),
        (Fraction(1, 200), 1, [1, 1, 1]), (Fraction(46720, 14144), 330, [152, 218, 284]),
    ],
    ids=str,
)  # fmt: skip
def test_a_stretched_recipe_has_as_many_times_the_epochs_and_the_same_warm_up(factor, epochs, milestones):
    # 46 * 5/4 = 57.5, 66 * 5/4 = 82.5, 86 * 5/4 = 107.5: halves go up. 46720 / 14144 = 3.3032.
    recipe = PUBLISHED | {"epochs": 100}
    expected = recipe | {"epochs": epochs, "milestones": milestones}
    assert stretched(a_recipe(**recipe), factor) == a_recipe(**expected)


# 8 epochs of 5 steps are 40 steps: of one_cycle the first 10 go up, in strides of (0.1 - 0.02) / 10, the other 30 down.
CYCLE = {"epochs": 8, "schedule": "one_cycle", "learning_rate": 0.1, "warmup_from": 0.02, "rise": 0.25}


def test_one_cycle_rises_over_its_share_of_the_steps_and_falls_to_zero():
    rates = [learning_rate(CYCLE, step, 5) for step in range(41)]
    assert rates[:10] == pytest.approx([0.02 + 0.008 * step for step in range(10)])
    assert rates[10:] == pytest.approx([0.1 * (40 - step) / 30 for step in range(10, 41)])
    half = [learning_rate(CYCLE | {"rise": 0.5, "warmup_from": 0.0}, step, 5) for step in (0, 10, 20, 30, 40)]
    assert half == pytest.approx([0, 0.05, 0.1, 0.05, 0])


def test_cosine_is_that_of_pytorch_after_a_linear_warm_up():
    import torch

    recipe = {"epochs": 10, "schedule": "cosine", "learning_rate": 0.2, "warmup_epochs": 2, "warmup_from": 0.05}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    theirs, expected = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=24), []
    for _ in range(24):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    rates = [learning_rate(recipe, step, 3) for step in range(30)]
    assert rates[:6] == pytest.approx([0.05 + 0.15 * step / 6 for step in range(6)])
    assert rates[6:] == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_rewound_fine_tuning_has_the_rates_of_the_end_of_such_a_schedule(schedule):
    recipe = CYCLE | {"schedule": schedule}
    rates = [learning_rate(recipe, step, 5) for step in range(40)]
    last = recipe | {"epochs": 3, "offset": 5}
    assert [learning_rate(last, step, 5) for step in range(15)] == pytest.approx(rates[25:])
