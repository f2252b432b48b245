"""The graphs of a training: of an epoch, of a step with a batch, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from espalier.training.augmentation import mixes_labels

if TYPE_CHECKING:
    from espalier.keras.train import Learner

# In the graph: (logits (n, classes), smoothed one-hot labels (n, classes), images) -> the loss of each image (n,)
Losses = Callable[[Any, Any, Any], Any]


def epoch_graph(learner: Learner) -> Callable[..., Any]:
    """A compiled function that trains one epoch: (images, labels, order, rates, first) -> summed loss, number of hits.

    images (n, h, w, c) uint8 and labels (n,) as `resident` has them; order: in which they are taken; rates: the
    learning rate of each step; first: number of the epoch's first step.
    """
    from espalier.keras.runtime import tf

    size, before_step, one_step = learner.recipe.batch_size, learner.before_step, step_graph(learner)

    @tf.function
    def run(images: Any, labels: Any, order: Any, rates: Any, first: Any) -> tuple[Any, Any]:
        loss_sum, hits = 0.0, 0
        for step in tf.range(tf.size(rates)):
            if before_step is not None:
                before_step(first + step)
            chosen = order[step * size : (step + 1) * size]
            loss, right = one_step(tf.gather(images, chosen), tf.gather(labels, chosen), rates[step])
            loss_sum += loss
            hits += right
        return loss_sum, hits

    return run


def batch_graph(learner: Learner) -> Callable[..., Any]:
    """A compiled function that trains one step: (images, labels, rate, number) -> summed loss, number of hits.

    images (n, h, w, c) uint8; labels (n,), or each class's share (n, classes) where an augmentation mixes them;
    number: of the step, counted from 0 over the whole training.
    """
    from espalier.keras.runtime import tf

    before_step, one_step, split = learner.before_step, step_graph(learner), learner.data.train
    mixed = mixes_labels("keras", learner.recipe.augment)
    labels = ((None, len(learner.data.classes)), tf.float32) if mixed else ((None,), split.labels.dtype)
    shapes = [((None, *learner.net.input_shape[1:]), tf.uint8), labels, ((), tf.float32), ((), tf.int32)]

    @tf.function(input_signature=[tf.TensorSpec(*shape) for shape in shapes])
    def run(images: Any, labels: Any, rate: Any, number: Any) -> tuple[Any, Any]:
        if before_step is not None:
            before_step(number)
        return one_step(images, labels, rate)

    return run


def step_graph(learner: Learner) -> Callable[..., Any]:
    """One step of the optimizer, to be put into a graph: (images, labels, rate) -> summed loss, number of hits.

    labels: (n,), or each class's share (n, classes).
    """
    from espalier.keras.runtime import tf

    net, optimizer, masks = learner.net, learner.optimizer, learner.masks
    smoothing, classes = learner.recipe.label_smoothing, max(2, net.output_shape[-1])
    variables, decay = net.trainable_variables, learner.recipe.weight_decay
    decayed = {v.ref() for v in variables if decay and (len(v.shape) > 1 or learner.recipe.decay_norm_and_bias)}
    losses = learner.losses or _cross_entropies

    # Not rewritten by AutoGraph, which would go on into each layer's Python: as long again as building the graph.
    @tf.autograph.experimental.do_not_convert
    def one_step(images: Any, truth: Any, rate: Any) -> tuple[Any, Any]:
        target, truth = smoothed(truth, classes, smoothing)
        with tf.GradientTape() as tape:
            logits = logits_of(net(images, training=True))
            each = losses(logits, target, images)
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, variables)
        gradients = [g + decay * v if v.ref() in decayed else g for g, v in zip(gradients, variables, strict=True)]
        gradients = [g * masks[v.ref()] if v.ref() in masks else g for g, v in zip(gradients, variables, strict=True)]
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return tf.reduce_sum(each), tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == truth, tf.int32))

    return one_step


def smoothed(truth: Any, classes: int, smoothing: float) -> tuple[Any, Any]:
    """Labels, or each class's share of each image, as smoothed shares (n, classes), and as labels (n,): of mixed images
    the class with the largest share."""
    from espalier.keras.runtime import tf

    least = smoothing / classes
    if truth.dtype.is_floating:
        return truth * (1 - smoothing) + least, tf.argmax(truth, axis=1)
    return tf.one_hot(truth, classes, on_value=1 - smoothing + least, off_value=least), truth


def logits_of(outputs: Any) -> Any:
    """A net's outputs (n, classes) as they are; the one output z (n, 1) of a binary net as its two logits [0, z]."""
    from espalier.keras.runtime import tf

    return tf.concat([tf.zeros_like(outputs), outputs], axis=1) if outputs.shape[-1] == 1 else outputs


def _cross_entropies(logits: Any, target: Any, images: Any) -> Any:
    from espalier.keras.runtime import tf

    return tf.nn.softmax_cross_entropy_with_logits(target, logits)
