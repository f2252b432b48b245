"""Pruning of single weights and of whole units of dense nets, at once. Gradual pruning: `gradual`.

As in the published study of weight against unit pruning on MNIST: every weight matrix but the output layer's loses the
same share, or all of them together the share, and the net is not trained again.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from espalier.keras import models
from espalier.registry import PruneType, Score, get, register
from espalier.training.portion import portion

PRUNABLE = ("Conv2D", "Dense")  # the layers, of those in our nets, whose weights are pruned; the same as TFMOT's


def prune_model(
    out: str | Path,
    *,
    parent: str | Path,
    dense: str | Path | None = None,
    data: str | Path | None = None,
    prune_type: str,
    method: str,
    scope: str | None = None,
    ratio: str | float | None = None,
    blocks=None,
    threshold=None,
    pattern=None,
    seed: int = 0,
    gradual: dict | None = None,
    recipe: dict | None = None,
    checkpoint: str | Path | None = None,
    label: str = "pruning",
) -> dict:
    """Prune the net in `parent` and save it to `out`.

    prune_type, method: registered names; ratio: the share of weights or units to remove, best as a string ("0.29"),
    from 0 up to, not including, 1; scope: "layer", each layer loses this share, or "global", all together; dense: the
    trained net that it all began with, the parent if not given; seed: of random scores, and of gradual pruning's order
    of images. Weights that are zero already count as removed; of a net that has lost units the ratio is of those left.
    gradual: {"initial", "begin", "end", "every"}, to prune while training as `gradual.gradually` says, by `recipe` on
    the prepared data set `data`; `checkpoint` and `label` are as for train_model.

    Returns {"measured": {"actual_ratio": share of what the dense net had in the pruned layers that is gone}}, counted
    on the file read back; of gradual pruning more, see `gradual.gradually`. Raises ValueError for what it cannot do,
    RuntimeError if the file is not as asked.
    """
    kind, score = get(PruneType, prune_type, "keras"), get(Score, method, "keras")
    if ratio is None or any(amount is not None for amount in (blocks, threshold, pattern)):
        raise ValueError(f"{prune_type} pruning of a keras net takes a ratio, such as 0.50, and nothing else")
    if not 0 <= Fraction(str(ratio)) < 1:
        raise ValueError(f"the ratio is {ratio}, but must be from 0 up to, not including, 1")
    by, scope = kind.by, scope or kind.scopes[0]
    if not set(by) <= set(score.of):
        raise ValueError(f"{prune_type} prunes {' and '.join(by)}, and {method} judges {', '.join(score.of)}")
    if scope not in kind.scopes:
        raise ValueError(f"{prune_type} has no scope {scope!r}, but {', '.join(kind.scopes)}")
    if gradual:
        if prune_type != "weight" or method != "magnitude" or scope != "layer":
            raise ValueError("gradual pruning is of single weights by their magnitude in each layer, nothing else")
        from espalier.keras.gradual import gradually

        how = {"checkpoint": checkpoint, "label": label}
        return gradually(out, parent=parent, data=data, ratio=ratio, seed=seed, recipe=recipe, **gradual, **how)
    layers, count = {"weights": (inner_layers, _weights), "units": (hidden_layers, _units)}[by[0]]
    net = models.load(parent)
    before = [layer.kernel.numpy() for layer in layers(net)]
    models.save(kind(net, score, ratio, scope, np.random.default_rng(seed)), out)
    after = [layer.kernel.numpy() for layer in layers(models.load(out))]
    found = [(*count(old, new), count(old, old)[0]) for old, new in zip(before, after, strict=True)]
    for gone, total, already in found if scope == "layer" else [tuple(map(sum, zip(*found, strict=True)))]:
        asked = max(portion(ratio, total), already)
        if gone != asked:
            raise RuntimeError(f"{out}: {gone} of the {total} {by[0]} of a {scope} scope are gone, not {asked}")
    pruned_before = dense is not None and Path(dense) != Path(parent)
    first = [layer.kernel.numpy() for layer in layers(models.load(dense))] if pruned_before else before
    counts = [count(old, new) for old, new in zip(first, after, strict=True)]
    return {"measured": {"actual_ratio": sum(gone for gone, _ in counts) / sum(total for _, total in counts)}}


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


def lowest(scores: list[np.ndarray], ratio, scope: str) -> list[np.ndarray]:
    """For the scores of each layer a mask of those to go: the share of each layer, or of all of them together."""
    if scope == "layer":
        return [smallest(of_layer, portion(ratio, of_layer.size)) for of_layer in scores]
    pooled = np.concatenate([of_layer.ravel() for of_layer in scores])
    masks = np.split(smallest(pooled, portion(ratio, pooled.size)), np.cumsum([s.size for s in scores])[:-1])
    return [mask.reshape(of_layer.shape) for mask, of_layer in zip(masks, scores, strict=True)]


def prunable_layers(net) -> list:
    """The layers whose weights can be pruned: dense ones and convolutions, not the depthwise ones."""
    return [layer for layer in models.weighted_layers(net) if type(layer).__name__ in PRUNABLE]


def inner_layers(net) -> list:
    """The layers that are pruned at once: `prunable_layers` but the output layer. ValueError if there is no other."""
    layers = prunable_layers(net)
    if len(layers) < 2:
        raise ValueError(f"{net.name} has too few layers to prune: the output layer is left as it is")
    return layers[:-1]


def hidden_layers(net) -> list:
    """The dense layers of a net but the output layer. Raises ValueError if other layers carry weights too."""
    layers = models.weighted_layers(net)
    others = [layer.name for layer in layers if type(layer).__name__ != "Dense"]
    if others or len(layers) < 2:
        raise ValueError(f"unit pruning needs a net of dense layers; {net.name} has {', '.join(others) or 'too few'}")
    return layers[:-1]


def zero_units(net, score, ratio, scope: str = "layer", generator=None) -> dict[str, np.ndarray]:
    """Zero, in place, the columns of the units with the lowest scores; returns the indices of the units kept, by layer.

    The net keeps its shapes: the masked form of what `unit` removes. A layer keeps at least its best unit; ValueError
    if too few others are there.
    """
    layers = hidden_layers(net)
    scores = [np.array(score(layer.kernel.numpy().T, generator), np.float64) for layer in layers]
    if scope == "global":
        total = sum(map(len, scores))
        if portion(ratio, total) > total - len(layers):
            raise ValueError(
                f"a ratio of {ratio} leaves fewer than one of {total} units to each of {len(layers)} layers"
            )
        top = max(of_layer.max() for of_layer in scores) + 1
        for of_layer in scores:  # of equal ones the earlier goes first, so the last of the best is kept
            of_layer[len(of_layer) - 1 - of_layer[::-1].argmax()] = top
    kept = {}
    for layer, gone in zip(layers, lowest(scores, ratio, scope), strict=True):
        kernel = layer.kernel.numpy()
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
def weight(net, score, ratio, scope, generator):
    """Zero the int(ratio * n) weights with the lowest scores, of each layer or of all together; the shapes stay."""
    layers = inner_layers(net)
    kernels = [layer.kernel.numpy() for layer in layers]
    scores = [score(kernel.reshape(-1, 1), generator).reshape(kernel.shape) for kernel in kernels]
    for kernel, of_layer in zip(kernels, scores, strict=True):
        of_layer[kernel == 0] = -1  # what is gone already goes first, whatever the score
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
def unit(net, score, ratio, scope, generator):
    """Remove the int(ratio * n) units with the lowest scores, of each layer or of all together, and their rows of the
    next matrix."""
    return remove_units(net, zero_units(net, score, ratio, scope, generator))


# A score takes a matrix (groups, weights of each) and a random generator: of single weights the groups are one weight
# each, of units a row holds the weights into one unit. It gives one number, not negative, for each group.


@register(
    Score(
        "magnitude",
        backend="keras",
        title="Magnitude of a weight",
        cite="Han et al. 2015, arXiv:1506.02626",
        of=("weights",),
    )
)
def magnitude(groups, generator=None):
    """|w| of every weight."""
    return np.abs(groups[:, 0])


@register(Score("l2", backend="keras", title="L2 norm of a unit's weights", of=("units",)))
def l2(groups, generator=None):
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
def l1(groups, generator=None):
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
def random(groups, generator):
    """A random number from 0 to 1 for every group: the baseline of all methods."""
    return generator.random(len(groups))
