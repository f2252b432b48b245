"""The house is in order: formatted, linted, and its pages in step with its code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("snakefmt", "--check", "Snakefile", "workflow"),
        ("snakemake", "--lint"),
        ("basedpyright", "--warnings"),
    ],
    ids=" ".join,
)
def test_is_clean(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def pins(lines):
    """Package -> version of lines that pin one, names written in one way."""
    found = (re.match(r"([\w.-]+)==([^\s;]+)", line.strip()) for line in lines)
    return {re.sub(r"[_.-]+", "-", pin[1]).lower(): pin[2] for pin in found if pin}


LOCK = (PROJECT / "envs" / "requirements.lock").read_text()


def test_the_lock_has_the_required_versions_each_with_hashes():
    required, locked = pins((PROJECT / "envs" / "requirements.txt").read_text().splitlines()), pins(LOCK.splitlines())
    assert required and required.items() <= locked.items()
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert all(" --hash=sha256:" in entry for entry in entries) and "://" not in LOCK


@pytest.mark.parametrize("name", ["pytorch", "pytorch-cpu", "keras", "report"])
def test_conda_environments_pin_what_the_lock_pins_and_what_their_packages_bring_along(name):
    environment = yaml.safe_load((PROJECT / "envs" / f"{name}.yaml").read_text())
    (packages,) = (part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    locked = pins(packages)
    assert len(locked) == len(packages) > 60
    assert locked.items() <= pins(LOCK.splitlines()).items()
    with_gpus = [package for package in locked if package.startswith("nvidia-")]
    assert bool(with_gpus) == (name == "pytorch")


def test_the_public_ci_runs_what_ci_runs():
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert any(".ci/run" in command for command in commands) and "make run" in commands


def test_the_lowest_snakemake_is_the_one_that_is_tested():
    (lowest,) = re.findall(r'min_version\("(.*?)"\)', (PROJECT / "workflow/Snakefile").read_text())
    assert f"snakemake=={lowest}" in (PROJECT / "envs/requirements.txt").read_text().splitlines()


def test_the_snakefile_and_the_common_rules_stay_short():
    assert len((PROJECT / "Snakefile").read_text().splitlines()) <= 15
    assert len((PROJECT / "workflow/Snakefile").read_text().splitlines()) <= 80
    assert len((PROJECT / "workflow/rules/common.smk").read_text().splitlines()) <= 150
