"""How sparse layers are: a sparsity that rises while a net is trained, and one for each layer by its shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from espalier.training.pruning import Gradual


@dataclass(frozen=True)
class Course:
    """A sparsity that rises from `initial` to `final` while a net is trained, as in TensorFlow's toolkit (TFMOT): from
    step `first` to step `last`, counted from 1, masks change every `every` steps (Zhu and Gupta 2017,
    arXiv:1710.01878)."""

    initial: float
    final: float
    first: int
    last: int
    every: int

    @classmethod
    def of(cls, ratio: str | float, steps: int, gradual: Gradual) -> Course:
        """The course of a training of so many steps, to the sparsity `ratio`.

        So that the last change makes the final sparsity, the end is moved to the first step of a change at or after it,
        or to the last there is. Raises ValueError if there is none.
        """
        first, last, every = round(gradual.begin * steps), round(gradual.end * steps), gradual.every
        turns = min(math.ceil((last - first) / every), (steps - first) // every)
        if turns < 1:
            raise ValueError(
                f"gradual pruning from step {first} to {last}, with masks that change every {every} steps, does not "
                f"fit into a training of {steps} steps: train longer, begin earlier or lower `every`"
            )
        return cls(gradual.initial, float(ratio), first, first + turns * every, every)

    def sparsity(self, step: int) -> float | None:
        """The sparsity that a step begins with: s = s_f + (s_i - s_f) (1 - p)^3, p from 0 to 1. None if masks stay.

        >>> course = Course(initial=0.0, final=0.8, first=0, last=4, every=2)
        >>> [course.sparsity(step) for step in (1, 2, 3, 4, 6)]
        [None, 0.7000000000000001, None, 0.8, None]
        """
        if not self.first <= step <= self.last or (step - self.first) % self.every:
            return None
        done = (step - self.first) / (self.last - self.first)
        return self.final + (self.initial - self.final) * (1 - done) ** 3


def erdos_renyi(shapes: Mapping[str, Sequence[int]], ratio: str | float) -> dict[str, int]:
    """How many weights go from each layer, by its name, if a share of all weights goes: Erdos-Renyi-Kernel (Evci et al.
    2020, arXiv:1911.11134).

    The share that stays in a layer is in proportion to (sum of its dimensions) / (product of its dimensions): small
    layers stay denser. Layers of which more than everything would stay, stay whole. shapes: of the weights, (outputs,
    inputs, height, width) of a conv.

    >>> erdos_renyi({"conv": (8, 4, 3, 3), "linear": (10, 8)}, 0.5)
    {'conv': 184, 'linear': 0}
    """
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    whole: set[str] = set()
    while True:
        others = [name for name in shapes if name not in whole]
        left = sum(sizes.values()) * (1 - Fraction(str(ratio))) - sum(sizes[name] for name in whole)
        factor = left / sum(sum(shapes[name]) for name in others)
        densities = {name: factor * Fraction(sum(shapes[name]), sizes[name]) for name in others}
        most = max(densities.values())
        if most <= 1:
            return {name: int((1 - densities.get(name, Fraction(1))) * size) for name, size in sizes.items()}
        whole |= {name for name, density in densities.items() if density == most}
