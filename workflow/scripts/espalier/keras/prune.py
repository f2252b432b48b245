"""Pruning of dense nets: single weights, or whole units, of every weight matrix but the output layer's.

As in the published study (report of weight against unit pruning on MNIST), each matrix loses the same share and the net
is not trained again.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from espalier.keras import models
from espalier.registry import get, register


def prune_model(
    out: str | Path, *, parent: str | Path, dense=None, data=None, prune_type: str, method: str, ratio=None, blocks=None
) -> dict:
    """Prune the net in `parent` and save it to `out`.

    prune_type, method: registered names; ratio: the share of each matrix's weights or units to remove, best as a
    string ("0.29"), from 0 up to, not including, 1; dense: the trained net that it all began with, the parent if not
    given; data: not needed here. Weights that are zero already count as removed; of a net that has lost units the ratio
    is of those left. Returns {"measured": {"actual_ratio": share of what the dense net had in the pruned layers that is
    gone}}, counted on the file read back. Raises ValueError for what it cannot do, RuntimeError if the file is not as
    asked.
    """
    kind = get("prune_type", prune_type, "keras")
    if ratio is None or blocks is not None:
        raise ValueError(f"{prune_type} pruning of a keras net takes a ratio, such as 0.50, and no blocks")
    if not 0 <= Fraction(str(ratio)) < 1:
        raise ValueError(f"the ratio is {ratio}, but must be from 0 up to, not including, 1")
    if method not in kind.options["methods"]:
        raise ValueError(f"{prune_type} does not prune by {method!r}, but by {', '.join(kind.options['methods'])}")
    net = models.load(parent)
    before = [layer.kernel.numpy() for layer in hidden_layers(net)]
    models.save(kind(net, get("score", method, "keras"), ratio), out)
    after = [layer.kernel.numpy() for layer in hidden_layers(models.load(out))]
    count = {"weights": _weights, "units": _units}[kind.options["counts"]]
    for number, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        gone, total = count(old, new)
        asked = max(portion(ratio, total), count(old, old)[0])
        if gone != asked:
            raise RuntimeError(
                f"{out}: {gone} of {total} {kind.options['counts']} of hidden layer {number} are gone, not {asked}"
            )
    first = [layer.kernel.numpy() for layer in hidden_layers(models.load(dense))] if dense else before
    counts = [count(old, new) for old, new in zip(first, after, strict=True)]
    return {"measured": {"actual_ratio": sum(gone for gone, _ in counts) / sum(total for _, total in counts)}}


def portion(ratio, number: int) -> int:
    """The whole number of `number` things that a ratio asks for: int(ratio * number), without binary rounding."""
    return int(Fraction(str(ratio)) * number)


def smallest(scores: np.ndarray, number: int) -> np.ndarray:
    """A mask, in the shape of `scores`, of the `number` smallest; of equal ones the earlier come first (row by row)."""
    flat = scores.ravel()
    if not np.isfinite(flat).all():
        raise ValueError("the net has weights that are not finite: its training diverged, try a lower learning rate")
    if number == 0:
        return np.zeros(scores.shape, bool)
    limit = np.partition(flat, number - 1)[number - 1]
    mask = flat < limit
    mask[np.flatnonzero(flat == limit)[: number - mask.sum()]] = True
    return mask.reshape(scores.shape)


def hidden_layers(net) -> list:
    """The dense layers of a net but the output layer. Raises ValueError if other layers carry weights too."""
    layers = models.weighted_layers(net)
    others = [layer.name for layer in layers if type(layer).__name__ != "Dense"]
    if others or len(layers) < 2:
        raise ValueError(
            f"weight and unit pruning need a net of dense layers; {net.name} has {', '.join(others) or 'too few'}"
        )
    return layers[:-1]


def zero_units(net, score, ratio) -> dict[str, np.ndarray]:
    """Zero, in place, the columns of the units with the lowest scores; returns the indices of the units kept, by layer.

    The net keeps its shapes: the masked form of what `unit` removes.
    """
    kept = {}
    for layer in hidden_layers(net):
        kernel = layer.kernel.numpy()
        gone = smallest(score(kernel), portion(ratio, kernel.shape[1]))
        kernel[:, gone] = 0
        layer.kernel.assign(kernel)
        kept[layer.name] = np.flatnonzero(~gone)
    return kept


def remove_units(net, kept: dict[str, np.ndarray]):
    """A net with only the units `kept` (indices by layer) in its dense layers: smaller matrices, else the same.

    A unit whose column is zero gives activation(0). Where that is 0 and nothing adds to it, the unit and the next
    matrix's row of it can go without changing what the net computes; ValueError where this does not hold.
    """
    from espalier.keras.runtime import keras, tf

    for layer in net.layers:
        if type(layer).__name__ not in ("InputLayer", "Rescaling", "Flatten", "Dense"):
            raise ValueError(f"unit pruning needs a plain chain of dense layers; {net.name} has {layer.name!r}")
        if layer.name in kept and (layer.use_bias or np.any(layer.activation(tf.zeros(1)) != 0)):
            raise ValueError(
                f"unit pruning needs layers without biases and with activation(0) = 0, which {layer.name} is not"
            )

    def cut(layer):
        config = layer.get_config()
        return type(layer).from_config(config | ({"units": len(kept[layer.name])} if layer.name in kept else {}))

    smaller = keras.models.clone_model(net, clone_function=cut)
    rows = slice(None)
    for layer in models.weighted_layers(net):
        columns = kept.get(layer.name, slice(None))
        kernel, *bias = layer.get_weights()
        smaller.get_layer(layer.name).set_weights([kernel[rows][:, columns], *bias])
        rows = columns
    return smaller


def _weights(old: np.ndarray, new: np.ndarray) -> tuple[int, int]:
    return int(old.size - np.count_nonzero(new)), old.size


def _units(old: np.ndarray, new: np.ndarray) -> tuple[int, int]:
    return old.shape[1] - new.shape[1], old.shape[1]


DENSE = {"kind": "prune_type", "backend": "keras", "needs": "dense_layers", "amount": "ratio"}


@register(
    "weight", **DENSE, title="Single weights", counts="weights", methods=("magnitude",), default_method="magnitude"
)
def weight(net, score, ratio):
    """Zero the int(ratio * n) weights with the lowest scores of each matrix; the shapes stay."""
    for layer in hidden_layers(net):
        kernel = layer.kernel.numpy()
        kernel[smallest(score(kernel), portion(ratio, kernel.size))] = 0
        layer.kernel.assign(kernel)
    return net


@register("unit", **DENSE, title="Whole units", counts="units", methods=("l2",), default_method="l2")
def unit(net, score, ratio):
    """Remove the int(ratio * columns) units with the lowest scores of each matrix, and their rows of the next one."""
    return remove_units(net, zero_units(net, score, ratio))


@register(
    "magnitude", kind="score", backend="keras", title="Magnitude of a weight", cite="Han et al. 2015, arXiv:1506.02626"
)
def magnitude(kernel):
    """|w| of every weight: shape as the kernel."""
    return np.abs(kernel)


@register("l2", kind="score", backend="keras", title="L2 norm of a unit's weights")
def l2(kernel):
    """L2 norm of every column: shape (units,)."""
    return np.sqrt(np.square(kernel, dtype=np.float64).sum(axis=0))
