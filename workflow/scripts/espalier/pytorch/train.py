"""Training: of a new net, of a net in a file, or of a pruned net from new weights. One recipe for all."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from espalier.datasets.prepare import Data, Split
from espalier.datasets.prepare import load as load_data
from espalier.pytorch import runtime
from espalier.pytorch.average import Average
from espalier.pytorch.cutting import tensors_of
from espalier.pytorch.evaluate import evaluate, resident, to_input, to_tensor
from espalier.pytorch.given import initial_net
from espalier.pytorch.groups import groups, scales
from espalier.pytorch.models import load, redrawn, save, weighted
from espalier.registry import Penalty, get
from espalier.run import software
from espalier.training import loop
from espalier.training.augmentation import augment, mixes_labels
from espalier.training.checkpoint import Arrays, Row
from espalier.training.recipe import KEEP_NOTHING, Keeping, Recipe, Training
from espalier.training.schedule import learning_rate, stretched

Masks = dict[nn.Parameter, torch.Tensor]  # parameter -> where it may change (1) or stays zero (0)
# (logits in float32, labels or each class's share (n, classes), the images as the net saw them) -> mean loss of a batch
Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def train_model(
    out: str | Path,
    *,
    data: str | Path,
    parent: str | Path | None = None,
    dense: str | Path | None = None,
    keeping: Keeping = KEEP_NOTHING,
    macs: Callable[[Any], int] | None = None,
    **step: Any,
) -> dict[str, Any]:
    """Train a net on the device that the runtime was started with, and write it to `out`.

    data: a prepared data set. parent: a model file to train further, None for a new net; its weights that are zero,
    pruned ones, stay zero. dense: the file of the net before pruning, for `scratch: flops`; macs: what counts
    the multiply-accumulates of a net for that (`scratch.train_model` gives it). step: what `Training` says.
    Each epoch derives its randomness (order, augmentation, dropout) from the seed and its number.

    Returns what `loop.run` does; if the weights were new, {"weights": "random", "imagenet" or "file"}, what the
    training really began with; from scratch also {"epochs": their number}.
    """
    if keeping.tensorboard:
        raise ValueError("the PyTorch backend writes no logs for TensorBoard")
    training, prepared = Training.of(step), load_data(data)
    torch.manual_seed(training.seed)
    net, weights = (load(parent), None) if parent else initial_net(training.model, prepared.manifest)
    recipe = budgeted(training, net, dense, macs)
    to_device(net)
    masks = zero_masks(net) if parent else {}
    if training.scratch:
        draw_again(net, masks, training.seed, training.model["width"])
        weights = "random"
    if training.origin:
        rewind_weights(net, masks, training.model, prepared, **training.origin)
    learner = Learner(net, prepared, recipe, training.seed, masks)
    identity = [training.model, training.seed, weights, *([training.origin] if training.origin else [])]
    trained = loop.run(learner, identity, keeping, parent=parent)
    save(net, out)
    details = trained | ({"weights": weights} if weights else {})
    return details | ({"epochs": recipe.epochs} if training.scratch else {})


def budgeted(
    training: Training, net: nn.Module, dense: str | Path | None, macs: Callable[[nn.Module], int] | None
) -> Recipe:
    """The recipe; for `scratch: flops` with the epochs that cost as many MACs as it costs the net in the file `dense`.

    macs: counts the multiply-accumulates of a net.
    """
    if training.scratch != "flops":
        return training.recipe
    if dense is None or macs is None:
        raise ValueError("`scratch: flops` needs the dense net, whose MACs are the budget, and what counts them")
    return stretched(training.recipe, Fraction(macs(load(dense)), macs(net)))


def zero_masks(net: nn.Module) -> Masks:
    """The masks of the weights of conv and linear layers that have zeros."""
    weights = [layer.weight for layer in weighted(net).values()]
    return {weight: (weight != 0).to(weight.dtype) for weight in weights if not weight.detach().all()}


def draw_again(net: nn.Module, masks: Masks, seed: int, width: float) -> None:
    """Give a net new initial weights, in place; masked ones stay zero. width: that of the dense net."""
    _fill(net, tensors_of(redrawn(net, seed, width=width)), masks)


def rewind_weights(
    net: nn.Module, masks: Masks, model: dict[str, Any], data: Data, *, recipe: dict[str, Any], seed: int, epochs: int
) -> None:
    """Give a net the weights that its training had after so many epochs, in place; masked ones stay zero.

    The epochs are trained again, from the same seed. model, recipe, seed: of that training.
    """
    torch.manual_seed(seed)
    first, _ = initial_net(model, data.manifest)
    to_device(first)
    learner, history = Learner(first, data, Recipe(**recipe), seed, {}), []
    for epoch in range(1, epochs + 1):
        history.append({"epoch": epoch} | learner.train_epoch(history))
    _fill(net, tensors_of(first), masks)


def _fill(net: nn.Module, values: dict[str, torch.Tensor], masks: Masks) -> None:
    """Give every parameter and buffer of a net a value, in place; masked weights stay zero."""
    with torch.no_grad():
        for name, tensor in tensors_of(net).items():
            tensor.copy_(values[name])
        for weight, mask in masks.items():
            weight *= mask


def to_device(net: nn.Module) -> None:
    """Move a net to the device that the runtime was started with, in place, in the memory order that is fast there."""
    device = runtime.device()
    net.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (it has no stub)
    if device.type == "cuda":
        pool_by_products(net)


def pool_by_products(net: nn.Module) -> None:
    """Compute the net's adaptive average pools as matrix products. On CUDA the pools' own gradient adds up in an order
    that varies, which deterministic algorithms refuse."""
    pools: list[Any] = [module for module in net.modules() if isinstance(module, nn.AdaptiveAvgPool2d)]
    for pool in pools:
        pool.forward = functools.partial(_pooled, size=pool.output_size)


def _pooled(images: torch.Tensor, size: int | tuple[int, int]) -> torch.Tensor:
    """Adaptive average pooling of images (n, c, h, w) to `size`, in float32."""
    sizes = (size, size) if isinstance(size, int) else size
    with torch.autocast(images.device.type, enabled=False):
        rows, columns = (  # row i of each matrix: how much every pixel counts in the mean i
            functional.adaptive_avg_pool1d(torch.eye(pixels, device=images.device)[None], means)[0].T
            for pixels, means in zip(images.shape[2:], sizes, strict=True)
        )
        return (rows @ images.float() @ columns.T).to(images.dtype)


def make_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer. With decay_norm_and_bias off, vectors (biases, batch norms) have no weight decay."""
    decayed = [p for p in net.parameters() if p.dim() > 1 or recipe.decay_norm_and_bias]
    others = [p for p in net.parameters() if p.dim() <= 1 and not recipe.decay_norm_and_bias]
    parameters = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    parameters = [group for group in parameters if group["params"]]
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=recipe.learning_rate)
    return torch.optim.SGD(parameters, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.nesterov)


def penalty_of(net: nn.Module, recipe: Recipe) -> torch.Tensor | float:
    """The recipe's penalty times its coefficient; 0 without one."""
    if not recipe.penalty or not recipe.prune_type or not recipe.coefficient:
        return 0.0
    penalty = get(Penalty, recipe.penalty, "pytorch")
    rows = scales(net) if penalty.of == "scales" else groups(net, recipe.prune_type)
    return recipe.coefficient * penalty(rows)


class Learner:
    """A net in training (`loop.Learner`), on the net's device.

    masks: a weight whose gradient is masked and that is zero stays zero with any optimizer: neither momentum nor decay
    moves it. loss: None is the cross entropy with the recipe's label smoothing.
    """

    def __init__(
        self, net: nn.Module, data: Data, recipe: Recipe, seed: int, masks: Masks, loss: Loss | None = None
    ) -> None:
        self.net, self.data, self.recipe, self.seed, self.masks = net, data, recipe, seed, masks
        self.loss = loss or self._cross_entropy
        self.optimizer = make_optimizer(net, recipe)
        if recipe.precision == "bf16" and self.device == "cpu" and software.lacks_bf16():
            print(f"warning: {software.SLOW_BF16}", flush=True)
        self.average = Average(net, recipe.ema) if recipe.ema else None
        self._resident: dict[str, Split] = {}

    @property
    def device(self) -> str:
        """The kind of device that the net is on."""
        return next(self.net.parameters()).device.type

    def split(self, name: str) -> Split:
        """The split of that name, in the memory of the device."""
        if name not in self._resident:
            self._resident[name] = resident(getattr(self.data, name), next(self.net.parameters()).device)
        return self._resident[name]

    def evaluate(self, split: str) -> dict[str, float]:
        """`loss`, `top1` and `top5` on a split, of the net that the training would end with now."""
        return evaluate(self.average.net if self.average else self.net, self.split(split), self.data.manifest)

    def train_epoch(self, history: list[Row]) -> Row:
        """One pass over the training images: mean loss (without the penalty), accuracy and last learning rate."""
        split, size, epoch = self.split("train"), self.recipe.batch_size, len(history) + 1
        torch.manual_seed(self.seed * 1_000_003 + epoch)  # dropout
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(len(split), generator=generator) if self.recipe.shuffle else torch.arange(len(split))
        order, steps = order.to(split.images.device), -(-len(split) // size)
        self.net.train()
        sums, rate, penalty = _Sums(), 0.0, 0.0
        for step in range(steps):
            chosen = order[step * size : (step + 1) * size]
            if len(chosen) == 1 and steps > 1:
                continue  # batch norm cannot train on a single image
            number = (epoch - 1) * steps + step
            rate = learning_rate(self.recipe, number, steps, history)
            penalty = self._step(*self._batch(split, chosen, generator), rate, sums)
            if self.average:
                self.average.update(self.net, number)
        row = {"learning_rate": rate} | sums.row(epoch, self.recipe)
        return row | {"penalty": float(penalty)}

    def _batch(
        self, split: Split, chosen: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The chosen images of a split, augmented, as the net takes them, and their labels."""
        steps, labels = self.recipe.augment, torch.as_tensor(split.labels[chosen])
        if mixes_labels("pytorch", steps):
            labels = functional.one_hot(labels, len(self.data.classes)).float()
        with runtime.one_thread():
            images, labels = augment("pytorch", to_tensor(split.images[chosen]), labels, steps, generator)
            return to_input(images, self.data.manifest), labels

    def _step(self, images: torch.Tensor, labels: torch.Tensor, rate: float, sums: _Sums) -> torch.Tensor | float:
        """One step of the optimizer; returns the penalty."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            logits = self.net(images).float()
        loss, penalty = self.loss(logits, labels, images), penalty_of(self.net, self.recipe)
        self.optimizer.zero_grad(set_to_none=True)
        (loss + penalty).backward()
        for weight, mask in self.masks.items():
            if weight.grad is not None:
                weight.grad *= mask
        self.optimizer.step()
        sums.add(loss, logits, labels if labels.dim() == 1 else labels.argmax(1))
        return penalty.detach() if isinstance(penalty, torch.Tensor) else penalty

    def _cross_entropy(self, logits: torch.Tensor, labels: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)

    def weights(self) -> Arrays:
        """Every parameter and buffer that the net would end with now."""
        return _arrays(self.average.net if self.average else self.net)

    def set_weights(self, weights: Arrays) -> None:
        """Give the net these, in place."""
        _assign(self.net, weights)

    def state(self) -> Arrays:
        """The net's parameters and buffers, their average, and what the optimizer remembers of each parameter."""
        remembered = {
            f"optimizer.{index}.{key}": _array(torch.as_tensor(value))
            for index, values in self.optimizer.state_dict()["state"].items()
            for key, value in values.items()
            if value is not None
        }
        nets = {"net": self.net} | ({"average": self.average.net} if self.average else {})
        return {f"{part}.{name}": a for part, net in nets.items() for name, a in _arrays(net).items()} | remembered

    def restore(self, state: Arrays) -> None:
        """Go back to a state; tensors have the same order in memory as before."""
        self.set_weights(_part(state, "net."))
        if self.average:
            _assign(self.average.net, _part(state, "average."))
        remembered: dict[int, dict[str, torch.Tensor]] = {}
        for name, array in _part(state, "optimizer.").items():
            index, key = name.split(".", 1)
            remembered.setdefault(int(index), {})[key] = torch.from_numpy(array)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": remembered})
        for parameter, values in self.optimizer.state.items():
            for key, value in values.items():
                if value.shape == parameter.shape:
                    values[key] = torch.empty_like(parameter).copy_(value)


class _Sums:
    """Sums over the images of an epoch. They stay on the device: to ask for one is to wait for it."""

    def __init__(self) -> None:
        self.seen = 0
        self.loss: Any = 0.0
        self.hits: Any = 0

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        self.seen += len(labels)
        self.loss += loss.detach().double() * len(labels)
        self.hits += (logits.argmax(1) == labels).sum()

    def row(self, epoch: int, recipe: Recipe) -> Row:
        """Mean loss and accuracy (percent). Raises FloatingPointError if the loss is not finite."""
        loss = float(self.loss)
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"the loss is not finite in epoch {epoch}: "
                f"lower learning_rate (now {recipe.learning_rate}) or lengthen warmup_epochs"
            )
        return {"train_loss": loss / self.seen, "train_top1": 100 * int(self.hits) / self.seen}


def _part(state: Arrays, prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


def _arrays(net: nn.Module) -> dict[str, np.ndarray]:
    """A copy of every parameter and buffer of a net."""
    return {name: _array(tensor) for name, tensor in tensors_of(net).items()}


def _assign(net: nn.Module, arrays: Arrays) -> None:
    """Give a net these parameters and buffers, in place."""
    with torch.no_grad():
        for name, tensor in tensors_of(net).items():
            tensor.copy_(torch.from_numpy(arrays[name]))


def _array(tensor: torch.Tensor) -> np.ndarray:
    """A copy of a tensor; NumPy has no bfloat16, whose values float32 holds exactly."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy().copy()
