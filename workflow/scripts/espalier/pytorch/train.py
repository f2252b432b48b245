"""Training: from initial weights, with a penalty, further from a net in a file, or anew with what is left of one. One
recipe for all."""

from __future__ import annotations

import dataclasses
import functools
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from espalier.datasets.prepare import Data
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import checkpoint as checkpoints
from espalier.pytorch import runtime
from espalier.pytorch.augment import augment
from espalier.pytorch.evaluate import evaluate, resident, to_input, to_tensor
from espalier.pytorch.groups import groups
from espalier.pytorch.models import WeightsUnavailable, build_model, load, redrawn, save, tensors_of, weighted
from espalier.pytorch.profile import profile_model
from espalier.registry import Penalty, get
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
    label: str = "training",
) -> dict:
    """Train a net on the device that the runtime was started with, and write it to `out`.

    data: a prepared data set. model: {name, width, ...}, see `initial_net`. recipe:
    every key of the config's recipe. seed: of the initial weights, the order of the images, augmentation and dropout;
    each epoch derives its own, so nothing random needs to be kept to resume. parent: a model file to train further,
    None to begin; its weights that are zero, pruned ones, stay zero. scratch: "epochs" or "flops" to give the parent's
    net new initial weights first (Liu et al. 2019, arXiv:1810.05270), and train it for the recipe's epochs, or for as
    many as cost the MACs that the recipe costs the net in the file `dense`. checkpoint: a folder that the state after
    each epoch is kept in; a training that finds one of the same recipe, seed, parent and kind of device goes on from
    there and ends where it would have ended.

    Returns {"history": [one row per epoch]}, accuracies in percent, and, of new weights, "weights": what it really
    began with, random or imagenet; from scratch "epochs" too; if the recipe selects the best epoch, "measured": which
    that was. Test images are looked at only if the recipe selects by them. Raises FloatingPointError if the training
    diverges, ValueError for a selection by validation images that are not there.
    """
    data = load_data(data)
    if scratch == "flops":
        size = data.manifest["size"]
        recipe = stretched(recipe, Fraction(*(profile_model(load(file), size).macs for file in (dense, parent))))
    torch.manual_seed(seed)
    net, weights = (load(parent), None) if parent else initial_net(model, len(data.classes))
    device = runtime.device()
    net.to(device, memory_format=torch.channels_last)
    if device.type == "cuda":
        pool_by_products(net)
    masks = zero_masks(net) if parent else {}
    if scratch:
        draw_anew(net, masks, seed, model["width"])
        weights = "random"
    optimizer = make_optimizer(net, recipe)
    state = checkpoints.Checkpoint(checkpoint, [recipe, model, seed, data.manifest, weights, device.type], parent)
    history, best = state.resume(net, optimizer)
    decides = selection.column(recipe, len(data.validation))
    looked_at = ("train", "validation", *(["test"] if decides == "test_top1" else []))
    splits = {name: resident(getattr(data, name), device) for name in looked_at}
    data = dataclasses.replace(data, **splits)
    for epoch in progress.epochs(len(history) + 1, recipe["epochs"], label):
        started = time.perf_counter()
        row = {"epoch": epoch} | _train_epoch(net, optimizer, data, recipe, history, seed, masks)
        if len(data.validation):
            measured = evaluate(net, data.validation, data.manifest)
            row |= {"validation_loss": measured["loss"], "validation_top1": measured["top1"]}
        if decides == "test_top1":
            measured = evaluate(net, data.test, data.manifest)
            row |= {"test_loss": measured["loss"], "test_top1": measured["top1"]}
        row["seconds"] = time.perf_counter() - started
        history.append(row)
        progress.line(row, recipe["epochs"])
        if decides and selection.best_epoch(history, decides) == epoch:
            best = {key: value.detach().clone() for key, value in net.state_dict().items()}
        state.keep(net, optimizer, history, best)
    if best:
        net.load_state_dict(best)
    save(net, out)
    details = {"history": history} | ({"weights": weights} if weights else {}) | selection.chosen(history, decides)
    return details | ({"epochs": recipe["epochs"]} if scratch else {})


def initial_net(model: dict, num_classes: int) -> tuple:
    """A net to begin with, and what weights it has: "random" or "imagenet".

    model: {name, width, ...the architecture's own options}, and optionally weights, "random" or "imagenet", and
    fallback, "random" to go on without those of ImageNet where they cannot be had. Raises models.WeightsUnavailable
    then, if there is no fallback.
    """
    weights = model.get("weights") or "random"
    given = {key: value for key, value in model.items() if key not in ("weights", "fallback")}
    try:
        return build_model(num_classes=num_classes, weights=weights, **given), weights
    except WeightsUnavailable as error:
        if model.get("fallback") != "random":
            raise WeightsUnavailable(
                f"{error}. Put the file where torch.hub looks for it, or allow the training to begin with random "
                "weights by `fallback: random` under `model` in the config: the tables will say so."
            ) from error
        print(f"{error}. Beginning with random weights, as `fallback: random` allows.", flush=True)
        return build_model(num_classes=num_classes, **given), "random"


def zero_masks(net) -> dict:
    """For the weights of conv and linear layers that have zeros: parameter -> where it may change (1) or not (0)."""
    weights = [layer.weight for layer in weighted(net).values()]
    return {weight: (weight != 0).to(weight.dtype) for weight in weights if not weight.detach().all()}


def draw_anew(net: nn.Module, masks: dict, seed: int, width: float) -> None:
    """Give a net new initial weights, in place. masks: parameter -> where it may have weights (1) or is zero (0).
    width: that of the dense net."""
    new = tensors_of(redrawn(net, seed, width=width))
    with torch.no_grad():
        for name, tensor in tensors_of(net).items():
            tensor.copy_(new[name])
        for weight, mask in masks.items():
            weight *= mask


def pool_by_products(net) -> None:
    """Let the net's adaptive average pools be matrix products. Their own gradient on CUDA adds up in whatever order it
    comes, which deterministic algorithms refuse."""
    for module in net.modules():
        if isinstance(module, nn.AdaptiveAvgPool2d):
            module.forward = functools.partial(_pooled, size=module.output_size)


def _pooled(images: torch.Tensor, size: int | tuple[int, int]) -> torch.Tensor:
    """Adaptive average pooling of images (n, c, h, w) to `size`, in float32."""
    sizes = (size, size) if isinstance(size, int) else size
    with torch.autocast(images.device.type, enabled=False):
        rows, columns = (  # row i of each matrix: how much every pixel counts in the mean i
            functional.adaptive_avg_pool1d(torch.eye(pixels, device=images.device)[None], means)[0].T
            for pixels, means in zip(images.shape[2:], sizes, strict=True)
        )
        return (rows @ images.float() @ columns.T).to(images.dtype)


def make_optimizer(net, recipe: dict) -> torch.optim.Optimizer:
    """The recipe's optimizer. With decay_norm_and_bias off, vectors (biases, batch norms) have no weight decay."""
    decayed = [p for p in net.parameters() if p.dim() > 1 or recipe["decay_norm_and_bias"]]
    others = [p for p in net.parameters() if p.dim() <= 1 and not recipe["decay_norm_and_bias"]]
    parameters = [{"params": decayed, "weight_decay": recipe["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
    parameters = [group for group in parameters if group["params"]]
    if recipe["optimizer"] == "adam":
        return torch.optim.Adam(parameters, lr=recipe["learning_rate"])
    return torch.optim.SGD(
        parameters, lr=recipe["learning_rate"], momentum=recipe["momentum"], nesterov=recipe["nesterov"]
    )


def penalty_of(net, recipe: dict) -> torch.Tensor | float:
    """The recipe's penalty times its coefficient; 0 without one."""
    if not recipe["penalty"]:
        return 0.0
    return recipe["coefficient"] * get(Penalty, recipe["penalty"], "pytorch")(groups(net, recipe["prune_type"]))


def _train_epoch(net, optimizer, data: Data, recipe: dict, history: list[dict], seed: int, masks: dict) -> dict:
    """One pass over the training images: mean loss (without the penalty), accuracy and last learning rate.

    history: the epochs before. A weight whose gradient is masked and that is zero stays zero with any optimizer: no
    momentum, no decay moves it.
    """
    size, split, epoch = recipe["batch_size"], data.train, len(history) + 1
    device = split.images.device
    torch.manual_seed(seed * 1_000_003 + epoch)  # dropout
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(split), generator=generator) if recipe["shuffle"] else torch.arange(len(split))
    order = order.to(device)
    precision = {"device_type": device.type, "dtype": torch.bfloat16, "enabled": recipe["precision"] == "bf16"}
    steps = -(-len(split) // size)
    net.train()
    seen, loss_sum, hits, rate, penalty = 0, 0.0, 0, 0.0, 0.0  # sums stay on the device: to ask for one is to wait
    for step in range(steps):
        chosen = order[step * size : (step + 1) * size]
        if len(chosen) == 1 and steps > 1:
            continue  # batch norm cannot train on a single image
        rate = learning_rate(recipe, (epoch - 1) * steps + step, steps, history)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with runtime.one_thread():
            images = augment(to_tensor(split.images[chosen]), recipe["augment"], generator)
            images, labels = to_input(images, data.manifest), split.labels[chosen]
        with torch.autocast(**precision):
            logits = net(images).float()
        loss = functional.cross_entropy(logits, labels, label_smoothing=recipe["label_smoothing"])
        penalty = penalty_of(net, recipe)
        optimizer.zero_grad(set_to_none=True)
        (loss + penalty).backward()
        for weight, mask in masks.items():
            weight.grad *= mask
        optimizer.step()
        seen += len(chosen)
        loss_sum += loss.detach().double() * len(chosen)
        hits += (logits.argmax(1) == labels).sum()
    loss_sum, hits = float(loss_sum), int(hits)
    if not np.isfinite(loss_sum):
        raise FloatingPointError(
            f"the loss is not finite in epoch {epoch}: "
            f"lower learning_rate (now {recipe['learning_rate']}) or lengthen warmup_epochs"
        )
    return {
        "learning_rate": rate,
        "train_loss": loss_sum / seen,
        "train_top1": 100 * hits / seen,
        "penalty": penalty.item() if recipe["penalty"] else 0.0,
    }
