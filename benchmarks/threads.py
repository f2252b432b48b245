"""Two single-threaded jobs side by side, or one job after the other on two threads?

    .venv/bin/python benchmarks/threads.py [--repeats 3]

Trains the default run's nets for a few epochs, twice each way, every job in a process of its own as the workflow has
it, and prints the ratio of the wall times. The two ways take turns, so that a busy machine disturbs both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[1]
JOB = """
import sys
sys.path.append({scripts!r})
import importlib
backend = {backend!r}
importlib.import_module(f"espalier.{{backend}}.runtime").start({threads})
train = importlib.import_module(f"espalier.{{backend}}.train")
train.train_model(sys.argv[1], data={data!r}, **{arguments!r})
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="how often each way is timed (default 3)")
    repeats = parser.parse_args().repeats
    scripts = str(PROJECT / "workflow" / "scripts")
    sys.path.append(scripts)
    from espalier import datasets
    from espalier.datasets import prepare as data
    from espalier.plan import grid

    jobs = grid.build(yaml.safe_load((PROJECT / "config.yaml").read_text()))
    print("| net | side by side, 1 thread each (s) | in turn, 2 threads each (s) | ratio |")
    print("| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for study in jobs.studies.values():
            prepared = Path(folder) / study["name"]
            data.prepare(
                prepared, data.Preparation(**study["dataset"], data_root=datasets.data_root(jobs.config["data_root"]))
            )
            job = jobs.of(study["name"], study["seeds"][0])[0]
            epochs = 10 if study["backend"] == "keras" else 2
            arguments = {**job.params, "recipe": {**job.params["recipe"], "epochs": epochs}}

            def start(number, threads, study=study, prepared=prepared, arguments=arguments):
                code = JOB.format(
                    scripts=scripts, backend=study["backend"], threads=threads, data=str(prepared), arguments=arguments
                )
                suffix = {"pytorch": "safetensors", "keras": "keras"}[study["backend"]]
                out = str(prepared / f"{number}.{suffix}")
                return subprocess.Popen([sys.executable, "-c", code, out], stdout=subprocess.DEVNULL)

            beside, in_turn = [], []
            for _ in range(repeats):
                started = time.perf_counter()
                running = [start(number, 1) for number in (1, 2)]
                assert not any(process.wait() for process in running)
                beside.append(time.perf_counter() - started)
                started = time.perf_counter()
                assert not any(start(number, 2).wait() for number in (1, 2))
                in_turn.append(time.perf_counter() - started)
            a, b = statistics.median(beside), statistics.median(in_turn)
            print(f"| {study['model']['name']} | {a:.1f} | {b:.1f} | {b / a:.2f} |", flush=True)


if __name__ == "__main__":
    main()
