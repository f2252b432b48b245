"""Distillation: training a net further with the dense net as its teacher (Hinton et al. 2015, arXiv:1503.02531)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from espalier.datasets.prepare import load as load_data
from espalier.pytorch.models import load, save
from espalier.pytorch.train import Learner, Loss, to_device, zero_masks
from espalier.run.fingerprint import fingerprint
from espalier.training import loop
from espalier.training.recipe import KEEP_NOTHING, Keeping, Training


def distill_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path,
    dense: str | Path,
    keeping: Keeping = KEEP_NOTHING,
    temperature: float,
    weight: float,
    **step: Any,
) -> dict[str, Any]:
    """Train the net in `parent` further, with the net in `dense` as its teacher, and write it to `out`.

    data: a prepared data set. The loss is (1 - weight) * cross entropy + weight * T^2 * KL(teacher || net), where the
    softmax of both is of logits / temperature; the teacher sees the same images, in evaluation mode. Weights that are
    zero stay zero. step: what `Training` says. Returns what `loop.run` does.
    """
    training, prepared, net = Training.of(step), load_data(data), load(parent)
    to_device(net)
    loss = with_teacher(load(dense), temperature, weight, training.recipe.label_smoothing)
    learner = Learner(net, prepared, training.recipe, training.seed, zero_masks(net), loss)
    identity = [training.model, training.seed, temperature, weight, fingerprint(files=[dense])]
    trained = loop.run(learner, identity, keeping, parent=parent)
    save(net, out)
    return trained


def with_teacher(teacher: nn.Module, temperature: float, weight: float, label_smoothing: float) -> Loss:
    """The loss of a batch, a part of which is by how far the net is from the teacher. The teacher is moved to the
    device."""
    to_device(teacher.eval())

    def loss(logits: torch.Tensor, labels: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        hard = functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        if weight == 0:
            return hard
        with torch.no_grad():
            target = functional.log_softmax(teacher(images).float() / temperature, 1)
        softened = functional.log_softmax(logits / temperature, 1)
        soft = functional.kl_div(softened, target, reduction="batchmean", log_target=True)
        return (1 - weight) * hard + weight * temperature**2 * soft

    return loss
