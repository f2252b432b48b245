"""What tests share: how hypothesis looks for counterexamples, a register to add to, and prepared data."""

import functools

import pytest
from hypothesis import settings

from espalier import data, registry

settings.register_profile("espalier", deadline=None, derandomize=True, database=None, max_examples=25)
settings.load_profile("espalier")


@pytest.fixture(scope="module")
def own_register():
    """What a test module registers is forgotten after it."""
    registry.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_entries", dict(registry._entries))
        yield


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """digits(size, channels): the folder of the prepared digits, made once."""

    @functools.cache
    def folder(size, channels):
        made = tmp_path_factory.mktemp("data") / f"digits_{size}x{size}x{channels}"
        data.prepare(made, name="digits", size=size, channels=channels, validation=0.1, mean=0.45, std=0.225)
        return made

    return folder
