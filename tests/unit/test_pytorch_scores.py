"""Importance scores, by hand."""

import pytest
import torch

from espalier import registry

WEIGHT = torch.tensor([[1.0, -2.0, 3.0], [-4.0, 0.0, -6.0]])


@pytest.mark.parametrize(
    "method, rows, columns",
    [
        ("group_lasso", [1 + 4 + 9, 16 + 36], [1 + 16, 4, 9 + 36]),
        ("mean_abs", [2, 10 / 3], [2.5, 1, 4.5]),
        ("sum_abs", [6, 10], [5, 2, 9]),
        ("mean", [2 / 3, -10 / 3], [-1.5, -1, -1.5]),
        ("sum", [2, -10], [-3, -2, -3]),
    ],
)
def test_scores_of_rows_and_of_columns(method, rows, columns):
    score = registry.get("score", method, "pytorch")
    assert score(WEIGHT, 1).tolist() == pytest.approx(rows)
    assert score(WEIGHT, 0).tolist() == pytest.approx(columns)


def test_every_score_reduces_any_dimensions_to_one_number_per_group():
    weight = torch.randn(5, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    for score in registry.entries("score", "pytorch").values():
        filters, channels = score(weight, (1, 2, 3)), score(weight, (0, 2, 3))
        assert (filters.shape, channels.shape) == ((5,), (4,))
        torch.testing.assert_close(filters, score(weight.flatten(1), 1))
        torch.testing.assert_close(channels, score(weight.transpose(0, 1).flatten(1), 1))


def test_signed_scores_put_the_most_negative_groups_last_and_the_others_do_not():
    weight = torch.tensor([[-5.0, -5.0], [1.0, 1.0]])
    lowest = {name: score(weight, 1).argmin().item() for name, score in registry.entries("score", "pytorch").items()}
    assert lowest == {"mean": 0, "sum": 0, "mean_abs": 1, "sum_abs": 1, "group_lasso": 1}
