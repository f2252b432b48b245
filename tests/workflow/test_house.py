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


def test_conda_environments_pin_what_requirements_pin():
    lines = (PROJECT / "envs" / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    for name in ("pytorch", "keras", "report"):
        environment = yaml.safe_load((PROJECT / "envs" / f"{name}.yaml").read_text())
        packages = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
        assert packages, name
        for package, version in (line.split("==") for line in packages):
            assert pins[package] == version, (
                f"envs/{name}.yaml pins {package} {version}, requirements.txt {pins[package]}"
            )


def test_the_lowest_snakemake_is_the_one_that_is_tested():
    (lowest,) = re.findall(r'min_version\("(.*?)"\)', (PROJECT / "workflow/Snakefile").read_text())
    assert f"snakemake=={lowest}" in (PROJECT / "envs/requirements.txt").read_text().splitlines()


def test_the_snakefile_and_the_common_rules_stay_short():
    assert len((PROJECT / "Snakefile").read_text().splitlines()) <= 15
    assert len((PROJECT / "workflow/Snakefile").read_text().splitlines()) <= 80
    assert len((PROJECT / "workflow/rules/common.smk").read_text().splitlines()) <= 150
