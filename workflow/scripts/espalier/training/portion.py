"""How many things a ratio asks for, whichever backend prunes."""

from __future__ import annotations

from fractions import Fraction


def portion(ratio: str | float, number: int) -> int:
    """The whole number of `number` things that a ratio asks for: int(ratio * number), without binary rounding.

    >>> portion("0.29", 100), int(0.29 * 100)
    (29, 28)
    """
    return int(Fraction(str(ratio)) * number)
