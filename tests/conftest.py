"""What tests share: how hypothesis looks for counterexamples, a register to add to, and prepared data."""

import contextlib
import functools
from contextlib import contextmanager

import pytest
from hypothesis import settings

from espalier import registry
from espalier.datasets import prepare as data

# Both frameworks in one process, which only tests do: TensorFlow's LLVM and that of Triton, which PyTorch brings on
# Linux, get along if Triton's is loaded first, and crash otherwise.
with contextlib.suppress(ImportError):
    import triton._C.libtriton  # noqa: F401

registry.load()  # before tests import its modules: names stand in the order in which the workflow loads them

settings.register_profile("espalier", deadline=None, derandomize=True, database=None, max_examples=25)
settings.load_profile("espalier")


@contextmanager
def copied_register():
    registry.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_entries", dict(registry._entries))
        yield


@pytest.fixture
def own_register():
    """What a test registers is forgotten after it."""
    with copied_register():
        yield


@pytest.fixture(scope="module")
def module_register():
    """What a test module registers is forgotten after it."""
    with copied_register():
        yield


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """digits(size, channels): the folder of the prepared digits, made once."""

    @functools.cache
    def folder(size, channels):
        made = tmp_path_factory.mktemp("data") / f"digits_{size}x{size}x{channels}"
        data.prepare(
            made, data.Preparation(name="digits", size=size, channels=channels, validation=0.1, mean=0.45, std=0.225)
        )
        return made

    return folder
