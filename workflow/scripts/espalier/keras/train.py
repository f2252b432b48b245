"""Training: from initial weights, further from a net in a file, or anew with what is left of one. One recipe for all.

An epoch is one TensorFlow graph that loops over the steps and gathers each batch from the uint8 images in memory. For a
small net that is faster than Keras's own fit (benchmarks/keras_input.py), and no state of a random generator is hidden
in it: the same seed gives the same bits, resumed or not.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from espalier.datasets.prepare import Data, Split
from espalier.datasets.prepare import load as load_data
from espalier.keras.checkpoint import Checkpoint
from espalier.keras.evaluate import evaluate
from espalier.keras.models import anew, build_model, kernels, load, pretrain, save, weighted_layers
from espalier.keras.optimizers import make_optimizer
from espalier.keras.profile import count_macs
from espalier.keras.tensorboard import Board
from espalier.run import progress
from espalier.training import best_epoch as selection
from espalier.training.schedule import learning_rate, stretched


def train_model(
    out: str | Path,
    *,
    data: str | Path,
    model: dict,
    recipe: dict,
    seed: int,
    parent: str | Path | None = None,
    scratch: str | None = None,
    dense: str | Path | None = None,
    checkpoint: str | Path | None = None,
    tensorboard: str | Path | None = None,
    label: str = "training",
) -> dict:
    """Train a net and write it to `out`.

    data: a prepared data set. model: {"name", "width", ...}. recipe: every key of the config's recipe. seed: of the
    initial weights and the order of the images; each epoch derives its own, so nothing random is kept to resume.
    parent: a model file to train further, None for new weights; its weights that are zero, pruned ones, stay zero.
    scratch: "epochs" or "flops" to give the parent's net new initial weights first (Liu et al. 2019, arXiv:1810.05270),
    and train it for the recipe's epochs, or for as many as cost the MACs that the recipe costs the net in the file
    `dense`. checkpoint: a folder that the state after each epoch is kept in; a training that finds one of the same
    recipe, seed, data, parent and kind of device goes on from there and ends where it would have ended. tensorboard: a
    folder for TensorBoard's logs. Returns what `fit` does, of new weights {"weights": "random" or "imagenet"}, what the
    training really started from, and from scratch {"epochs": their number}. Raises ValueError for what this backend
    cannot do and FloatingPointError if the training diverges.
    """
    data, masks = load_data(data), None
    if parent:
        net, weights = load(parent), None
        masks = zero_masks(net)
    else:
        pixels = {key: data.manifest[key] for key in ("mean", "std")}
        shape, init = data.train.images.shape[1:], recipe.get("init")
        net = build_model(model, shape, len(data.classes), **pixels, init=init, seed=seed)
        weights = pretrain(net, model)
    if scratch == "flops":
        recipe = stretched(recipe, Fraction(count_macs(load(dense)), count_macs(net)))
    if scratch:
        net, masks = drawn_anew(net, masks, recipe.get("init"), seed)
        weights = "random"
    how = {"parent": parent, "checkpoint": checkpoint, "tensorboard": tensorboard, "label": label}
    trained = fit(net, data=data, recipe=recipe, seed=seed, identity=[model, weights], masks=masks, **how)
    save(net, out)
    return trained | ({"weights": weights} if weights else {}) | ({"epochs": recipe["epochs"]} if scratch else {})


def fit(
    net,
    *,
    data: Data,
    recipe: dict,
    seed: int,
    parent: str | Path | None = None,
    checkpoint: str | Path | None = None,
    identity: Sequence = (),
    tensorboard: str | Path | None = None,
    label: str = "training",
    masks: dict | None = None,
    before_step: Callable | None = None,
    after_epoch: Callable | None = None,
) -> dict:
    """Train a net in place by a recipe; the rest of `train_model`, for whatever net takes uint8 images.

    data: a loaded data set. seed: of the order of the images. identity: what else, JSON-able, tells this training from
    others, beside recipe, seed, data and the parent's file: a state in `checkpoint` is used only if all are the same.
    masks: variable reference -> mask of the weights that may change, such as `zero_masks`. before_step: called in the
    graph before each step, with its number (int32 tensor, counted from 0 over the whole training). after_epoch: called
    after the steps of an epoch; what it returns, {column: number}, is added to the epoch's row.
    Returns {"history": [one row per epoch]}, accuracies in percent, the learning rate that of the epoch's last step,
    and "measured" if the recipe selects the best epoch: which that was. Test images are looked at only if the recipe
    selects by them. Raises ValueError for what this backend cannot do, or for a `plateau` or a selection that needs
    validation images and has none, and FloatingPointError if the training diverges.
    """
    from espalier.keras.runtime import kind_of_device

    for key, what in (("augment", "augmentation"), ("penalty", "penalties")):
        if recipe.get(key):
            raise ValueError(
                f"the keras backend has no {what}: take `{key}: {recipe[key]}` out, or use backend: pytorch"
            )
    if recipe.get("plateau") and not len(data.validation):
        raise ValueError("`plateau` watches the accuracy on validation images, and the data set has none of them")
    decides = selection.column(recipe, len(data.validation))
    optimizer = make_optimizer(net, recipe)
    state = Checkpoint(checkpoint, [recipe, *identity, seed, data.manifest, kind_of_device()], parent)
    training = resident(data.train)
    run_epoch = epoch_graph(net, optimizer, recipe, masks or {}, before_step)
    history, best = state.resume(net, optimizer)
    board = Board(tensorboard, net, history)
    for epoch in progress.epochs(len(history) + 1, recipe["epochs"], label):
        started = time.perf_counter()
        row = {"epoch": epoch} | _train_epoch(run_epoch, training, recipe, epoch, seed, history)
        row |= after_epoch() if after_epoch else {}
        if len(data.validation):
            measured = evaluate(net, data.validation)
            row |= {"validation_loss": measured["loss"], "validation_top1": measured["top1"]}
        if decides == "test_top1":
            measured = evaluate(net, data.test)
            row |= {"test_loss": measured["loss"], "test_top1": measured["top1"]}
        row["seconds"] = time.perf_counter() - started
        history.append(row)
        progress.line(row, recipe["epochs"])
        board.add(row)
        if decides and selection.best_epoch(history, decides) == epoch:
            best = [variable.numpy() for variable in net.variables]
        state.keep(net, optimizer, history, best)
    board.close()
    if best:
        for variable, value in zip(net.variables, best, strict=True):
            variable.assign(value)
    return {"history": history} | selection.chosen(history, decides)


def resident(split: Split) -> Split:
    """The split with its images in the memory of the device that trains, as uint8: batches are then gathered there. A
    variable, since of other tensors TensorFlow gathers bytes on the CPU only."""
    from espalier.keras.runtime import tf

    return dataclasses.replace(split, images=tf.Variable(split.images, trainable=False))


def zero_masks(net) -> dict:
    """For the kernels that have zeros: variable reference -> mask of the weights that may change (1) or not (0)."""
    values = {kernel.ref(): kernel.numpy() for layer in weighted_layers(net) for kernel in kernels(layer)}
    return {ref: (value != 0).astype(value.dtype) for ref, value in values.items() if not value.all()}


def drawn_anew(net, masks: dict, init: dict | None, seed: int) -> tuple:
    """The net with new initial weights, those that are masked zero, and its masks: variable reference -> mask."""
    fresh, found = anew(net, init, seed), {}
    for old, new in zip(weighted_layers(net), weighted_layers(fresh), strict=True):
        for before, kernel in zip(kernels(old), kernels(new), strict=True):
            if before.ref() in masks:
                found[kernel.ref()] = masks[before.ref()]
                kernel.assign(kernel * masks[before.ref()])
    return fresh, found


def epoch_graph(net, optimizer, recipe: dict, masks: dict, before_step: Callable | None = None):
    """A compiled function that trains one epoch: (images, labels, order, rates, first) -> summed loss, number of hits.

    images (n, h, w, c) uint8 and labels (n,) as `resident` has them; order: in which they are taken; rates: the
    learning rate of each step; first: number of the epoch's first step, from which `before_step` is told the number of
    each. A weight whose gradients are masked never moves, whatever the optimizer: it has no momentum and no decay.
    """
    from espalier.keras.runtime import tf

    size, smoothing = recipe["batch_size"], recipe["label_smoothing"]
    binary, classes = net.output_shape[-1] == 1, max(2, net.output_shape[-1])
    variables, decay = net.trainable_variables, recipe["weight_decay"]
    decayed = {v.ref() for v in variables if decay and (len(v.shape) > 1 or recipe["decay_norm_and_bias"])}

    # Not rewritten by AutoGraph, which would go on into each layer's Python: as long again as building the graph.
    @tf.autograph.experimental.do_not_convert
    def one_step(images, truth, rate):
        target = tf.one_hot(truth, classes, on_value=1 - smoothing + smoothing / classes, off_value=smoothing / classes)
        with tf.GradientTape() as tape:
            logits = net(images, training=True)
            if binary:
                logits = tf.concat([tf.zeros_like(logits), logits], axis=1)
            losses = tf.nn.softmax_cross_entropy_with_logits(target, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, variables)
        gradients = [g + decay * v if v.ref() in decayed else g for g, v in zip(gradients, variables, strict=True)]
        gradients = [g * masks[v.ref()] if v.ref() in masks else g for g, v in zip(gradients, variables, strict=True)]
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == truth, tf.int32))

    @tf.function
    def run(images, labels, order, rates, first):
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


def _train_epoch(run_epoch, split, recipe: dict, epoch: int, seed: int, history: Sequence[dict] = ()) -> dict:
    """One pass over the training images: mean loss (with label smoothing), accuracy and last learning rate."""
    from espalier.keras.runtime import as_built

    number = len(split.labels)
    steps = -(-number // recipe["batch_size"])
    order = np.random.default_rng([seed, epoch]).permutation(number) if recipe["shuffle"] else np.arange(number)
    rates = [learning_rate(recipe, (epoch - 1) * steps + step, steps, history) for step in range(steps)]
    first = np.array((epoch - 1) * steps, np.int32)
    with as_built():
        loss, hits = run_epoch(split.images, split.labels, order, np.array(rates, np.float32), first)
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"the loss is not finite in epoch {epoch}: lower learning_rate (now {recipe['learning_rate']}) "
            "or lengthen warmup_epochs"
        )
    return {"learning_rate": rates[-1], "train_loss": float(loss) / number, "train_top1": 100 * int(hits) / number}
