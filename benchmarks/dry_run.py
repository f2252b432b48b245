"""How long a dry run takes, next to a bare Snakefile whose jobs read and write the same files.

    python benchmarks/dry_run.py [JOBS ...]

Both are planned in turn, three times each, and the shortest time counts: other work on the machine only makes a run
longer. The bare one has a rule for each kind of job, with wildcards and a function that looks up the inputs. It has
nothing else: no params, resources, messages, digests of code, config or library.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
ROUNDS = 3
CHAINS = 20  # of each seed: a pruning and a fine-tuning, both measured
JOBS_OF_SEED = 2 + 4 * CHAINS

BARE = """
import json
INPUTS = json.load(open("inputs.json"))  # first output of a job -> its inputs

def inputs_of(pattern):
    return lambda wildcards: INPUTS[pattern.format(**wildcards)]

rule all:
    input: json.load(open("targets.json"))
"""
RULE = """
rule {name}:
    input: inputs_of({first!r})
    output: {outputs}
    wildcard_constraints: {constraints}
    shell: "false"
"""
NODE = r'node=r"mlp/seed\d+/(?:[^/]+/)*(?:{kind})(?:~[^/]+)?"'
MODEL = '"results/models/{node}/model.keras", "results/models/{node}/model.keras.json"'
DATA = ("manifest.json", "images.npy", "labels.npy")
RULES = {  # name: (outputs, constraints)
    **{kind: (MODEL, NODE.format(kind=kind)) for kind in ("train", "prune", "finetune")},
    "measure": (
        '"results/models/{node}/record.json", "results/models/{node}/predictions.npz"',
        NODE.format(kind="train|prune|finetune"),
    ),
    "data": (
        ", ".join(f'"results/data/{{data}}/{name}"' for name in ("manifest.json", "images.npy", "labels.npy")),
        "",
    ),
}


def config(jobs: int) -> dict:
    """A config of about so many jobs, the report's left out."""
    ratios = [round(0.01 * number, 2) for number in range(1, CHAINS + 1)]
    study = {
        "backend": "keras",
        "dataset": {"name": "digits", "size": 28, "channels": 1, "mean": 0.0, "std": 1.0},
        "model": {"name": "mlp"},
        "train": {"epochs": 1},
        "chains": [["train", {"prune": {"prune_type": "unit", "ratio": ratios}}, "finetune"]],
    }
    return {"seeds": list(range(round(jobs / JOBS_OF_SEED))), "studies": {"mlp": study}}


def real(folder: Path, jobs: int) -> list[str]:
    """Prepare a dry run of this project; the command."""
    (folder / "config.json").write_text(json.dumps(config(jobs)))
    return [
        "--snakefile",
        str(PROJECT / "Snakefile"),
        "--configfile",
        "config.json",
        "--",
        "results/records/results.csv",
    ]


def bare(folder: Path, jobs: int) -> list[str]:
    """Prepare a dry run of as many jobs without this project; the command."""
    inputs: dict[str, list[str]] = {}
    data = [f"results/data/digits/{name}" for name in DATA]
    inputs[data[0]] = []

    def model(node: str) -> list[str]:
        return [f"results/models/{node}/model.keras", f"results/models/{node}/model.keras.json"]

    for seed in range(round(jobs / JOBS_OF_SEED)):
        train = f"mlp/seed{seed}/train"
        nodes = [(train, [])]
        for number in range(1, CHAINS + 1):
            prune = f"{train}/prune~unit~l2~{0.01 * number:.2f}"
            nodes += [(prune, model(train)), (f"{prune}/finetune", model(prune))]
        for node, parents in nodes:
            inputs[model(node)[0]] = [*parents, *data]
            inputs[f"results/models/{node}/record.json"] = [*model(node), *data]
    text = BARE
    for name, (outputs, constraints) in RULES.items():
        first = outputs.partition('"')[2].partition('"')[0]
        text += RULE.format(name=name, first=first, outputs=outputs, constraints=constraints or 'data="[^/]+"')
    (folder / "Snakefile").write_text(text)
    (folder / "inputs.json").write_text(json.dumps(inputs))
    (folder / "targets.json").write_text(json.dumps([name for name in inputs if name.endswith("record.json")]))
    return []


def seconds(folder: Path, arguments: list[str]) -> tuple[float, float, str]:
    """Wall-clock and processor seconds of a dry run, and how many jobs it plans."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--cores", "1", *arguments]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    total = next(line for line in (done.stdout + done.stderr).splitlines() if line.startswith("total"))
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, total.split()[1]


def main() -> None:
    print("jobs     this project   bare Snakemake   ratio   (processor seconds, shortest of three)")
    for jobs in [int(number) for number in sys.argv[1:]] or [1_000, 10_000]:
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            runs = [(Path(first), real(Path(first), jobs)), (Path(second), bare(Path(second), jobs))]
            times = [[seconds(*run) for run in runs] for _ in range(ROUNDS)]
        (ours, theirs), planned = (min(row[n][1] for row in times) for n in (0, 1)), times[0][0][2]
        print(f"{planned:>6} {ours:12.1f} s {theirs:14.1f} s {ours / theirs:9.2f}")


if __name__ == "__main__":
    main()
