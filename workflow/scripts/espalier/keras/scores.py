"""Importance scores: which weights or units go first.

A score takes a matrix (groups, weights of each) and a random generator, and returns one number, not negative, for each
group; the lowest go first. Of single weights the groups are one weight each; of units a row holds the weights into one
unit.
"""

from __future__ import annotations

import numpy as np

from espalier.registry import Score, register


@register(
    Score(
        "magnitude",
        backend="keras",
        title="Magnitude of a weight",
        cite="Han et al. 2015, arXiv:1506.02626",
        of=("weights",),
    )
)
def magnitude(groups: np.ndarray, generator: np.random.Generator | None = None) -> np.ndarray:
    """|w| of every weight."""
    return np.abs(groups[:, 0])


@register(Score("l2", backend="keras", title="L2 norm of a unit's weights", of=("units",)))
def l2(groups: np.ndarray, generator: np.random.Generator | None = None) -> np.ndarray:
    """L2 norm of every unit's weights."""
    return np.sqrt(np.square(groups, dtype=np.float64).sum(axis=1))


@register(
    Score(
        "l1",
        backend="keras",
        title="L1 norm of a unit's weights",
        cite="Li et al. 2017, arXiv:1608.08710",
        of=("units",),
    )
)
def l1(groups: np.ndarray, generator: np.random.Generator | None = None) -> np.ndarray:
    """Sum of |w| of every unit's weights."""
    return np.abs(groups).sum(axis=1, dtype=np.float64)


@register(
    Score(
        "random",
        backend="keras",
        title="Random",
        cite="Blalock et al. 2020, arXiv:2003.03033",
        of=("weights", "units"),
        random=True,
    )
)
def random(groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A random number from 0 to 1 for every group: the baseline of all methods."""
    return generator.random(len(groups))
