"""What every job of every shipped config is run with is as it was: rebuilding the code changes no result.

Where a plan is meant to change: compare `python tests/golden/dump.py CONFIG` before and after, then write the digests
anew with `python tests/golden/dump.py --write`, in a commit that says why.
"""

import json
import subprocess
import sys

import pytest
from project import PROJECT

DUMP = PROJECT / "tests" / "golden" / "dump.py"
PLANS = json.loads((PROJECT / "tests" / "golden" / "plans.json").read_text())


@pytest.mark.parametrize("config", PLANS)
def test_the_plan_is_the_recorded_one(config):
    done = subprocess.run([sys.executable, DUMP, "--digests", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    planned, recorded = json.loads(done.stdout), PLANS[config]
    assert planned.keys() == recorded.keys(), "other jobs are planned"
    changed = [output for output, digest in planned.items() if digest != recorded[output]]
    assert not changed, f"other params, inputs, outputs or messages: {changed[:5]} and so on ({len(changed)} jobs)"
