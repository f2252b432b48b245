"""The workflow as a module of another workflow, fetched from a bare clone in Snakemake's source cache, where
Snakemake puts what it fetches from GitHub; and with keys of the config on the command line."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from project import PROJECT, Project, copy
from test_sources import images, picture, zipped

from espalier.run.listing import listing

CONFIG = yaml.safe_load((PROJECT / "tests" / "config" / "tiny.yaml").read_text())
STUDY = CONFIG["studies"]["mlp"]
RECORDS = "results/records/results.csv"
MODULE = """
module {name}:
    snakefile: {source}
    config: {config}
    {more}

use rule * from {name} as {name}_*
"""


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """A folder for caches, in which Snakemake finds its clone of the repository example/espalier: tag v1 is the project
    as it is, and v2 says another word where it prunes."""
    folder = tmp_path_factory.mktemp("cache")
    made = copy(tmp_path_factory.mktemp("repository") / "espalier")
    git(made.folder, "init", "--quiet")
    git(made.folder, "add", "--all")
    git(made.folder, "commit", "--quiet", "--message", "As it is")
    git(made.folder, "tag", "v1")
    made.edit("workflow/scripts/espalier/plan/steps/prune.py", '"pruning {', '"cutting {')
    git(made.folder, "commit", "--quiet", "--all", "--message", "Another word")
    git(made.folder, "tag", "v2")
    clone = folder / "snakemake/snakemake/source-cache/snakemake-git-cache/github.com/example/espalier"
    clone.parent.mkdir(parents=True)
    git(made.folder, "clone", "--quiet", "--bare", ".", str(clone))
    return folder


@pytest.fixture
def parent(tmp_path, cache) -> Parent:
    return Parent(tmp_path, cache)


class Parent:
    """Another workflow, in a folder of its own."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.project = Project(folder, {**os.environ, "XDG_CACHE_HOME": str(cache)})
        self.text = ""

    def uses(self, name: str = "espalier", tag: str = "v1", config: dict | str = CONFIG, more: str = "") -> None:
        source = f'github("example/espalier", path="workflow/Snakefile", tag="{tag}")'
        config = config if isinstance(config, str) else repr(config)
        self.text += MODULE.format(name=name, source=source, config=config, more=more)
        (self.project.folder / "Snakefile").write_text(self.text)


def test_every_file_that_is_fetched_is_listed():
    assert (PROJECT / "workflow/files.txt").read_text() == listing(PROJECT), "write it anew: make docs"


def test_as_a_module_from_a_repository_it_computes_what_it_computes_by_itself(parent, tiny_run, records):
    (parent.project.folder / "study.yaml").write_text(yaml.safe_dump(CONFIG))
    parent.text = 'configfile: "study.yaml"\n'
    parent.uses(config="config", more='prefix: "compression"')
    figure = "compression/results/figures/mlp/layer_widths.svg"
    parent.project.run("--cores", "2", "--", f"compression/{RECORDS}", figure)
    direct = records(tiny_run.folder)
    assert len(direct) == 2
    assert records(parent.project.folder / "compression") == direct
    assert not (parent.project.folder / "results").exists()


def test_two_versions_in_one_workflow_have_a_library_each(parent):
    parent.uses("old", "v1", more='prefix: "old"')
    parent.uses("new", "v2", more='prefix: "new"')
    output = parent.project.run("-n", "old/results/records/results.csv", "new/results/records/results.csv")
    assert "pruning mlp, unit l2 0.50" in output and "cutting mlp, unit l2 0.50" in output


def test_it_takes_nothing_from_the_other_workflow_but_its_config(parent):
    # Neither a config.yaml that lies there, nor --config, unless it is about the part that the module is given.
    (parent.project.folder / "config.yaml").write_text("seeds: [1, 2, 3]\n")
    parent.text = f"config = {{**config, 'part': {{**{CONFIG!r}, **config.get('part', {{}})}}}}\n"
    parent.uses(config="config['part']")
    target = "results/records/results.csv"
    assert parent.project.planned(target)["espalier_train"] == 1
    assert parent.project.planned("--config", "seeds=[0,1]", "threads=9", "--", target)["espalier_train"] == 1
    assert parent.project.planned("--config", "part={seeds: [0, 1]}", "--", target)["espalier_train"] == 2


def test_a_target_of_the_other_workflow_stays_its_default(parent):
    parent.text = "rule mine:\n    output: 'mine.txt'\n    shell: 'touch {output}'\n"
    parent.uses()
    assert parent.project.planned() == {"mine": 1}


def test_the_workflow_that_the_docs_show_plans_all(parent):
    (shown,) = re.findall(r"```snakemake\n(.*?)```", (PROJECT / "docs/module.md").read_text(), flags=re.S)
    (parent.project.folder / "Snakefile").write_text(shown.replace("OWNER", "example").replace("v0.1.0", "v1"))
    (parent.project.folder / "config").mkdir()
    (parent.project.folder / "config" / "config.yaml").write_text(yaml.safe_dump({"espalier": CONFIG}))
    planned = parent.project.planned("--config", "espalier={seeds: [0, 1]}")
    assert planned["espalier_train"] == 2 and planned["espalier_write_overview"] == 1


def test_without_a_config_it_says_that_it_needs_one(parent):
    parent.uses(config="{}")
    done = parent.project.snakemake("-n")
    assert done.returncode != 0 and "module espalier" in done.stdout and "config: config" in done.stdout


def test_the_files_of_a_data_set_are_outside_a_modules_prefix(parent):
    data = {"name": "image_folder", "path": "pets.zip", "size": 28, "channels": 1}
    parent.uses(config={"studies": {"mlp": {**STUDY, "dataset": data}}}, more='prefix: "compression"')
    (parent.project.folder / "data").mkdir()
    zipped(parent.project.folder / "data" / "pets.zip", images())
    manifest = "compression/results/data/image_folder_28x28x1_pathpets.zip/manifest.json"
    parent.project.run("--cores", "1", "--", manifest)
    assert parent.project.planned(manifest) == {}
    zipped(parent.project.folder / "data" / "pets.zip", {**images(), "train/cats/more.png": picture(77)})
    assert parent.project.planned(manifest) == {"espalier_prepare_dataset": 1}


def test_numbers_within_a_key_of_the_command_line_are_numbers(project):
    planned = project.planned(
        "--config", "run=[mnist_mlp]", "studies={mnist_mlp: {seeds: [0, 1], train: {epochs: 3}, threads: 2}}"
    )
    assert planned["train"] == 2 * 2


def test_a_config_that_only_changes_keys_is_told_how_to_be_merged(project):
    (project.folder / "changes.yaml").write_text("seeds: [0, 1]\nrun: [mnist_mlp]\n")
    done = project.snakemake("-n", "--configfile", "changes.yaml")
    assert done.returncode != 0 and "--configfile config.yaml changes.yaml" in done.stdout
    assert project.planned("--configfile", "config.yaml", "changes.yaml")["train"] == 2 * 2
