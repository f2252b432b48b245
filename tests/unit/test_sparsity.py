"""How sparse layers are: shares by shape against their closed form, and a sparsity that rises."""

import math

import pytest

from espalier.training.pruning import Gradual
from espalier.training.sparsity import Course, erdos_renyi

SHAPES = {"conv": (8, 4, 3, 3), "linear": (10, 8)}  # 288 weights and 80; the dimensions add up to 18 in both


def test_erk_leaves_as_many_weights_as_the_dimensions_add_up_to():
    # 36.8 of 368 weights stay, half of them in either layer: 288 - 18.4 and 80 - 18.4 go
    assert erdos_renyi(SHAPES, "0.90") == {"conv": 269, "linear": 61}


def test_a_layer_of_which_more_than_everything_would_stay_stays_whole():
    # 184 stay: 92 of the linear layer would be more than its 80, so that 104 of the conv's 288 stay
    assert erdos_renyi(SHAPES, 0.5) == {"conv": 184, "linear": 0}
    assert erdos_renyi(SHAPES, 0) == {"conv": 0, "linear": 0}


def test_erk_of_a_convnet_is_in_proportion_to_its_closed_form():
    shapes = {f"conv{n}": (2**n, 2 ** (n - 1), 3, 3) for n in range(5, 10)} | {"last": (100, 512)}
    gone, total = erdos_renyi(shapes, "0.95"), sum(map(math.prod, shapes.values()))
    assert sum(gone.values()) == pytest.approx(0.95 * total, abs=len(shapes))
    stays = {name: 1 - number / math.prod(shapes[name]) for name, number in gone.items()}
    factors = [stays[name] * math.prod(shape) / sum(shape) for name, shape in shapes.items() if stays[name] < 1]
    assert len(factors) >= 5 and factors == pytest.approx([factors[0]] * len(factors), rel=0.01)
    assert stays["conv9"] < stays["conv7"] < stays["conv5"]


def test_a_sparsity_rises_by_the_cube_of_what_is_left_to_do():
    course = Course.of("0.80", 20, Gradual(initial=0.2, begin=0.2, end=0.6, every=2))
    found = {step: course.sparsity(step) for step in range(1, 21) if course.sparsity(step) is not None}
    # From step 4 to 12: 0.8 - 0.6 (1 - p)^3 at p = 0, 1/4, 1/2, 3/4 and 1
    expected = [0.2, 0.8 - 0.6 * 27 / 64, 0.8 - 0.6 / 8, 0.8 - 0.6 / 64, 0.8]
    assert list(found) == [4, 6, 8, 10, 12] and list(found.values()) == pytest.approx(expected)


def test_a_training_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="does not fit into a training of 4 steps"):
        Course.of(0.5, 4, Gradual(initial=0.0, begin=0.0, end=0.8, every=5))
