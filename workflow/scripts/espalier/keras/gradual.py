"""Pruning of single weights gradually, while a net is trained, by the TensorFlow Model Optimization toolkit (TFMOT).

As in the published studies on CIFAR-10 and on cats and dogs. The toolkit prunes the output layer too, and never a
depthwise convolution.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from espalier.datasets.prepare import load as load_data
from espalier.keras import models
from espalier.keras.groups import prunable_layers
from espalier.keras.optimizers import make_optimizer
from espalier.keras.train import Learner, fit, zero_masks
from espalier.training.pruning import Gradual, Pruning
from espalier.training.recipe import Keeping, Recipe
from espalier.training.sparsity import Course


def prune_gradually(
    out: str | Path, data: str | Path, parent: str | Path, pruning: Pruning, keeping: Keeping
) -> dict[str, Any]:
    """Prune the net in `parent` by TFMOT while it is trained further by the pruning's recipe, and write it to `out`.

    Each pruned kernel has the sparsity `initial` from the share `begin` of the training's steps on; it rises to the
    ratio at the share `end`, as `polynomial_decay` says. Weights that the parent has at zero stay zero. The file holds
    nothing of TFMOT.

    Returns {"measured", "history", "summary"}. measured: actual_ratio, the share of the weights of all pruned kernels
    that is zero in the file, and the sizes of the net while TFMOT wraps it (`_wrapped`). history: as of a training,
    with the `sparsity` of the pruned kernels in percent. summary: a row for each layer of the net. Raises ValueError
    for what TFMOT cannot do or a training with too few steps, RuntimeError if a kernel in the file is not as sparse as
    asked.
    """
    (gradual, recipe), ratio = _checked(pruning), pruning.amount.value
    net, prepared = models.load(parent), load_data(data)
    zeros = {layer.name: _zeros(layer) for layer in prunable_layers(net)}
    steps = recipe.epochs * math.ceil(len(prepared.train) / recipe.batch_size)
    schedule = polynomial_decay(float(ratio), steps, gradual)
    # Those layers alone that have something to prune: around the others a wrapper does nothing but slow the graph down.
    wrapped = wrap(net, schedule, names={layer.name for layer in prunable_layers(net)})
    before_step, after_epoch = _updates(wrapped)
    learner = Learner(
        wrapped, prepared, recipe, pruning.seed, zero_masks(net), before_step=before_step, after_epoch=after_epoch
    )
    trained = fit(learner, ["gradual", str(ratio), asdict(gradual)], keeping, parent)
    models.save(net, out)  # TFMOT wraps the net's own layers, so this is what its strip_pruning would give
    measured, summary = _wrapped(net, schedule, recipe)
    layers = prunable_layers(models.load(out))
    for layer in layers:
        check_sparsity(out, layer, ratio, zeros[layer.name])
    return trained | {"measured": {"actual_ratio": _sparsity(layers), **measured}, "summary": summary}


def _checked(pruning: Pruning) -> tuple[Gradual, Recipe]:
    """How the sparsity rises, and the recipe. Raises ValueError for a pruning that TFMOT cannot do."""
    if (pruning.prune_type.name, pruning.score.name, pruning.scope) != ("weight", "magnitude", "layer"):
        raise ValueError("gradual pruning is of single weights by their magnitude in each layer, nothing else")
    if pruning.gradual is None or pruning.recipe is None:
        raise ValueError("gradual pruning trains the net, so it needs a recipe")
    return pruning.gradual, pruning.recipe


def _updates(wrapped: Any) -> tuple[Callable[[Any], None], Callable[[], dict[str, float]]]:
    """What is done before each step (given its number) and after each epoch of training a wrapped net."""
    from espalier.keras.runtime import tf

    wrappers = [layer for layer in wrapped.layers if hasattr(layer, "pruning_step")]

    def before_step(step: Any) -> None:
        for layer in wrappers:  # what TFMOT's callback UpdatePruningStep is for; the wrappers count on by one
            layer.pruning_step.assign(tf.cast(step, tf.int64))

    def after_epoch() -> dict[str, float]:
        for layer in wrappers:
            layer.pruning_obj.weight_mask_op()  # the last step has moved weights that are masked
        return {"sparsity": 100 * _sparsity([layer.layer for layer in wrappers])}

    return before_step, after_epoch


def _wrapped(net: Any, schedule: Any, recipe: Recipe) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The net with every layer wrapped, as the documents count and save it: its sizes, and a summary of its layers.

    wrapped_params and wrapped_trainable_params are its parameters; wrapped_bytes the size of its .h5 file with the
    optimizer.
    """
    wrapped = wrap(net, schedule)
    summary = [_summary(layer, wrapped) for layer in net.layers]
    sizes = {
        "wrapped_params": wrapped.count_params(),
        "wrapped_trainable_params": sum(math.prod(tensor.shape) for tensor in wrapped.trainable_weights),
        "wrapped_bytes": _bytes_with_optimizer(wrapped, recipe),
    }
    return sizes, summary


def polynomial_decay(ratio: float, steps: int, gradual: Gradual) -> Any:
    """TFMOT's schedule for a training of so many steps: what `Course` says. ValueError if there are too few."""
    from espalier.keras.runtime import toolkit

    course = Course.of(ratio, steps, gradual)
    decay = toolkit().sparsity.keras.PolynomialDecay
    return decay(gradual.initial, ratio, course.first, course.last, frequency=course.every)


def wrap(net: Any, schedule: Any, names: set[str] | None = None) -> Any:
    """The net with TFMOT's wrapper around the layers of these names; None: around all but the one that normalises
    pixels, which TFMOT does not know. The layers are the net's own.
    """
    from espalier.keras.runtime import keras, toolkit

    prune_low_magnitude = toolkit().sparsity.keras.prune_low_magnitude

    def wrapped(layer: Any) -> Any:
        if layer.name == "normalise" or (names is not None and layer.name not in names):
            return layer
        return prune_low_magnitude(layer, pruning_schedule=schedule)

    return keras.models.clone_model(net, clone_function=wrapped)


def tfmot_zeros(number: int, ratio: str | float) -> int:
    """How many of a kernel's weights TFMOT sets to zero; it computes with 32-bit floats and keeps at least one.

    >>> tfmot_zeros(36, "0.60"), tfmot_zeros(4, 0.99)
    (22, 3)
    """
    kept = np.rint(np.float32(number) * (np.float32(1) - np.float32(ratio)))
    return number - max(int(kept), 1)


def check_sparsity(out: str | Path, layer: Any, ratio: str | float, already: int = 0) -> None:
    """RuntimeError unless a kernel has the zeros that TFMOT should have made; `already` is what it had before.

    Of weights as large as the threshold TFMOT keeps all: in large kernels a few 32-bit floats are equal.
    """
    found, number = _zeros(layer), math.prod(layer.kernel.shape)
    asked = max(tfmot_zeros(number, ratio), already)
    if abs(found - asked) > 1 + number // 500_000:
        raise RuntimeError(f"{out}: {found} of the {number} weights of {layer.name} are zero, not {asked}")


def _zeros(layer: Any) -> int:
    return int((layer.kernel.numpy() == 0).sum())


def _sparsity(layers: list[Any]) -> float:
    return sum(map(_zeros, layers)) / sum(math.prod(layer.kernel.shape) for layer in layers)


def _summary(layer: Any, wrapped: Any) -> dict[str, Any]:
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


def _bytes_with_optimizer(wrapped: Any, recipe: Recipe) -> int:
    """The size of the file that is saved if neither wrappers nor optimizer are taken off."""
    wrapped.compile(make_optimizer(wrapped, recipe))
    with tempfile.TemporaryDirectory() as folder:
        models.save_h5(wrapped, Path(folder) / "model.h5", optimizer=True)
        return (Path(folder) / "model.h5").stat().st_size
