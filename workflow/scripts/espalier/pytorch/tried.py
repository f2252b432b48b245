"""How long a training step of a net takes here: what `espalier init` reckons with."""

from __future__ import annotations

import time
from typing import Any

BATCH = 32
STEPS = 3  # the first of them is not counted


def seconds_per_image(model: dict[str, Any], num_classes: int, channels: int, size: int) -> float:
    """Seconds of a forward and backward pass for each image, on one thread of the CPU.

    model: the net's `name` and options, and `weights`, a file that is read to see whether it is of this net. Raises
    ImportFailed for a net that cannot classify images of this size, WeightsRefused for weights of another net.
    """
    import torch
    from torch.nn import functional

    from espalier.pytorch.checkpoints import weights_for
    from espalier.pytorch.imported import check_net
    from espalier.pytorch.models import build_model
    from espalier.training.pretrained import is_file

    torch.set_num_threads(1)
    options = {key: value for key, value in model.items() if key not in ("weights", "fallback")}
    net = build_model(num_classes=num_classes, **options)
    if is_file(model["weights"]):
        weights_for(net, model["weights"])
    check_net(net, model["name"], num_classes, channels, size)
    images, labels = torch.zeros(BATCH, channels, size, size), torch.zeros(BATCH, dtype=torch.long)
    times = []
    for _ in range(STEPS):
        began = time.perf_counter()
        functional.cross_entropy(net.train()(images), labels).backward()
        times.append(time.perf_counter() - began)
    return min(times[1:]) / BATCH
