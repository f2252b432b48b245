"""How long a training step of a net takes here: what `espalier init` reckons with."""

from __future__ import annotations

import time
from typing import Any

BATCH = 32
STEPS = 3  # the first of them, which builds the graph, is not counted


def seconds_per_image(model: dict[str, Any], num_classes: int, channels: int, size: int) -> float:
    """Seconds of a forward and backward pass for each image, of one core of the CPU.

    model: the net's `name` and options, and `weights`, a file that is read to see whether it is of this net. Raises
    ImportFailed for a net that cannot classify images of this size, WeightsRefused for weights of another net.
    """
    import numpy as np

    from espalier.keras.checkpoints import give_weights
    from espalier.keras.models import build_model
    from espalier.keras.runtime import tf
    from espalier.training.pretrained import is_file

    options = {key: value for key, value in model.items() if key not in ("weights", "fallback")}
    net = build_model(options, (size, size, channels), num_classes)
    if is_file(model["weights"]):
        give_weights(net, model["weights"])
    images = np.zeros((BATCH, size, size, channels), np.uint8)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(net(images, training=True) ** 2)
        return tape.gradient(loss, net.trainable_variables)

    times = []
    for _ in range(STEPS):
        began = time.process_time()
        step()
        times.append(time.process_time() - began)
    return min(times[1:]) / BATCH
