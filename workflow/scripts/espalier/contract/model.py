"""The contract of models, of both backends."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from espalier import registry
from espalier.contract import tiny_study
from espalier.contract.trial import NotChecked
from espalier.plan.job import Job
from espalier.registry import Model, PruneType, Score

USUAL = 32  # side of the images of most checks, in pixels
AMOUNTS = {"ratio": 0.5, "blocks": 1, "threshold": 0.01, "pattern": "2:4"}
AMOUNTS |= {"macs": 0.75, "params": 0.75, "speed_up": 1.25, "compression": 1.25, "size_mib": 100.0}


class Trial:
    """A model, and a study of it in miniature: trained, pruned by every prune type that suits it, exported."""

    def __init__(self, entry: Model, folder: Path) -> None:
        self.entry, self.folder = entry, folder
        tiny_study.start(entry.backend)

    @property
    def options(self) -> dict[str, Any]:
        """A narrow net, if the model has widths; all other options have their defaults."""
        return {"width": 0.25} if "width" in inspect.signature(self.entry.function).parameters else {}

    @property
    def size(self) -> int:
        return max(USUAL, self.entry.smallest)

    @cached_property
    def study(self) -> tiny_study.Chains:
        """Its chains: the training alone, pruned by each prune type, and exported."""
        pruned = [["train", {"prune": _pruning(kind)}] for kind in suiting(self.entry)]
        exported = ["train", {"quantize": {"scheme": "float32"}}]
        return tiny_study.Chains(
            tiny_study.study(
                self.entry.backend, self.entry.name,
                size=self.size, channels=self.entry.channels[-1], chains=[["train"], *pruned, exported], **self.options,
            ),
            self.folder,
        )  # fmt: skip

    def jobs(self, step: str) -> list[Job]:
        return [job for job in self.study.jobs if job.step == step]

    def built(self, classes: int, size: int, channels: int) -> Any:
        """A new net: called with uint8 images (n, size, size, channels), it gives an array of logits."""
        return _built[self.entry.backend](self.entry.name, classes, size, channels, self.options)


@contextmanager
def trial(entry: Model) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(entry, Path(folder))


def suiting(entry: Model) -> list[PruneType]:
    """The prune types that the model's structures allow."""
    kinds = registry.entries(PruneType, entry.backend).values()
    return [kind for kind in kinds if kind.needs in entry.has and (entry.blocks or kind.amounts != ("blocks",))]


def _pruning(kind: PruneType) -> dict[str, Any]:
    return {"prune_type": kind.name, kind.amounts[0]: AMOUNTS[kind.amounts[0]]}


def _built_with_pytorch(name: str, classes: int, size: int, channels: int, options: dict[str, Any]) -> Any:
    import torch

    from espalier.pytorch import models
    from espalier.pytorch.evaluate import to_input, to_tensor

    torch.manual_seed(0)
    net = models.build_model(name, classes, **options).eval()

    def logits(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return net(to_input(to_tensor(images), {"mean": 0.45, "std": 0.225})).numpy()

    return logits


def _built_with_keras(name: str, classes: int, size: int, channels: int, options: dict[str, Any]) -> Any:
    from espalier.keras import models

    net = models.build_model({"name": name, **options}, (size, size, channels), classes)
    return lambda images: np.asarray(net(images, training=False))


_built = {"pytorch": _built_with_pytorch, "keras": _built_with_keras}


def made_up(size: int, channels: int, number: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, size, size, channels), np.uint8)


def has_known_structures(trial: Trial) -> str | None:
    """It says what it has: structures that prune types or scores ask for."""
    has = trial.entry.has
    known = sorted({kind.needs for kinds in (PruneType, Score) for kind in _of_all_backends(kinds) if kind.needs})
    if unknown := sorted(set(has) - set(known)):
        return f"has={has!r}: nothing asks for {', '.join(unknown)}; known are {', '.join(known)}."
    if not has:
        return f"It has no structures, so nothing of it can be pruned: give has=(...) of {', '.join(known)}."
    if trial.entry.backend == "pytorch":
        return _wrong_blocks(trial)
    return None


def _of_all_backends(kind: type[PruneType] | type[Score]) -> list[PruneType | Score]:
    return [entry for backend in ("pytorch", "keras") for entry in registry.entries(kind, backend).values()]


def _wrong_blocks(trial: Trial) -> str | None:
    from espalier.pytorch.models import build_model, residual_blocks

    found, said = len(residual_blocks(build_model(trial.entry.name, 3, **trial.options))), trial.entry.blocks
    if "residual_blocks" not in trial.entry.has or found == said > 0:
        return None
    return f"It declares residual_blocks, and blocks={said}; residual blocks that can be removed were found: {found}."


def takes_images_of_any_size(trial: Trial) -> str | None:
    """It takes images of any size from its smallest on, of each number of channels, and gives logits for any number of
    classes."""
    for size in (trial.entry.smallest, trial.size, 2 * trial.size):
        for channels in trial.entry.channels:
            for classes in (2, 10):
                problem = _wrong_logits(trial, classes, size, channels)
                if problem:
                    return problem
    return None


def _wrong_logits(trial: Trial, classes: int, size: int, channels: int) -> str | None:
    about = f"For images of {size}x{size} pixels with {channels} channels and {classes} classes"
    try:
        logits = trial.built(classes, size, channels)(made_up(size, channels))
    except Exception as error:
        advice = (
            "say which sizes and channels it takes, Model(..., smallest=16, channels=(3,)), or make it independent of "
            "the size, by global or adaptive pooling"
        )
        return f"{about} it fails, {type(error).__name__}: {' '.join(str(error).split())}. Mend: {advice}."
    allowed = [(3, classes), *([(3, 1)] if classes == 2 and trial.entry.backend == "keras" else [])]
    if logits.shape not in allowed:
        return f"{about} three images get an output of shape {logits.shape}, not {allowed[0]}: a logit for each class."
    return None if np.isfinite(logits).all() else f"{about} an output is not finite: set every parameter and buffer."


def starts_from_the_seed(trial: Trial) -> str | None:
    """The same seed gives the same initial weights, which are all defined."""
    size, channels = trial.size, trial.entry.channels[-1]
    first, second = (trial.built(3, size, channels)(made_up(size, channels)) for _ in range(2))
    if not np.array_equal(first, second):
        return "Two nets of the same seed differ: draw initial weights from the framework's generator; set them all."
    return None


def treats_images_one_by_one(trial: Trial) -> str | None:
    """What it gives for an image does not depend on the other images of its batch."""
    size, channels = trial.size, trial.entry.channels[-1]
    net, images = trial.built(3, size, channels), made_up(size, channels)
    together, alone = net(images), np.concatenate([net(images[i : i + 1]) for i in range(len(images))])
    if np.allclose(together, alone, rtol=1e-3, atol=1e-4):
        return None
    return f"Logits differ by up to {abs(together - alone).max():.3g}: normalise over channels, not over the batch."


def is_trained(trial: Trial) -> str | None:
    """It trains for an epoch, and is saved, read back and measured."""
    measured = trial.study.run(trial.jobs("train")[0].node)
    if not 0 <= measured["top1"] <= 100 or measured["macs"] <= 0:
        return f"Of the net read back, {measured['macs']} multiply-accumulates and {measured['top1']} % were measured."
    return None


def learns_everywhere(trial: Trial) -> str | None:
    """Every parameter gets a gradient (PyTorch)."""
    if trial.entry.backend != "pytorch":
        return None
    import torch

    from espalier.pytorch import models

    net = models.build_model(trial.entry.name, 3, **trial.options).train()
    net(torch.randn(4, trial.entry.channels[-1], trial.size, trial.size)).square().sum().backward()
    idle = [name for name, parameter in net.named_parameters() if parameter.requires_grad and parameter.grad is None]
    if idle:
        return f"No gradient reaches {', '.join(idle)}: use them in forward, or leave them out."
    return None


def is_pruned(trial: Trial) -> str | None:
    """Each prune type that its structures allow prunes it, and the pruned net is read back and measured."""
    if not trial.jobs("prune"):
        raise NotChecked("no prune type suits it")
    dense = trial.study.run(trial.jobs("train")[0].node)
    for job in trial.jobs("prune"):
        kind, key = job.params["prune_type"], "params"
        try:
            pruned = trial.study.run(job.node)
        except Exception as error:
            return (
                f"{kind} pruning fails, {type(error).__name__}: {' '.join(str(error).split())}. Mend: lay the net out "
                f"as it needs, or take {registry.get(PruneType, kind, job.backend).needs!r} out of `has`."
            )
        if registry.get(PruneType, kind, job.backend).by == ("weights",):
            key = "nonzero_params"
        if pruned[key] > dense[key]:  # as many may be left: widths are rounded up, and some prune types spare layers
            return f"{kind} pruning leaves it with {pruned[key]} parameters of {dense[key]}."
    return None


def is_exported(trial: Trial) -> str | None:
    """It is exported, to ONNX or TFLite, and the file gives the same logits."""
    trial.study.run(trial.jobs("quantize")[0].node)
    return None


CHECKS = (
    has_known_structures,
    takes_images_of_any_size,
    starts_from_the_seed,
    treats_images_one_by_one,
    learns_everywhere,
    is_trained,
    is_pruned,
    is_exported,
)
