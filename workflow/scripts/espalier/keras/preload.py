"""What a warm worker imports before jobs of this backend come (see `run.warm_workers`)."""

import jsonschema  # noqa: F401

from espalier import registry
from espalier.keras import profile, prune, quantize, runtime, train  # noqa: F401
from espalier.run import handover, predictions, records, shim  # noqa: F401

registry.load(report=False)
runtime.toolkit()
