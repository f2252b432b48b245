"""How many things a ratio asks for."""

import pytest

from espalier.training.portion import portion


@pytest.mark.parametrize(
    "ratio, number, share", [("0.29", 100, 29), ("0.57", 100, 57), (0.29, 100, 29), ("0.9", 10, 9), ("0.999", 10, 9)]
)
def test_a_portion_is_exact_where_binary_fractions_are_not(ratio, number, share):
    assert portion(ratio, number) == share
