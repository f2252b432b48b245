"""A plug-in for tests: importance scores that take ten minutes the first time, and no time the next.

What a test does to the first job (it cancels it, or lets its time run out) is survived if there is a second.
"""

import os
import time
from pathlib import Path

from espalier.registry import Score, register


def _magnitude(groups, name):
    begun = Path(os.environ["BEGUN"]) / name  # a folder of the test
    if not begun.exists():
        begun.touch()
        time.sleep(600)
    return abs(groups[:, 0])


@register(Score("cancelled", backend="keras", title="Cancelled", of=("weights",)))
def cancelled(groups, generator=None):
    return _magnitude(groups, "cancelled")


@register(Score("too_long", backend="keras", title="Too long", of=("weights",)))
def too_long(groups, generator=None):
    return _magnitude(groups, "too_long")
