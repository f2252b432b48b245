"""Running the real workflow on the embedded data."""

from __future__ import annotations

import shutil

import pytest
from project import PROJECT, Project, copy


@pytest.fixture
def project(tmp_path) -> Project:
    """A fresh copy of the project in which nothing has run."""
    return copy(tmp_path / "project")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> Project:
    """The miniature config, run to its end. Not to be changed: take `finished` for that."""
    fresh = copy(tmp_path_factory.mktemp("small") / "project")
    shutil.copy2(PROJECT / "tests" / "config" / "small.yaml", fresh.folder / "config.yaml")
    fresh.run("--cores", "2")
    return fresh


@pytest.fixture
def finished(small_run, tmp_path) -> Project:
    """A copy of the finished miniature run, time stamps and Snakemake's memory with it."""
    shutil.copytree(small_run.folder, tmp_path / "finished", symlinks=True)
    return Project(tmp_path / "finished")
