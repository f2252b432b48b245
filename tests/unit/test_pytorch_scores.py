"""Importance scores, by hand."""

import inspect
import math

import pytest
import torch

from espalier import registry

WEIGHT = torch.tensor([[1.0, -2.0, 3.0], [-4.0, 0.0, -6.0]])
GRADIENT = torch.tensor([[1.0, 1.0, 1.0], [2.0, 5.0, 1.0]])


def extra(score, weight, dims):
    """What a score asks for beside the weight."""
    number = weight.sum(dims).shape
    values = {
        "gradient": weight.cos(),
        "batch_gradient": weight.cos(),
        "scale": torch.arange(number.numel(), dtype=torch.float32),
        "gates": torch.arange(3.0 * number.numel()).reshape(-1, 3),
        "generator": torch.Generator().manual_seed(0),
    }
    return {name: values[name] for name in inspect.signature(score.function).parameters if name in values}


@pytest.mark.parametrize(
    "method, rows, columns",
    [
        ("group_lasso", [1 + 4 + 9, 16 + 36], [1 + 16, 4, 9 + 36]),
        ("mean_abs", [2, 10 / 3], [2.5, 1, 4.5]),
        ("sum_abs", [6, 10], [5, 2, 9]),
        ("mean", [2 / 3, -10 / 3], [-1.5, -1, -1.5]),
        ("sum", [2, -10], [-3, -2, -3]),
        ("l1", [6, 10], [5, 2, 9]),
        ("l2", [math.sqrt(14), math.sqrt(52)], [math.sqrt(17), 2, math.sqrt(45)]),
        ("max_abs", [3, 6], [4, 2, 6]),
        # the two rows are (5, -2, 9) apart; the columns (1, -4), (-2, 0), (3, -6): 5 and sqrt(8) and sqrt(61)
        ("fpgm", [math.sqrt(110)] * 2, [5 + math.sqrt(8), 5 + math.sqrt(61), math.sqrt(8) + math.sqrt(61)]),
    ],
)
def test_scores_of_rows_and_of_columns(method, rows, columns):
    score = registry.get(registry.Score, method, "pytorch")
    assert score(WEIGHT, 1).tolist() == pytest.approx(rows)
    assert score(WEIGHT, 0).tolist() == pytest.approx(columns)


def test_the_group_between_the_others_is_the_first_to_go_by_fpgm():
    points = torch.tensor([[0.0, 0.0], [6.0, 8.0], [3.0, 4.0]])  # on a line, 5 apart
    assert registry.get(registry.Score, "fpgm", "pytorch")(points, 1).tolist() == pytest.approx([15, 15, 10])


def test_taylor_squares_the_sum_of_gradient_times_weight():
    score = registry.get(registry.Score, "taylor", "pytorch")
    assert score(WEIGHT, 1, gradient=GRADIENT).tolist() == [(1 - 2 + 3) ** 2, (-8 + 0 - 6) ** 2]
    assert score(WEIGHT, 0, gradient=GRADIENT).tolist() == [(1 - 8) ** 2, (-2) ** 2, (3 - 6) ** 2]
    single = WEIGHT.reshape(-1, 1)
    assert score(single, 1, gradient=GRADIENT.reshape(-1, 1)).tolist() == [1, 4, 9, 64, 0, 36]


def test_gates_squares_what_each_image_says_before_it_sums():
    gates = torch.tensor([[1.0, -1.0], [0.5, 0.5]])  # the first group's images want opposite things
    assert registry.get(registry.Score, "taylor_gates", "pytorch")(WEIGHT, 1, gates=gates).tolist() == [2, 0.5]


def lamp(*weights):
    return registry.get(registry.Score, "lamp", "pytorch")(torch.tensor(weights)[:, None], 1).tolist()


def test_lamp_is_the_share_of_a_square_in_those_that_are_at_least_as_large():
    # squares 9, 1, 4, 16: 1 of 30, 4 of 29, 9 of 25, and the largest weight of a layer always 1
    assert lamp(3.0, -1.0, -2.0, 4.0) == pytest.approx([9 / 25, 1 / 30, 4 / 29, 1])
    assert lamp(300.0, -100.0, -200.0, 400.0) == pytest.approx([9 / 25, 1 / 30, 4 / 29, 1])
    assert lamp(0.0, 0.0, 2.0) == [0, 0, 1]
    assert lamp(1.0, -1.0, 1.0, 2.0) == pytest.approx([1 / 7, 1 / 7, 1 / 7, 1])


def test_the_magnitude_of_single_weights():
    assert registry.get(registry.Score, "magnitude", "pytorch")(WEIGHT.reshape(-1, 1), 1).tolist() == [1, 2, 3, 4, 0, 6]


def test_the_scale_of_a_batch_norm_is_its_groups_score():
    scale = torch.tensor([0.5, 0.1])
    assert registry.get(registry.Score, "bn_scale", "pytorch")(WEIGHT, 1, scale=scale).tolist() == scale.tolist()


def test_chance_knows_the_seed_and_not_the_weights():
    def draw(weight, seed):
        score = registry.get(registry.Score, "random", "pytorch")
        return score(weight, 1, generator=torch.Generator().manual_seed(seed)).tolist()

    many = torch.ones(1000, 2)
    assert draw(many, 1) == draw(-many, 1) != draw(many, 2)
    assert len(set(draw(many, 1))) == 1000 and sum(draw(many, 1)) == pytest.approx(500, abs=50)


def test_every_score_reduces_any_dimensions_to_one_number_per_group():
    weight = torch.randn(5, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    for score in registry.entries(registry.Score, "pytorch").values():
        for dims, number, matrix in [
            ((1, 2, 3), 5, weight.flatten(1)),
            ((0, 2, 3), 4, weight.transpose(0, 1).flatten(1)),
        ]:
            scores = score(weight, dims, **extra(score, weight, dims))
            assert scores.shape == (number,)
            torch.testing.assert_close(scores, score(matrix, 1, **extra(score, matrix, 1)))


def test_signed_scores_put_the_most_negative_groups_last_and_those_of_size_do_not():
    weight = torch.tensor([[-5.0, -5.0], [1.0, 1.0]])
    of_size = ("mean_abs", "sum_abs", "group_lasso", "l1", "l2", "max_abs", "magnitude")
    for name, lowest in {"mean": 0, "sum": 0, **dict.fromkeys(of_size, 1)}.items():
        assert registry.get(registry.Score, name, "pytorch")(weight, 1).argmin().item() == lowest, name


def test_scores_that_were_published_for_each_layer_by_itself_say_so():
    scopes = {name: registry.get(registry.Score, name, "pytorch").scope for name in ("l1", "l2", "fpgm", "mean_abs")}
    assert scopes == {"l1": "layer", "l2": "layer", "fpgm": "layer", "mean_abs": ""}


@pytest.mark.parametrize("method", ["l1", "sum_abs", "magnitude"])
def test_a_norm_of_several_names_is_computed_in_one_place(method, monkeypatch):
    monkeypatch.setattr("espalier.pytorch.scores._l1", lambda weight, dims: (weight, dims))
    assert registry.get(registry.Score, method, "pytorch")(WEIGHT, 1) == (WEIGHT, 1)
