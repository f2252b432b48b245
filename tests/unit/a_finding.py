"""Runs made up for tests of findings, and the findings of a run by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a_run import Run, by_ratio, config, gradual, penalised

from espalier.columns import MIB
from espalier.report import findings
from espalier.report.findings.finding import Finding


def answers(run: Run, study: dict | None = None, **columns: Any) -> dict[str, Finding]:
    """The findings of a run by name. study: its checked config; columns: set in all results."""
    return {finding.name: finding for finding in findings.of_study(run.view(study or config(), **columns))}


def value(finding: Finding, name: str, **of: Any) -> float | None:
    """The value of the one fact of that name that is about this; source="published" for a published one."""
    return finding.fact(name, **of).value


def values(finding: Finding, name: str, by: str, source: str = "run", **of: Any) -> dict[Any, float | None]:
    """The values of a fact by what they are about."""
    facts = [f for f in finding.facts if (f.name, f.source) == (name, source)]
    return {f.of[by]: f.value for f in facts if by in f.of and all(f.of.get(key) == of[key] for key in of)}


def outcomes(finding: Finding, source: str = "run", **of: Any) -> list[str]:
    """The outcomes of a finding's comparisons, in their order."""
    facts = [f for f in finding.facts if f.outcome is not None and f.source == source]
    return [str(f.outcome) for f in facts if all(f.of.get(key) == of[key] for key in of)]


def mlp(tmp_path: Path, lists: dict[str, dict[str, list]], ratios=("0", "0.25", "0.50")) -> Run:
    """Weights and units pruned. lists: initialisation -> prune type -> top-1 by ratio, of several seeds a tuple."""
    run = Run(tmp_path, backend="keras", model="mlp")
    for init, kinds in lists.items():
        for seed in range(len(_seeds(kinds["weight"][0]))):
            root = run.add("train", columns={"init": init}, top1=_seeds(kinds["weight"][0])[seed], seed=seed)
            for kind, accuracies in kinds.items():
                for ratio, tops in zip(ratios, accuracies, strict=True):
                    columns = by_ratio(kind, "magnitude" if kind == "weight" else "l2", ratio)
                    run.add("prune", root, columns=columns, top1=_seeds(tops)[seed], actual_ratio=float(ratio))
    return run


def _seeds(tops: float | tuple[float, ...]) -> tuple[float, ...]:
    return tops if isinstance(tops, tuple) else (tops,)


TWO_INITS = {
    "normal-0.1": {"weight": [90.0, 88.0, 60.0], "unit": [90.0, 50.0, 61.5]},
    "glorot": {"weight": [92.0, 91.5, 91.0], "unit": [92.0, 89.0, 40.0]},
}


def vgg(tmp_path: Path, accuracies: dict, seeds=(0,), dense=90.0, control: float | None = 90.0) -> Run:
    """Structured pruning. accuracies: (prune type, method, ratio) -> one (before, after) for each seed.

    dense: top-1 of the dense net; control: of the dense net of equal epochs, None if it was not run.
    """
    run = Run(tmp_path)
    for seed in seeds:
        plain = run.add("train", seed=seed, top1=dense)
        if control is not None:
            run.add("finetune", plain, top1=control, columns={"epochs": 3})
        roots = {}
        for (kind, method, ratio), tops in accuracies.items():
            if kind not in roots:
                roots[kind] = run.add("train", columns=penalised(kind), seed=seed, top1=dense - 1)
            before, after = tops[seed]
            done = {"actual_ratio": float(ratio), "zipped_bytes": round(2**19 * (1 - float(ratio))), "macs": 2000}
            pruned = run.add("prune", roots[kind], columns=by_ratio(kind, method, ratio), top1=before, **done)
            run.add("finetune", pruned, top1=after, columns={"epochs": 3}, **done)
    return run


def compressed(tmp_path: Path, *, both=89.5) -> tuple[Run, dict[str, dict]]:
    """Dense 90 %, 0.5 MiB zipped; pruned 2, quantized 4, both 8 times smaller; 200 test images. And its records."""
    run = Run(tmp_path)
    half = {"zipped_bytes": 2**18, "macs": 1000, "actual_ratio": 0.5, "test_images": 200}
    dense, _, tuned = run.chain(prune=by_ratio("filter_wise", "sum", "0.50"), before=40.0, after=89.2, pruned=half)
    run.add("finetune", dense, top1=90.0, test_images=200)
    nets = {
        "dense": dense,
        "tuned": tuned,
        "export": run.quantize(dense, "float32", zipped_bytes=2**10),  # however small: it is neither
        "static": run.quantize(dense, "static_int8", top1=88.5, zipped_bytes=2**17),
        "dynamic": run.quantize(dense, "dynamic_int8", top1=89.9, zipped_bytes=2**17),
        "small": run.quantize(tuned, "float32", top1=89.2),
        "both": run.quantize(tuned, "static_int8", top1=both, zipped_bytes=2**16),
    }
    return run, nets


TIMES = {  # net -> its baseline, and its milliseconds at batch 1 and 8; the export is twice as fast as PyTorch is
    "dense": ("dense", 4.0, 20.0),
    "tuned": ("dense", 2.0, 10.0),
    "export": ("export", 2.0, 10.0),
    "small": ("export", 1.0, 5.0),
    "static": ("export", 0.5, 4.0),
    "dynamic": ("export", 8.0, 20.0),
    "both": ("export", 0.4, 4.9),
}


def timed(tmp_path: Path, times: dict[str, tuple[str, float, float]], noise: float | None = 1.1) -> Run:
    """The run of `compressed` with these times, as in TIMES. noise: None, if no second copy of a net was timed."""
    run, nets = compressed(tmp_path)
    run.time(
        [
            {
                "node": nets[net]["node"],
                "baseline": nets[base]["node"],
                "batch_size": size,
                "median_ms": ms,
                "p90_ms": ms,
                "noise": noise,
            }
            for net, (base, one, eight) in times.items()
            for size, ms in ((1, one), (8, eight))
        ]
    )
    return run


def slowly_pruned(tmp_path: Path, accuracies: dict[str, float | tuple[float, ...]]) -> Run:
    """Nets pruned while they were trained. accuracies: ratio -> top-1, of several seeds a tuple; of dense 95."""
    run = Run(tmp_path, backend="keras", model="mobilenet_v2")
    dense_sizes = {"h5_bytes": 4 * MIB, "h5_zipped_bytes": 3.5 * MIB, "test_images": 100}
    sizes = {"h5_bytes": 4 * MIB, "wrapped_bytes": 16 * MIB, "wrapped_params": 1990, "test_images": 100}
    for seed in range(len(_seeds(next(iter(accuracies.values()))))):
        dense = run.add("train", seed=seed, top1=95.0, **dense_sizes)
        run.add("finetune", dense, columns={"epochs": 3}, top1=95.0, **dense_sizes)
        for ratio, tops in accuracies.items():
            zipped = {"h5_zipped_bytes": (4 - 4 * float(ratio)) * MIB}
            run.add("prune", dense, columns=gradual(ratio, epochs=3), top1=_seeds(tops)[seed], **sizes, **zipped)
    return run


def retrained(tmp_path: Path, seeds: tuple[int, ...] = (0,), rate: float = 0.2, epochs: int = 9) -> Run:
    """Two pruned nets, each fine-tuned, rewound and trained from scratch; with each seed a point better, the fine-tuned
    ones two. rate: the learning rate of the rewound ones, others have 0.1; epochs: of those from scratch."""
    run = Run(tmp_path)
    for seed in seeds:
        dense = run.add("train", seed=seed, top1=92.0)
        run.add("finetune", dense, top1=92.0, columns={"epochs": 3})
        for ratio, tuned, back, anew in (("0.40", 88.0, 91.0, 87.0), ("0.60", 70.0, 85.0, 84.0)):
            pruned = run.add("prune", dense, columns=by_ratio("filter_wise", "sum", ratio), top1=30.0)
            run.add("finetune", pruned, top1=tuned + 2 * seed, columns={"epochs": 3})
            rewound = {"epochs": 3, "retraining": "rewind"}
            history = [{"epoch": epoch, "learning_rate": rate} for epoch in (1, 2, 3)]
            run.add("finetune", pruned, top1=back + seed, name="rewind=true", columns=rewound, history=history)
            run.add("scratch", pruned, top1=anew + seed, columns={"epochs": epochs})
    return run
