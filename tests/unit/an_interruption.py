"""A training that is interrupted, for tests of whether it goes on where it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from espalier.run import progress


@contextmanager
def interrupted(epoch: int) -> Iterator[None]:
    """Inside the block, trainings are interrupted at the end of that epoch, before its state is kept."""
    real = progress.line

    def stop(row, epochs):
        if row["epoch"] == epoch:
            raise InterruptedError
        real(row, epochs)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(progress, "line", stop)
        yield
