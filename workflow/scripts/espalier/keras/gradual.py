"""Pruning of single weights gradually, while a net trains, by the TensorFlow Model Optimization toolkit (TFMOT).

As in the published studies on CIFAR-10 and on cats and dogs. The toolkit prunes the output layer too, and never a
depthwise convolution.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from espalier.datasets.prepare import load as load_data
from espalier.keras import models
from espalier.keras.optimizers import make_optimizer
from espalier.keras.prune import prunable_layers
from espalier.keras.train import fit, zero_masks


def gradually(
    out: str | Path,
    *,
    parent: str | Path,
    data: str | Path,
    ratio,
    seed: int,
    recipe: dict,
    initial: float,
    begin: float,
    end: float,
    every: int,
    **how,
) -> dict:
    """Prune the net in `parent` by TFMOT while it trains further by `recipe`, and save it, stripped of TFMOT, to `out`.

    Each pruned kernel has the sparsity `initial` from the share `begin` of the training's steps on, and rises to the
    final `ratio` at the share `end`, as `polynomial_decay` says. Weights that the parent has at zero stay zero.

    Returns {"measured", "history", "summary"}. measured: actual_ratio, the share of the weights of all pruned kernels
    that is zero in the file; wrapped_params and wrapped_trainable_params, the parameters of the net while TFMOT wraps
    its layers; wrapped_bytes, of its .h5 file with the optimizer. history: as of a training, with the `sparsity` of the
    pruned kernels in percent. summary: a row for each layer of the net. Raises ValueError for a training with too few
    steps, RuntimeError if a kernel in the file is not as sparse as asked.
    """
    from espalier.keras.runtime import tf

    net, data = models.load(parent), load_data(data)
    zeros = {layer.name: _zeros(layer) for layer in prunable_layers(net)}
    steps = recipe["epochs"] * math.ceil(len(data.train) / recipe["batch_size"])
    decay = {"initial": initial, "begin": begin, "end": end, "every": every}
    schedule = polynomial_decay(float(ratio), steps=steps, **decay)
    # Those layers alone that have something to prune: around the others a wrapper does nothing but slow the graph down.
    wrapped = wrap(net, schedule, names={layer.name for layer in prunable_layers(net)})
    wrappers = [layer for layer in wrapped.layers if hasattr(layer, "pruning_step")]

    def before_step(step):  # what TFMOT's callback UpdatePruningStep is for; the wrappers count on by one
        for layer in wrappers:
            layer.pruning_step.assign(tf.cast(step, tf.int64))

    def after_epoch():
        for layer in wrappers:
            layer.pruning_obj.weight_mask_op()  # the last step has moved weights that are masked
        return {"sparsity": 100 * _sparsity([layer.layer for layer in wrappers])}

    trained = fit(
        wrapped,
        data=data,
        recipe=recipe,
        seed=seed,
        parent=parent,
        identity=["gradual", str(ratio), decay],
        masks=zero_masks(net),
        before_step=before_step,
        after_epoch=after_epoch,
        **how,
    )
    models.save(net, out)  # TFMOT wraps the net's own layers, so this is what its strip_pruning would give
    wrapped = wrap(net, schedule)  # every layer, as the documents count and save it
    summary = [_summary(layer, wrapped) for layer in net.layers]
    measured = {
        "wrapped_params": wrapped.count_params(),
        "wrapped_trainable_params": sum(math.prod(tensor.shape) for tensor in wrapped.trainable_weights),
        "wrapped_bytes": _bytes_with_optimizer(wrapped, recipe),
    }
    layers = prunable_layers(models.load(out))
    for layer in layers:
        check_sparsity(out, layer, ratio, zeros[layer.name])
    return trained | {"measured": {"actual_ratio": _sparsity(layers), **measured}, "summary": summary}


def polynomial_decay(ratio: float, *, steps: int, initial: float, begin: float, end: float, every: int):
    """TFMOT's schedule for a training of so many steps: s = s_f + (s_i - s_f) (1 - p)^3, p from 0 to 1 (Zhu and Gupta
    2017, arXiv:1710.01878).

    Masks change only every `every` steps from the first on. So that the last change makes the final sparsity, the end
    is moved to the first such step at or after it, or to the last there is. ValueError if there is none.
    """
    from espalier.keras.runtime import toolkit

    first, last = round(begin * steps), round(end * steps)
    turns = min(math.ceil((last - first) / every), (steps - first) // every)
    if turns < 1:
        raise ValueError(
            f"gradual pruning from step {first} to {last}, with masks that change every {every} steps, does not fit "
            f"into a training of {steps} steps: train longer, begin earlier or lower `every`"
        )
    return toolkit().sparsity.keras.PolynomialDecay(initial, ratio, first, first + turns * every, frequency=every)


def wrap(net, schedule, names: set[str] | None = None):
    """The net with TFMOT's wrapper around the layers of these names; None: around all but the one that normalises
    pixels, which TFMOT does not know. The layers are the net's own.
    """
    from espalier.keras.runtime import keras, toolkit

    prune_low_magnitude = toolkit().sparsity.keras.prune_low_magnitude

    def wrapped(layer):
        if layer.name == "normalise" or (names is not None and layer.name not in names):
            return layer
        return prune_low_magnitude(layer, pruning_schedule=schedule)

    return keras.models.clone_model(net, clone_function=wrapped)


def tfmot_zeros(number: int, ratio) -> int:
    """How many of a kernel's weights TFMOT sets to zero; it reckons with 32-bit floats and keeps at least one."""
    kept = np.rint(np.float32(number) * (np.float32(1) - np.float32(ratio)))
    return number - max(int(kept), 1)


def check_sparsity(out: str | Path, layer, ratio, already: int = 0) -> None:
    """RuntimeError unless a kernel has the zeros that TFMOT should have made; `already` is what it had before.

    Of weights as large as the threshold TFMOT keeps all: in large kernels a few 32-bit floats are equal.
    """
    found, number = _zeros(layer), math.prod(layer.kernel.shape)
    asked = max(tfmot_zeros(number, ratio), already)
    if abs(found - asked) > 1 + number // 500_000:
        raise RuntimeError(f"{out}: {found} of the {number} weights of {layer.name} are zero, not {asked}")


def _zeros(layer) -> int:
    return int((layer.kernel.numpy() == 0).sum())


def _sparsity(layers) -> float:
    return sum(map(_zeros, layers)) / sum(math.prod(layer.kernel.shape) for layer in layers)


def _summary(layer, wrapped) -> dict:
    """A row of the wrapped net's summary."""
    names = {inner.name for inner in wrapped.layers}
    wrapper = wrapped.get_layer(layer.name if layer.name in names else f"prune_low_magnitude_{layer.name}")
    shape = layer.output_shape[0] if isinstance(layer.output_shape, list) else layer.output_shape
    return {
        "layer": layer.name,
        "kind": type(layer).__name__,
        "output_shape": " x ".join(map(str, shape[1:])),
        "params": layer.count_params(),
        "wrapped_params": wrapper.count_params(),
        "pruned": bool(getattr(wrapper, "pruning_vars", [])),
    }


def _bytes_with_optimizer(wrapped, recipe: dict) -> int:
    """The size of the file that is saved if neither wrappers nor optimizer are taken off."""
    wrapped.compile(make_optimizer(wrapped, recipe))
    with tempfile.TemporaryDirectory() as folder:
        models.save_h5(wrapped, Path(folder) / "model.h5", optimizer=True)
        return (Path(folder) / "model.h5").stat().st_size
