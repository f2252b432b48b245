"""Kill runs at random, and compare what they end with to a run that was left alone.

    .venv/bin/python benchmarks/kills.py [--kills 100] [--seed 0]

Kills jobs, the Snakemake, or the whole group of processes; runs go on where they were, and start anew when they are
done. Prints what was killed, and ends with an error if a single bit of a result differs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.append(str(PROJECT / "tests"))
from hammer import Hammer, miniature, results  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        alone = miniature(Path(folder) / "alone")
        alone.run("--cores", "2")
        hammer, ends, differ = Hammer(miniature(Path(folder) / "killed"), random.Random(arguments.seed)), 0, 0
        while hammer.kills < arguments.kills:
            if hammer.run("--cores", "2", kills=arguments.kills - hammer.kills) == 0:
                ends, differ = ends + 1, differ + (results(hammer.project) != results(alone))
                shutil.rmtree(hammer.project.folder / "results")
        hammer.project.run("--cores", "2")
        ends, differ = ends + 1, differ + (results(hammer.project) != results(alone))
    print(f"{hammer.kills} kills in {time.monotonic() - started:.0f} s: {dict(hammer.struck.most_common())}")
    print(f"{ends} runs came to their end, {differ} of them with other results")
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
