"""Which output channels of a net's layers can only go together, and which cannot go at all, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from espalier.pytorch import groups as grouping
from espalier.pytorch import structure
from espalier.pytorch.trial_removal import agrees, oddity

if TYPE_CHECKING:
    from torch import nn

TRIALS = 4  # of sets that go through the same operations: after so many halvings those that are left stay
Channel = tuple[str, int]  # a layer's name, and the index of one of its output channels


@dataclass(frozen=True)
class Coupled:
    """Units of output channels that can only go together: each unit has channels of each of the layers.

    layers: names, in the order of definition. places: of each layer, for each unit its channels there, as many for
    each unit. why: the reason why none of the units can go; "" if they can.
    """

    layers: list[str]
    places: dict[str, list[list[int]]]
    why: str = ""

    def __len__(self) -> int:
        return len(self.places[self.layers[0]])

    @property
    def channels(self) -> int:
        """The largest number of channels that a unit has in one layer."""
        return max(len(of_layer[0]) for of_layer in self.places.values())


def coupled(net: nn.Module, size: int, kind: str = "filters") -> list[Coupled]:
    """The units of output channels of a net's convs (kind "filters") or linear layers ("neurons").

    In a chain of convs each channel is a unit of its own. Where layers are added up, the channels that meet are one
    unit; after a concatenation, they may stand at other places. Units that lie in the same layers are given together.

    Some cannot go: what gives the classes; what a grouped conv reads or writes (but not a depthwise one, whose channels
    go with those it reads); what is combined with the outputs of layers of another kind; and what goes through
    operations that mix or reorder channels so that a net without them computes something else, which is tried out.
    """
    layers = grouping.LAYERS[kind](net)
    links = _Links({name: structure.width(layer) for name, layer in layers.items()})
    graph = structure.dependencies(net, size)
    for name, layer in layers.items():
        if layer not in graph.module2node:
            links.spare(name, range(structure.width(layer)), f"{name} is not called as a layer")
        elif name not in links.seen:
            _follow(graph, layers, name, links)
    return _tried(net, size, list(links.sets()))


def _follow(graph: Any, layers: dict[str, Any], name: str, links: _Links) -> None:
    """Note what goes with each output of a layer."""
    names = {layer: name for name, layer in layers.items()}
    channels = range(structure.width(layers[name]))
    try:
        group = structure.group_of(graph, layers[name], channels)
    except (IndexError, TypeError, AttributeError):  # what Torch-Pruning raises
        links.spare(name, channels, f"Torch-Pruning loses track of the channels of {name}, as in a split into parts")
        return
    for item in group:
        dependency, indices, roots = item.dep, item.idxs, item.root_idxs
        module, writes = dependency.target.module, graph.is_out_channel_pruning_fn(dependency.handler)
        if writes and module in names:
            links.join(name, roots, names[module], indices)
        if odd := oddity(dependency.target):
            links.doubt(name, roots, odd)
        if why := _obstacle(graph, layers, name, dependency):
            links.spare(name, roots, why)
        if (number := _norm_groups(module)) > 1:
            links.join_groups(name, roots, indices, graph._module2name[module], module.num_channels // number)


def _norm_groups(module: Any) -> int:
    from torch import nn

    return module.num_groups if isinstance(module, nn.GroupNorm) else 1


def _obstacle(graph: Any, layers: dict[str, Any], name: str, dependency: Any) -> str:
    """Why what goes from a module by a dependency cannot go, "" if it can."""
    from torch import nn
    from torch_pruning import ops

    module, writes = dependency.target.module, graph.is_out_channel_pruning_fn(dependency.handler)
    called = graph._module2name.get(module, "")
    if dependency.target.type == ops.OPTYPE.OUTPUT and len(module.shape) == 2:
        return f"{name} gives the classes"
    conv = isinstance(module, nn.modules.conv._ConvNd)
    if conv and module.groups > 1 and not module.groups == module.in_channels == module.out_channels:
        return f"{called} is a conv in {module.groups} groups"
    if writes and (conv or isinstance(module, nn.Linear)) and called not in layers:
        return f"the outputs of {name} are combined with those of {called}, a {type(module).__name__}"
    if isinstance(module, nn.MultiheadAttention | nn.LSTM | nn.Embedding):
        return f"{name} and {called}, a {type(module).__name__}, share their width"
    return ""


@dataclass
class _Links:
    """Which channels go together, as a forest: each channel points to another one of its unit, or to itself."""

    widths: dict[str, int]
    parents: dict[Channel, Channel] = field(default_factory=dict)
    reasons: dict[Channel, str] = field(default_factory=dict)
    doubts: dict[Channel, set[str]] = field(default_factory=dict)  # operations that channels are moved by, perhaps
    seen: set[str] = field(default_factory=set)  # layers all of whose channels were joined with others, or looked at

    def root(self, channel: Channel) -> Channel:
        while (parent := self.parents.get(channel, channel)) != channel:
            channel = parent
        return channel

    def _join(self, one: Channel, other: Channel) -> None:
        first, second = self.root(one), self.root(other)
        if first != second:
            self.parents[second] = first

    def join(self, name: str, indices: Sequence[int], other: str, others: Sequence[int]) -> None:
        for one, two in zip(indices, others, strict=True):
            self._join((name, one), (other, two))
        if len(set(others)) == self.widths[other]:
            self.seen.add(other)

    def join_groups(self, name: str, roots: Sequence[int], indices: Sequence[int], norm: str, length: int) -> None:
        """A norm over groups of so many channels keeps the number of its groups: what stands at the same place of each
        goes together, whichever layer it is of. Such a place is a channel, too, of no layer."""
        for root, index in zip(roots, indices, strict=True):
            self._join((f"norm {norm}", index % length), (name, root))

    def spare(self, name: str, indices: Sequence[int], why: str) -> None:
        for index in indices:
            self.reasons.setdefault((name, index), why)

    def doubt(self, name: str, indices: Sequence[int], operation: str) -> None:
        for index in indices:
            self.doubts.setdefault((name, index), set()).add(operation)

    def sets(self) -> Iterator[tuple[Coupled, str]]:
        """Units that lie in the same layers, as many channels in each, and what makes them doubtful."""
        units: dict[Channel, dict[str, list[int]]] = {}
        for name, width in self.widths.items():
            for index in range(width):
                units.setdefault(self.root((name, index)), {}).setdefault(name, []).append(index)
        reasons: dict[Channel, str] = {}
        for channel, why in self.reasons.items():
            reasons.setdefault(self.root(channel), why)
        doubts: dict[Channel, set[str]] = {}
        for channel, operations in self.doubts.items():
            doubts.setdefault(self.root(channel), set()).update(operations)
        alike: dict[Any, list[dict[str, list[int]]]] = {}
        for root, unit in units.items():
            shape = tuple((name, len(indices)) for name, indices in unit.items())
            doubt = ", ".join(sorted(doubts.get(root, ())))
            alike.setdefault((shape, reasons.get(root, ""), doubt), []).append(unit)
        for (shape, why, doubt), members in alike.items():
            layers = [name for name, _ in shape]
            yield Coupled(layers, {name: [unit[name] for unit in members] for name in layers}, why), doubt


def _tried(net: nn.Module, size: int, sets: list[tuple[Coupled, str]]) -> list[Coupled]:
    """The sets, where those that are doubtful were tried: all together, if that fails those of a kind, then fewer."""
    doubtful = {id(units): doubt for units, doubt in sets if doubt and not units.why and len(units) > 1}
    trying = [units for units, _ in sets if id(units) in doubtful]
    if not trying or agrees(net, size, _every_second(trying)):
        return [units for units, _ in sets]
    wrong: set[int] = set()
    for doubt in dict.fromkeys(doubtful.values()):
        wrong |= _wrong(net, size, [units for units in trying if doubtful[id(units)] == doubt], TRIALS)
    return [_mixed(units, doubt) if id(units) in wrong else units for units, doubt in sets]


def _wrong(net: nn.Module, size: int, sets: list[Coupled], trials: int) -> set[int]:
    """The ids of the sets whose removal changes what the net computes, found by halves in a number of trials; those
    that are not settled by then are among them."""
    if agrees(net, size, _every_second(sets)):
        return set()
    if len(sets) == 1 or trials <= 1:
        return set(map(id, sets))
    middle = len(sets) // 2
    return _wrong(net, size, sets[:middle], trials // 2) | _wrong(net, size, sets[middle:], trials // 2)


def _mixed(units: Coupled, operations: str) -> Coupled:
    why = f"{units.layers[-1]} feeds operations that mix or reorder its channels ({operations})"
    return Coupled(units.layers, units.places, why)


def _every_second(sets: Sequence[Coupled]) -> dict[str, list[int]]:
    """The channels of every second unit, by layer, to be removed for a trial."""
    gone: dict[str, list[int]] = {}
    for units in sets:
        for name, of_layer in units.places.items():
            gone.setdefault(name, []).extend(index for unit in of_layer[1::2] for index in unit)
    return {name: sorted(indices) for name, indices in gone.items()}
