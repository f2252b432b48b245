"""The kinds of steps, one file each. Chains, grid, rules and report ask these objects.

What may follow what: each step says what it may come after (`check_place` in its file), so a rule about what follows
`prune` is in the file of the step that follows.
"""

from __future__ import annotations

from typing import Any

from espalier.plan.steps.distill import DISTILL
from espalier.plan.steps.finetune import FINETUNE
from espalier.plan.steps.given import GIVEN
from espalier.plan.steps.init import INIT
from espalier.plan.steps.prune import PRUNE
from espalier.plan.steps.quantize import QUANTIZE
from espalier.plan.steps.regularize import REGULARIZE
from espalier.plan.steps.scratch import SCRATCH
from espalier.plan.steps.step import Step
from espalier.plan.steps.train import TRAIN
from espalier.plan.steps.train_pruned import TRAIN_PRUNED

# In the order in which errors and the schema list them.
STEPS: dict[str, Step] = {
    step.kind: step
    for step in (TRAIN, GIVEN, INIT, REGULARIZE, PRUNE, FINETUNE, TRAIN_PRUNED, SCRATCH, DISTILL, QUANTIZE)
}


def label(columns: dict[str, Any]) -> str:
    """A node in words, for messages and logs. Of the node alone: a job whose label changed would be run again."""
    words = [word for step in STEPS.values() for word in step.words(columns)]
    return ", ".join([columns["model"], *words, f"seed {columns['seed']}"])
