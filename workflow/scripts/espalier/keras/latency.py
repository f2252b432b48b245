"""A saved net as a function to be timed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from espalier.keras import models


def predictor(path: str | Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """The net in `path`, compiled to a graph: images (n, h, w, c) uint8 -> logits (n, classes) float32.

    threads: CPU threads, the same for all nets timed in one process (RuntimeError otherwise).
    """
    from espalier.keras.runtime import start, tf

    start(threads)
    net = models.load(path)
    signature = [tf.TensorSpec((None, *net.input_shape[1:]), tf.uint8)]
    graph = tf.function(lambda images: net(images, training=False), input_signature=signature).get_concrete_function()

    def predict(images: np.ndarray) -> np.ndarray:
        return graph(tf.constant(images)).numpy()

    return predict
