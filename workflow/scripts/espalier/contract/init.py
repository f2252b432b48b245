"""The contract of distributions of initial weights (Keras)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from espalier.contract.trial import NotChecked
from espalier.registry import Init

SHAPES = ((7, 5), (3, 3, 4, 6))  # of a dense layer: inputs, units; of a convolution: height, width, inputs, filters

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@contextmanager
def trial(entry: Init) -> Iterator[Init]:
    yield entry


def drawing(entry: Init) -> Draw:
    """The function that draws, of the options' defaults."""
    needed = [p.name for p in inspect.signature(entry.function).parameters.values() if p.default is p.empty]
    if needed:
        raise NotChecked(f"its options {', '.join(needed)} have no default to try it with")
    return entry()


def gives_arrays_of_the_shape(entry: Init) -> str | None:
    """It gives a function of a generator and a shape, and that gives an array of finite numbers of this shape."""
    draw = drawing(entry)
    if not callable(draw):
        return f"It gives a {type(draw).__name__}, not a function: return lambda generator, shape: ..."
    for shape in SHAPES:
        array = np.asarray(draw(np.random.default_rng(0), shape))
        if array.shape != shape:
            return f"For the shape {shape} it gives an array of shape {array.shape}."
        if not np.isfinite(array).all():
            return f"For the shape {shape} a number is not finite."
    return None


def draws_from_the_generator(entry: Init) -> str | None:
    """The same generator gives the same numbers: it draws from nothing else."""
    draw = drawing(entry)
    first, second = (np.asarray(draw(np.random.default_rng(0), SHAPES[0])) for _ in range(2))
    return None if np.array_equal(first, second) else "Two calls differ: draw from the generator that it is given."


CHECKS = (gives_arrays_of_the_shape, draws_from_the_generator)
