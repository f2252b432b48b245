"""Running the real workflow on the embedded data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

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


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Project:
    """The tiny config, run as far as its records. Not to be changed."""
    fresh = copy(tmp_path_factory.mktemp("tiny") / "project")
    shutil.copy2(PROJECT / "tests" / "config" / "tiny.yaml", fresh.folder / "config.yaml")
    fresh.run("--cores", "2", "--", "results/records/results.csv")
    return fresh


@pytest.fixture
def tiny(project) -> Project:
    """A project with the tiny config in which nothing has run."""
    shutil.copy2(PROJECT / "tests" / "config" / "tiny.yaml", project.folder / "config.yaml")
    return project


@pytest.fixture(scope="session")
def records() -> Callable[[Path], dict[str, dict]]:
    """records(folder): the records below a folder by node, without what differs from run to run."""

    def read(folder: Path) -> dict[str, dict]:
        found = {}
        for path in folder.rglob("record.json"):
            record = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("timing", "digest")}
            record["history"] = [{k: v for k, v in row.items() if k != "seconds"} for row in record.get("history", ())]
            found[record["node"]] = record
        return found

    return read
