"""The contract of quantization schemes, of both backends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from espalier.contract import tiny_study
from espalier.registry import Scheme

# The models that it is tried on, and their widths. TensorFlow leaves layers of fewer than 1024 weights in float.
MODELS = {"pytorch": ("cifar10_conv", 0.1), "keras": ("cifar10_cnn", 0.5)}


class Trial:
    """A scheme, and a study of it in miniature: a small conv net, trained for an epoch, and quantized by the scheme."""

    def __init__(self, entry: Scheme, folder: Path) -> None:
        self.entry, self.folder = entry, folder

    def study(self, name: str) -> tiny_study.Chains:
        quantize = {"scheme": self.entry.name, **({"calibration_images": 64} if self.entry.calibrated else {})}
        model, width = MODELS[self.entry.backend]
        config = tiny_study.study(
            self.entry.backend, model,
            size=16, channels=3, chains=[["train", {"quantize": quantize}]], width=width,
        )  # fmt: skip
        return tiny_study.Chains(config, self.folder / name)

    @cached_property
    def first(self) -> tiny_study.Chains:
        return self.study("first")


@contextmanager
def trial(entry: Scheme) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(entry, Path(folder))


def quantizes_a_net(trial: Trial) -> str | None:
    """It quantizes a small net, and the runtime of its file gives finite outputs."""
    train, quantize = trial.first.jobs
    dense = trial.first.run(train.node)
    quantized = trial.first.run(quantize.node)
    if not quantized["test_loss"] < 10 * max(1.0, dense["test_loss"]):
        return f"The loss on test images is {quantized['test_loss']:.3g}, of its net {dense['test_loss']:.3g}."
    return None


def gives_the_same_each_time(trial: Trial) -> str | None:
    """The same net and the same images give the same file, byte for byte."""
    again = trial.study("again")
    node = again.jobs[-1].node
    for study in (trial.first, again):
        study.run(node)
    same = trial.first.file(node).read_bytes() == again.file(node).read_bytes()
    return None if same else "Two files differ: draw no random numbers, and write no dates."


def says_what_it_holds(trial: Trial) -> str | None:
    """A file with int8 operators is declared as such."""
    found = trial.first.run(trial.first.jobs[-1].node)["int8_operators"]
    if found and not trial.entry.int8:
        return f"The file has {found} int8 operators: declare Scheme(..., int8=True), so that they are checked."
    return None


CHECKS = (quantizes_a_net, gives_the_same_each_time, says_what_it_holds)
