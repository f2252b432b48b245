"""A saved net as a pair of functions to be timed: one prepares a batch, the other is timed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from espalier.backends import BACKENDS
from espalier.keras import litert, models
from espalier.run import software
from espalier.training.operators import Operator
from espalier.training.timing import plain

FRAMEWORK = ".keras"  # the file that takes TensorFlow to run


def versions() -> dict[str, str]:
    """The versions of the software that the nets are timed with, for the record."""
    return software.versions(*BACKENDS["keras"].packages) | {"device": "cpu"}


def predictor(path: str | Path, threads: int) -> tuple[Callable, Callable]:
    """The net in `path` as (prepare, run), by the file's suffix: .keras by TensorFlow, .tflite by LiteRT.

    prepare(images (n, h, w, c) uint8) -> what `run` takes, not timed; run(prepared) -> logits (n, classes) float32 as
    numpy. A .keras file is compiled to a graph; normalising pixels is a layer of it, so it is timed; making a tensor of
    the array is not. A .tflite file takes images that are normalised already, so that is not timed. threads: CPU
    threads, for TensorFlow the same for all nets timed in one process (RuntimeError otherwise). Raises ValueError for
    any other suffix.
    """
    kind = Path(path).suffix
    if kind not in OPENERS:
        raise ValueError(f"{path} cannot be timed: it must be a file of {', '.join(OPENERS)}")
    return OPENERS[kind](path, threads)


def operators(path: str | Path, images: np.ndarray, threads: int) -> list[Operator]:
    """The operators of a TFLite file and in which type they compute: LiteRT does not say how long each takes. Nothing
    of a net that TensorFlow runs."""
    if Path(path).suffix == FRAMEWORK:
        return []
    from espalier.keras import operators as listing

    return listing.operators(path, images, threads)


def _keras(path: str | Path, threads: int) -> tuple[Callable, Callable]:
    from espalier.keras.runtime import start, tf

    start(threads)
    net = models.load(path)
    signature = [tf.TensorSpec((None, *net.input_shape[1:]), tf.uint8)]
    graph = tf.function(lambda images: net(images, training=False), input_signature=signature).get_concrete_function()
    return tf.constant, lambda images: graph(images).numpy()


def _tflite(path: str | Path, threads: int) -> tuple[Callable, Callable]:
    return plain, litert.Net(path, threads)


OPENERS = {FRAMEWORK: _keras, ".tflite": _tflite}
