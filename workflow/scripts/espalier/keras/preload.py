"""What a warm worker imports before jobs of this backend come (see `run.worker`)."""

from espalier.keras import runtime

runtime.toolkit()
