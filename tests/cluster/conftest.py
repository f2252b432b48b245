"""A cluster for the tests in this folder, started once."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm import Cluster, missing


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if reason := missing():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm", dir="/tmp") as folder, Cluster(Path(folder)) as running:
        yield running
