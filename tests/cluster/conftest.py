"""A cluster for the tests in this folder, and one run on it, made once."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import PROJECT, Project, copy
from slurm import Cluster, missing

# Without accounting, squeue tells what became of a job; and tests cannot wait long.
SLURM = ("--profile", "profiles/slurm", "--slurm-status-command", "squeue")
SLURM += ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5")
RECORDS = "results/records/results.csv"  # of all steps and of the times


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if reason := missing():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm", dir="/tmp") as folder, Cluster(Path(folder)) as running:
        yield running


def _project(folder: Path, cluster: Cluster) -> Project:
    made = copy(folder)
    shutil.copy2(PROJECT / "tests" / "config" / "cluster.yaml", made.folder / "config.yaml")
    return Project(made.folder, cluster.env)


@pytest.fixture
def fresh(tmp_path: Path, cluster: Cluster) -> Project:
    """The project with the cluster's config, in which nothing has run."""
    return _project(tmp_path / "fresh", cluster)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where results are shared between workflows (--cache), filled by the run on the cluster."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Project:
    """A run on this machine."""
    made = _project(tmp_path_factory.mktemp("local") / "project", cluster)
    made.run("--cores", "2", "--", RECORDS)
    return made


@pytest.fixture(scope="session")
def submitted(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, cache: Path) -> Project:
    """The same run on the cluster. Not to be changed: take `finished` for that."""
    made = _project(tmp_path_factory.mktemp("submitted") / "project", cluster)
    made.env = {**cluster.env, "SNAKEMAKE_OUTPUT_CACHE": str(cache)}
    made.run(*SLURM, "--cache", "train", "--", RECORDS)
    return made


@pytest.fixture
def finished(submitted: Project, tmp_path: Path) -> Project:
    """A copy of the run on the cluster, time stamps and Snakemake's memory with it."""
    shutil.copytree(submitted.folder, tmp_path / "finished", symlinks=True)
    return Project(tmp_path / "finished", submitted.env)
