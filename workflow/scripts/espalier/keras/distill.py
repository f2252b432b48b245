"""Distillation: training a net further with the dense net as its teacher (Hinton et al. 2015, arXiv:1503.02531)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from espalier.datasets.prepare import load as load_data
from espalier.keras.graphs import Losses, logits_of
from espalier.keras.models import load, save
from espalier.keras.train import Learner, fit, zero_masks
from espalier.run.fingerprint import fingerprint
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
    softmax of both is of logits / temperature; the one output of a binary net counts as two logits. Weights that are
    zero stay zero. step: what `Training` says. Returns what `loop.run` does.
    """
    training, prepared, net = Training.of(step), load_data(data), load(parent)
    losses = with_teacher(load(dense), temperature, weight)
    learner = Learner(net, prepared, training.recipe, training.seed, zero_masks(net), losses)
    trained = fit(learner, [training.model, temperature, weight, fingerprint(files=[dense])], keeping, parent)
    save(net, out)
    return trained


def with_teacher(teacher: Any, temperature: float, weight: float) -> Losses:
    """The loss of each image, a part of which is by how far the net is from the teacher."""
    from espalier.keras.runtime import tf

    def losses(logits: Any, target: Any, images: Any) -> Any:
        hard = tf.nn.softmax_cross_entropy_with_logits(target, logits)
        if weight == 0:
            return hard
        wanted = tf.nn.log_softmax(logits_of(teacher(images, training=False)) / temperature)
        softened = tf.nn.log_softmax(logits / temperature)
        soft = tf.reduce_sum(tf.exp(wanted) * (wanted - softened), axis=1)
        return (1 - weight) * hard + weight * temperature**2 * soft

    return losses
