"""The contract tests: what a registered thing must do so that the library can use it, tried out in seconds.

    python -m espalier check my_methods.py

Each kind of entry has a module here with its checks: functions whose docstring says what must hold, and which return
what is wrong and how to mend it, or nothing. A framework is imported only by the checks that need it.
"""

from __future__ import annotations

import importlib

from espalier.contract.trial import Verdict, verdicts
from espalier.registry import Entry

MODULES = {
    "dataset": "dataset",
    "model": "model",
    "init": "init",
    "augmentation": "augmentation",
    "penalty": "penalty",
    "prune_type": "prune_type",
    "score": "score",
    "scheme": "scheme",
    "figure": "item",
    "table": "item",
    "finding": "item",
}


def check(entry: Entry) -> list[Verdict]:
    """The verdicts of all contract tests of an entry's kind, in their order."""
    module = importlib.import_module(f"espalier.contract.{MODULES[entry.kind]}")
    with module.trial(entry) as trial:
        return verdicts(entry, trial, module.CHECKS)
