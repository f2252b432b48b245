"""Pruning by what is left: MACs, parameters or the size of the file, beside those of the dense net.

Such an amount is met by the smallest ratio whose net costs no more, found by bisection: a larger ratio never leaves
more of any layer. So the net is the one that this ratio gives, and it costs at most what was asked. Apart from
`prune`, so that pruning by a ratio does not depend on how MACs are counted.
"""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from espalier.datasets.prepare import load as load_data
from espalier.pytorch import prune, structure, unstructured
from espalier.pytorch.macs import count_macs
from espalier.pytorch.models import load, save, weighted
from espalier.training.portion import portion
from espalier.training.pruning import COSTS, Amount, Pruning
from espalier.training.recipe import KEEP_NOTHING, Keeping

if TYPE_CHECKING:
    from torch import nn

MIB = 2**20
COUNTED = {"macs": "MACs", "speed_up": "MACs", "params": "parameters", "compression": "parameters"}
EVERYTHING = Amount("threshold", -math.inf)  # nothing scores below it

Step = TypeVar("Step")
Result = TypeVar("Result")


def prune_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path | None = None,
    keeping: Keeping = KEEP_NOTHING,
    **step: Any,
) -> dict[str, Any]:
    """`prune.prune_model`, for any amount. Raises ValueError if the net cannot be made as small as is asked."""
    pruning, budget = Pruning.of(step, "pytorch"), None
    if pruning.amount.key in COSTS:
        budget = budget_of(pruning, load(dense or parent), load_data(data).manifest["size"])
    return prune.prune_model(out, data=data, parent=parent, dense=dense, keeping=keeping, budget=budget, **step)


@dataclass(frozen=True)
class Budget:
    """What a net may cost at most: MACs, parameters (of single weights those that are not zero) or bytes, as the amount
    counts. dense: the same of the dense net. cost: of a net."""

    amount: Amount
    dense: int
    cost: Callable[[nn.Module], int]

    @property
    def most(self) -> Fraction:
        """The largest cost that will do.

        >>> [float(Budget(Amount(key, "2.5"), 1000, len).most) for key in ("macs", "speed_up", "size_mib")]
        [2500.0, 400.0, 2621440.0]
        """
        value = Fraction(str(self.amount.value))
        if self.amount.key == "size_mib":
            return value * MIB
        return self.dense / value if self.amount.key in ("speed_up", "compression") else self.dense * value

    def for_channels(self, net: nn.Module, ranking: prune.Ranking, size: int) -> dict[str, list[int]]:
        """Which output channels each layer keeps."""

        def cost(amount: Amount) -> int:
            if amount is EVERYTHING:
                return self.cost(net)
            smaller = copy.deepcopy(net)
            structure.remove_channels(smaller, ranking.kept(amount), size)
            return self.cost(smaller)

        return ranking.kept(self._first([EVERYTHING, *ratios(ranking)], cost))

    def for_weights(self, net: nn.Module, pruning: Pruning) -> Pruning:
        """The same pruning by a ratio. Raises ValueError for a scope by which layers lose different shares."""
        if pruning.scope not in ("global", "layer"):
            raise ValueError(f"{self.amount.key} is met with the scopes global and layer, not {pruning.scope}")
        zero, sizes = unstructured.zeros(net), {name: layer.weight.numel() for name, layer in weighted(net).items()}
        total, left = sum(sizes.values()), self.cost(net)
        layers = [(sizes[name], zero[name]) for name in sizes]
        if pruning.scope == "global":
            layers = [(total, sum(zero.values()))]

        def cost(number: int) -> int:
            ratio = str(Fraction(number, total))
            return left - sum(max(portion(ratio, size) - before, 0) for size, before in layers)

        return replace(pruning, amount=Amount("ratio", str(Fraction(self._first(range(total), cost), total))))

    def _first(self, steps: Sequence[Step], cost: Callable[[Step], int]) -> Step:
        """The first of the steps, whose costs never rise, that costs no more than is allowed."""
        smallest = cost(steps[-1])
        if smallest > self.most:
            raise ValueError(self._unreachable(smallest))
        low, high = 0, len(steps) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if cost(steps[middle]) <= self.most else (middle + 1, high)
        return steps[low]

    def _unreachable(self, smallest: int) -> str:
        """What can be asked at most, rounded to what can be reached."""
        key, value, digits = self.amount.key, self.amount.value, 10**4
        if key == "size_mib":
            said, counted = f"{math.ceil(Fraction(smallest * digits, MIB)) / digits:g}", f"{smallest:,} bytes"
        else:
            share = Fraction(smallest, self.dense)
            factor = key in ("speed_up", "compression")
            said = f"{(math.floor(digits / share) if factor else math.ceil(digits * share)) / digits:g}"
            counted = f"{smallest:,} of the dense net's {self.dense:,} {COUNTED[key]}"
        return (
            f"{key}: {value} is out of reach: with every layer at the least that it keeps, {counted} are left; "
            f"the furthest that can be asked is {key}: {said}"
        )


def budget_of(pruning: Pruning, dense: nn.Module, size: int) -> Budget:
    """What the amount of a pruning allows. size: side of an image."""

    def macs(net: nn.Module) -> int:
        return count_macs(net, size)

    counts = {"macs": macs, "speed_up": macs, "size_mib": file_size}
    cost = counts.get(pruning.amount.key, nonzero if pruning.prune_type.masks else parameters)
    return Budget(pruning.amount, cost(dense), cost)


def parameters(net: nn.Module) -> int:
    """How many parameters a net has."""
    return sum(parameter.numel() for parameter in net.parameters())


def nonzero(net: nn.Module) -> int:
    """How many parameters of a net are not zero."""
    return sum(int(parameter.count_nonzero()) for parameter in net.parameters())


def file_size(net: nn.Module) -> int:
    """The bytes of a net's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(net, path)
        return path.stat().st_size


def ratios(ranking: prune.Ranking) -> list[Amount]:
    """All ratios by which different channels can be left, the smallest first: where the threshold of the net, or that
    of some layer, is another score."""
    if ranking.pool is not None:
        numbers = [len(ranking.pool)]
    else:
        numbers = [len(of.units) for of in ranking.outputs if not of.spared]
    found = {Fraction(index, number) for number in set(numbers) for index in range(number)}
    return [Amount("ratio", ratio) for ratio in sorted(found)]
