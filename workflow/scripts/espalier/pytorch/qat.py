"""Quantization-aware training of a PyTorch net; it becomes static int8 in ONNX, by the ranges of its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from espalier.pytorch import rounding, static
from espalier.pytorch.quantize import compare, export
from espalier.pytorch.train import Learner, zero_masks
from espalier.training import loop
from espalier.training.calibration import Further

if TYPE_CHECKING:
    from onnx import ModelProto


def qat_int8(further: Further, batches: Sequence[np.ndarray]) -> ModelProto:
    """Train the net while it rounds as int8 does, and quantize it; further.details is then what `loop.run` returns.

    batches: normalised images that the ranges begin with, and on which those of tensors that no conv or linear layer
    reads (a sum of two branches) are measured afterwards. Weights that are zero stay zero.
    """
    net, data, recipe = further.net, further.data, further.quantization.recipe
    if recipe is None:
        raise ValueError("quantization-aware training trains the net, so it needs a recipe")
    rounding.fold_batch_norms(net)
    rounding.simulate(net, batches)
    seed, number = further.quantization.seed, further.quantization.calibration_images
    learner = Learner(net, data, recipe, seed, zero_masks(net))
    further.details |= loop.run(learner, ["qat_int8", seed, number], further.keeping, parent=further.parent)
    ranges = rounding.plain(net)
    model = export(net, data.test.images.shape[1:])
    further.details.setdefault("measured", {})["export_difference"] = compare(net, model, data)
    return static.static_int8(model, batches, ranges=ranges)
