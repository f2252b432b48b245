"""What a run as planned cannot show, or shows late, said before it begins: comparisons that will give no verdict, nets
that are not told how many classes there are, and trainings in bfloat16 where that is slow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from espalier.plan.grid import Grid
from espalier.plan.job import Job
from espalier.plan.lookup import model_of
from espalier.registry import Imported
from espalier.run import gpus, software
from espalier.training.recipe import Recipe
from espalier.training.schedule import learning_rate

ARMS = {"init": ("init",), "penalty": ("penalty", "prune_type", "coefficient")}  # what trainings are compared by
STEPS = 100  # of an epoch: the rates of a schedule are looked at as often


def doubts(grid: Grid) -> list[str]:
    """A sentence for each comparison that the findings will not decide, of the first seed of each study."""
    found = []
    for name, study in grid.studies.items():
        jobs = grid.of(name, study["seeds"][0])
        found += [
            f"{name}: {doubt}"
            for doubt in (
                *_classes_untold(study),
                *_slow_bf16(study, jobs),
                *_small_rewinding(jobs),
                *_confounded(jobs),
                *_without_dense(jobs),
            )
        ]
    return list(dict.fromkeys(found))


def _classes_untold(study: dict[str, Any]) -> Iterator[str]:
    """A function that makes a net and is not told how many classes there are."""
    model = model_of(study)
    if isinstance(model, Imported) and not model.called_with_classes:
        yield (
            f"{model.name} has no parameter num_classes: it is called without, and its net must have as many outputs "
            "as the data set has classes."
        )


def _slow_bf16(study: dict[str, Any], jobs: list[Job]) -> Iterator[str]:
    """Trainings in bfloat16 on a CPU like this machine's, which has no instructions for it."""
    asked = any(job.params.get("recipe", {}).get("precision") == "bf16" for job in jobs)
    on_cpu = study["device"] == "cpu" or (asked and study["device"] == "auto" and not gpus.visible())
    if asked and on_cpu and software.lacks_bf16():
        yield f"{software.SLOW_BF16}."


def _small_rewinding(jobs: list[Job]) -> Iterator[str]:
    """Rewinding (Renda et al. 2020) means the large rates of early training: with smaller ones than those of
    fine-tuning the question is not asked."""
    usual = {job.parent: job for job in jobs if job.columns["retraining"] == "finetune"}
    for job in jobs:
        other = usual.get(job.parent)
        if job.columns["retraining"] != "rewind" or job.step != "finetune" or other is None:
            continue
        rewound, tuned = _largest_rate(job), _largest_rate(other)
        if rewound is not None and tuned is not None and rewound <= tuned:
            yield (
                f"rewinding asks nothing: its largest learning rate is {rewound:g}, that of fine-tuning {tuned:g}. "
                "Rewind more epochs (finetune: {rewind: true, epochs: ...}), or fine-tune by a smaller rate."
            )


def _largest_rate(job: Job) -> float | None:
    """The largest learning rate, if an epoch had so many steps; None if it depends on how training goes."""
    recipe = Recipe(**job.params["recipe"])
    steps = range(recipe.epochs * STEPS)
    return None if recipe.plateau else max(learning_rate(recipe, step, STEPS) for step in steps)


def _confounded(jobs: list[Job]) -> Iterator[str]:
    """Trainings of one study that differ in what they are compared by, and in more than that."""
    trainings = [job for job in jobs if not job.parent and "recipe" in job.params]
    for one, other in combinations(trainings, 2):
        recipes = one.params["recipe"], other.params["recipe"]
        differ = {key for key in {*recipes[0], *recipes[1]} if recipes[0].get(key) != recipes[1].get(key)}
        for arm, keys in ARMS.items():
            more = sorted(differ.difference(keys))
            if differ.intersection(keys) and more:
                yield (
                    f"two trainings differ in {arm} and in {', '.join(more)} as well ({_short(one)}, {_short(other)}): "
                    "what makes the difference between them cannot be told."
                )


def _without_dense(jobs: list[Job]) -> Iterator[str]:
    """Nets that were pruned before any training, in a study that trains no dense net."""
    pruned = [job for job in jobs if job.step == "train_pruned"]
    if pruned and not any(job.step == "train" and not job.params["recipe"]["penalty"] for job in jobs):
        yield (
            f"{_short(pruned[0])} after init is compared with no dense net, since none is trained: add the chain "
            "[train]."
        )


def _short(job: Job) -> str:
    return job.node.rpartition("/")[2]
