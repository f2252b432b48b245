"""The learning rate, step by step."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espalier.schedule import learning_rate

PUBLISHED = {
    "learning_rate": 0.05, "warmup_epochs": 5, "warmup_from": 0.01, "milestones": [46, 66, 86], "gamma": 0.1
}  # fmt: skip
STEPS = 391  # of 50,000 images in batches of 128


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
