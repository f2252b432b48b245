"""What a prune type prunes: the layers that lose weights or units, and how these are removed from a net.

A prune type's function is called with the net, the score, the ratio, the scope and a random generator, and returns the
pruned net.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from espalier.keras import models
from espalier.registry import PruneType, Score, register
from espalier.training.portion import portion

PRUNABLE = ("Conv2D", "Dense")  # the layers, of those in our nets, whose weights are pruned; the same as TFMOT's


def prunable_layers(net: Any) -> list[Any]:
    """The layers whose weights can be pruned: dense ones and convolutions, not the depthwise ones."""
    return [layer for layer in models.weighted_layers(net) if type(layer).__name__ in PRUNABLE]


def inner_layers(net: Any) -> list[Any]:
    """The layers that are pruned at once: `prunable_layers` but the output layer. ValueError if there is no other."""
    layers = prunable_layers(net)
    if len(layers) < 2:
        raise ValueError(f"{net.name} has too few layers to prune: the output layer is left as it is")
    return layers[:-1]


def hidden_layers(net: Any) -> list[Any]:
    """The dense layers of a net but the output layer. Raises ValueError if other layers carry weights too."""
    layers = models.weighted_layers(net)
    others = [layer.name for layer in layers if type(layer).__name__ != "Dense"]
    if others or len(layers) < 2:
        raise ValueError(f"unit pruning needs a net of dense layers; {net.name} has {', '.join(others) or 'too few'}")
    return layers[:-1]


def smallest(scores: np.ndarray, number: int) -> np.ndarray:
    """A mask, in the shape of `scores`, of the `number` smallest; of equal ones the earlier come first (row by row).

    >>> smallest(np.array([[3, 1], [1, 2]]), 1).tolist()
    [[False, True], [False, False]]
    """
    flat = scores.ravel()
    if not np.isfinite(flat).all():
        raise ValueError("the net has weights that are not finite: its training diverged, try a lower learning rate")
    if number == 0:
        return np.zeros(scores.shape, bool)
    limit = np.partition(flat, number - 1)[number - 1]
    mask = flat < limit
    mask[np.flatnonzero(flat == limit)[: number - mask.sum()]] = True
    return mask.reshape(scores.shape)


def lowest(scores: list[np.ndarray], ratio: str | float, scope: str) -> list[np.ndarray]:
    """For the scores of each layer a mask of those to go: the share of each layer, or of all of them together."""
    if scope == "layer":
        return [smallest(of_layer, portion(ratio, of_layer.size)) for of_layer in scores]
    pooled = np.concatenate([of_layer.ravel() for of_layer in scores])
    masks = np.split(smallest(pooled, portion(ratio, pooled.size)), np.cumsum([s.size for s in scores])[:-1])
    return [mask.reshape(of_layer.shape) for mask, of_layer in zip(masks, scores, strict=True)]


def zero_units(
    net: Any, score: Score, ratio: str | float, scope: str, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Zero, in place, the columns of the units with the lowest scores; returns the indices of the units kept, by layer.

    The net keeps its shapes: the masked form of what `unit` removes. A layer keeps at least its best unit; ValueError
    if too few others are there.
    """
    layers = hidden_layers(net)
    scores = [np.array(score(layer.kernel.numpy().T, generator), np.float64) for layer in layers]
    if scope == "global":
        _spare_the_best(scores, ratio)
    kept = {}
    for layer, gone in zip(layers, lowest(scores, ratio, scope), strict=True):
        kernel = layer.kernel.numpy()
        kernel[:, gone] = 0
        layer.kernel.assign(kernel)
        kept[layer.name] = np.flatnonzero(~gone)
    return kept


def _spare_the_best(scores: list[np.ndarray], ratio: str | float) -> None:
    """Raise the best score of each layer above all others, in place, so that each layer keeps a unit."""
    total = sum(map(len, scores))
    if portion(ratio, total) > total - len(scores):
        raise ValueError(f"a ratio of {ratio} leaves fewer than one of {total} units to each of {len(scores)} layers")
    top = max(of_layer.max() for of_layer in scores) + 1
    for of_layer in scores:  # of equal ones the earlier goes first, so the last of the best is kept
        of_layer[len(of_layer) - 1 - of_layer[::-1].argmax()] = top


def remove_units(net: Any, kept: dict[str, np.ndarray]) -> Any:
    """A net with only the units `kept` (indices by layer) in its dense layers: smaller matrices, else the same.

    A unit whose column is zero gives activation(0). Where that is 0 and nothing adds to it, the unit and the next
    matrix's row of it can go without changing what the net computes; ValueError where this does not hold.
    """
    from espalier.keras.runtime import keras

    _check_removable(net, kept)

    def cut(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | ({"units": len(kept[layer.name])} if layer.name in kept else {}))

    smaller = keras.models.clone_model(net, clone_function=cut)
    rows: Any = slice(None)
    for layer in models.weighted_layers(net):
        columns: Any = kept.get(layer.name, slice(None))
        kernel, *bias = layer.get_weights()
        smaller.get_layer(layer.name).set_weights([kernel[rows][:, columns], *bias])
        rows = columns
    return smaller


def _check_removable(net: Any, kept: dict[str, np.ndarray]) -> None:
    """Raise ValueError if removing units changes what the net computes."""
    from espalier.keras.runtime import tf

    for layer in net.layers:
        if type(layer).__name__ not in ("InputLayer", "Rescaling", "Flatten", "Dense"):
            raise ValueError(f"unit pruning needs a plain chain of dense layers; {net.name} has {layer.name!r}")
        if layer.name in kept and (layer.use_bias or np.any(layer.activation(tf.zeros(1)) != 0)):
            raise ValueError(
                f"unit pruning needs layers without biases and with activation(0) = 0, which {layer.name} is not"
            )


@register(
    PruneType(
        "weight",
        backend="keras",
        title="Single weights",
        needs="layers",
        amounts=("ratio",),
        scopes=("layer", "global"),
        by=("weights",),
        default_method="magnitude",
        masks=True,
        schedules=("gradual",),
    )
)
def weight(net: Any, score: Score, ratio: str | float, scope: str, generator: np.random.Generator) -> Any:
    """Zero the int(ratio * n) weights with the lowest scores, of each layer or of all together; the shapes stay."""
    layers = inner_layers(net)
    kernels = [layer.kernel.numpy() for layer in layers]
    scores = [score(kernel.reshape(-1, 1), generator).reshape(kernel.shape) for kernel in kernels]
    for kernel, of_layer in zip(kernels, scores, strict=True):
        of_layer[kernel == 0] = -1  # a weight that is zero already goes first, whatever its score
    for layer, kernel, gone in zip(layers, kernels, lowest(scores, ratio, scope), strict=True):
        kernel[gone] = 0
        layer.kernel.assign(kernel)
    return net


@register(
    PruneType(
        "unit",
        backend="keras",
        title="Whole units",
        needs="dense_layers",
        amounts=("ratio",),
        scopes=("layer", "global"),
        by=("units",),
        default_method="l2",
    )
)
def unit(net: Any, score: Score, ratio: str | float, scope: str, generator: np.random.Generator) -> Any:
    """Remove the int(ratio * n) units with the lowest scores, of each layer or of all together, and their rows of the
    next matrix."""
    return remove_units(net, zero_units(net, score, ratio, scope, generator))
