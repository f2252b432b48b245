"""The contract of importance scores, of both backends."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from espalier.contract.trial import NotChecked
from espalier.registry import Score

# Groups as the library gives them to a score, a matrix with one row per group: how many rows and columns.
SHAPES = {
    "pytorch": {"filters": (6, 5), "channels": (5, 6), "neurons": (6, 5), "blocks": (1, 7), "weights": (9, 1)},
    "keras": {"units": (6, 5), "weights": (9, 1)},
}


class Trial:
    """A score, and made-up groups to try it on."""

    def __init__(self, entry: Score) -> None:
        self.entry = entry
        shapes = SHAPES.get(entry.backend, SHAPES["pytorch"])
        self.shapes = {kind: shape for kind, shape in shapes.items() if kind in entry.of}

    @property
    def draws(self) -> bool:
        """Whether the scores are random numbers."""
        return not np.array_equal(self.scores(made_up(), seed=0), self.scores(made_up(), seed=1))

    def scores(self, groups: np.ndarray, seed: int = 0) -> np.ndarray:
        """The scores of the rows of a matrix, as the score gives them."""
        return np.asarray(self.scored(groups, seed)[0])

    def scored(self, groups: np.ndarray, seed: int = 0) -> tuple[Any, np.ndarray]:
        """What the score gives for the rows of a matrix, and the matrix after the call."""
        if self.entry.backend == "keras":
            given = np.array(groups, np.float32)
            return self.entry(given, np.random.default_rng(seed)), given
        import torch

        weight = torch.tensor(groups, dtype=torch.float32)
        tensors = {
            "gradient": weight.cos(),
            "batch_gradient": weight.cos(),
            "scale": weight.abs().sum(1) + 1,
            "gates": weight.sin(),
        }
        generator = torch.Generator().manual_seed(seed)
        asked = inspect.signature(self.entry.function).parameters
        given = {name: value for name, value in (tensors | {"generator": generator}).items() if name in asked}
        with torch.no_grad():
            return self.entry(weight, 1, **given), weight.numpy()


@contextmanager
def trial(entry: Score) -> Iterator[Trial]:
    yield Trial(entry)


def made_up(shape: tuple[int, int] = (6, 5), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)


def gives_one_number_for_each_group(trial: Trial) -> str | None:
    """It gives one number for each group."""
    for kind, shape in trial.shapes.items():
        result = trial.scored(made_up(shape))[0]
        if tuple(np.shape(result)) != shape[:1]:
            over = "`dims`, as weight.sum(dims) does" if trial.entry.backend != "keras" else "axis 1"
            return (
                f"For {shape[0]} {kind} of {shape[1]} weights it gives an array of shape {tuple(np.shape(result))}, "
                f"not ({shape[0]},): reduce over {over}, and over nothing else."
            )
    return None


def gives_finite_numbers(trial: Trial) -> str | None:
    """Scores are finite, also of groups whose weights are all zero, all equal, or tiny."""
    cases = {
        "usual weights": made_up,
        "weights that are all zero": np.zeros,
        "weights that are all equal": np.ones,
        "weights of 1e-20": lambda shape: made_up(shape) * 1e-19,
    }
    for shape in trial.shapes.values():
        for name, make in cases.items():
            if not np.isfinite(trial.scores(make(shape))).all():
                return f"For {name} a score is not finite: avoid dividing by a norm, or a logarithm, that can be 0."
    return None


def gives_the_same_each_time(trial: Trial) -> str | None:
    """The same weights and the same seed give the same scores."""
    if np.array_equal(trial.scores(made_up()), trial.scores(made_up())):
        return None
    return "Two calls give different scores: draw random numbers from a parameter `generator`, from nothing else."


def ranks_groups_not_places(trial: Trial) -> str | None:
    """A score belongs to the group, wherever it stands in its layer; equal groups get equal scores."""
    if trial.draws:
        raise NotChecked("its scores are random")
    shape = next((shape for shape in trial.shapes.values() if shape[0] > 1), None)
    if shape is None:
        raise NotChecked("it ranks groups of one row each")
    groups, order = made_up(shape), np.random.default_rng(1).permutation(shape[0])
    if not np.allclose(trial.scores(groups)[order], trial.scores(groups[order]), rtol=1e-4, atol=1e-7):
        return "Groups in another order get other scores: compute a group's score from its own row of weights."
    groups[2] = groups[0]
    scores = trial.scores(groups)
    if not np.isclose(scores[0], scores[2], rtol=1e-4, atol=1e-7):
        return f"Two equal groups get the scores {scores[0]:.6g} and {scores[2]:.6g}."
    return None


def changes_nothing(trial: Trial) -> str | None:
    """It does not change the weights that it is given, and draws no global random numbers."""
    groups = made_up()
    before = _global_random_numbers(trial.entry.backend)
    if not np.array_equal(trial.scored(groups)[1], groups):
        return "It changes the weights that it is given: no method with _ at the end (abs_), no `weight[...] =`."
    if _global_random_numbers(trial.entry.backend) != before:
        return "It draws from a global generator: add a parameter `generator`, and draw from that."
    return None


def says_if_it_is_signed(trial: Trial) -> str | None:
    """Scores of PyTorch nets that can be negative say so, since these are not divided by their layer's mean."""
    if trial.entry.backend == "keras" or trial.entry.signed:
        return None
    if min(trial.scores(made_up(shape)).min() for shape in trial.shapes.values()) < 0:
        return "A score is negative: register it with signed=True, or take its absolute value, or its square."
    return None


def is_not_negative_for_keras(trial: Trial) -> str | None:
    """Scores of Keras nets are not negative: weights that are gone already rank below all others."""
    if trial.entry.backend != "keras":
        return None
    if min(trial.scores(made_up(shape)).min() for shape in trial.shapes.values()) < 0:
        return "A score is negative: take its absolute value, or its square."
    return None


def _global_random_numbers(backend: str) -> list[str]:
    states = [str(np.random.get_state())]
    if backend != "keras":
        import torch

        states.append(str(torch.get_rng_state().tolist()))
    return states


CHECKS = (
    gives_one_number_for_each_group,
    gives_finite_numbers,
    gives_the_same_each_time,
    ranks_groups_not_places,
    changes_nothing,
    says_if_it_is_signed,
    is_not_negative_for_keras,
)
