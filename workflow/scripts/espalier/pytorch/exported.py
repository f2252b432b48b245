"""An exported net as a PyTorch module."""

from __future__ import annotations

from pathlib import Path

import torch

from espalier.pytorch.onnx_runtime import session


class Net(torch.nn.Module):
    """An ONNX file (or its bytes) as a module, so that the same code evaluates it as evaluates PyTorch nets."""

    def __init__(self, model: str | Path | bytes, threads: int) -> None:
        super().__init__()
        self.session = session(model, threads)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images (n, c, h, w) -> logits (n, classes)."""
        (logits,) = self.session.run(["logits"], {"images": images.contiguous().numpy()})
        return torch.from_numpy(logits)
