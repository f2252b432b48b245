"""What a warm worker imports before jobs of the report come (see `run.warm_workers`)."""

import matplotlib.backends.backend_svg
import matplotlib.figure  # noqa: F401
import pandas as pd  # noqa: F401
import scipy.special  # noqa: F401

from espalier import registry
from espalier.run import shim  # noqa: F401

registry.load()
