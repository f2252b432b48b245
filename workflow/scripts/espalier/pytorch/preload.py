"""What a warm worker imports before jobs of this backend come (see `run.warm_workers`)."""

import torchvision  # noqa: F401

from espalier.pytorch import runtime  # noqa: F401
