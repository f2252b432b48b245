"""Prediction by a PyTorch net, for timing."""

from __future__ import annotations

from pathlib import Path

import torch

from espalier.pytorch.evaluate import to_input, to_tensor
from espalier.pytorch.models import load


def predictor(path: str | Path, threads: int):
    """A function from a uint8 batch (n, h, w, c) to logits (n, classes), on `threads` threads."""
    torch.set_num_threads(threads)
    net = load(path).to(memory_format=torch.channels_last)
    plain = {"mean": 0.5, "std": 0.5}  # which constants does not change how long it takes

    @torch.inference_mode()
    def predict(images):
        return net(to_input(to_tensor(images), plain)).numpy()

    return predict
