"""What a warm worker imports before jobs of this backend come (see `run.warm_workers`)."""

from espalier.keras import runtime

runtime.toolkit()
