"""Every code block of the docs does what it shows.

Python blocks that register something are plug-ins: they are loaded and tried out by the contract tests. Other Python
blocks are run. YAML blocks are checked as configs; a part of a config has a comment before it that says where it
belongs, `<!-- test: ... -->`. Commands of shell blocks are tried as a dry run, or their arguments are read.
"""

import importlib.util
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from project import PROJECT

from espalier import contract, plugins, registry
from espalier.__main__ import parser
from espalier.contract import made_up
from espalier.plan import grid
from espalier.report import tables
from espalier.report.choose import page as choose
from espalier.report.choose.data import Origin

PAGES = sorted(
    path.relative_to(PROJECT)
    for pattern in ("README.md", "docs/*.md", "examples/*/README.md", "profiles/README.md", "benchmarks/README.md")
    for path in PROJECT.glob(pattern)
)
PLACE = r"(?:<!-- test: (?P<place>.*?) -->\n)?"
FENCE = re.compile(rf"^{PLACE}(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)

# Languages of blocks that are not run, and why.
SHOWN = {
    "text": "it is what a program prints",
    "snakemake": "it is another workflow's, such as those in test_module.py",
}

# Commands that are not tried, by how they begin, and why.
NOT_TRIED = {
    "source .venv/bin/activate": "it changes the shell that it is typed into",
    "export ": "it changes the shell that it is typed into",
    "cd ": "it changes the shell that it is typed into",
    "git clone": "it needs the network",
    "snakedeploy": "it needs the network",
    "python -c": "it downloads weights",
    "docker": "it needs Docker and the network",
    "apt-get": "it changes the machine",
    "snakemake --cores 2 --configfile examples/own_net/config.yaml": "init writes it; test_own_net.py runs both",
    "python tests/cluster/slurm.py": "it starts a cluster, as the tests in tests/cluster do",
}
# Options that need a finished run, or end with a question of Snakemake's: their arguments are read, and that is all.
NOT_RUN = ("--report", "--unlock", "--touch", "--profile", "--software-deployment-method")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    place: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = (PROJECT / page).read_text(encoding="utf-8")
    return [
        Block(page, text[: m.start("text")].count("\n"), m["language"], m["place"], dedent(m["text"]))
        for m in FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def of(*languages):
    return pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in languages], ids=str)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_block_has_a_language_that_is_tested(page):
    text = (PROJECT / page).read_text(encoding="utf-8")
    assert 2 * len(blocks_of(page)) == len(re.findall(r"^ *```", text, flags=re.M)), "a block that is not found"
    assert {block.language for block in blocks_of(page)} <= {"python", "yaml", "sh", *SHOWN}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_code_is_indented_where_it_would_not_be_found(page):
    text = FENCE.sub("", (PROJECT / page).read_text(encoding="utf-8"))
    found = re.findall(r"(?:^|\n)(?![*\-\d ])[^\n]*\n\n    (?=\S)([^\n]*)", text)
    assert found == []


# Python


@pytest.fixture
def loaded(tmp_path, monkeypatch, own_register):
    """loaded(text): what a plug-in with this text registers."""

    def load(text):
        (tmp_path / "my_methods.py").write_text(text)
        plugins.load(plugins.find(["my_methods.py"], [tmp_path]))
        return registry.of_plugin("my_methods.py")

    monkeypatch.chdir(tmp_path)
    yield load
    for plugin in plugins.loaded():
        plugins.unload(plugin)


@pytest.mark.parametrize("block", [b for b in BLOCKS if "@register(" in b.text and b.language == "python"], ids=str)
def test_what_python_blocks_register_passes_the_contract_tests(block, loaded):
    entries = loaded(block.text)
    assert len(entries) == block.text.count("@register(")
    for entry in entries:
        wrong = [verdict for verdict in contract.check(entry) if verdict.problem]
        assert not wrong, f"{entry.kind} {entry.name}: {wrong[0].demand} {wrong[0].problem}"


@pytest.fixture
def results(tmp_path, monkeypatch):
    """The working directory has the library, and of a run what the docs read: nets, and the findings of a study."""
    import torch

    from espalier.pytorch import models

    study, run = "cifar100_vgg16_bn", tmp_path / "results"
    node = run / "models" / study / "seed0/train~l2_groups~filter_wise/prune~filter_wise~mean_abs~0.40"
    node.mkdir(parents=True)
    torch.manual_seed(0)
    models.save(models.build_model("vgg16_bn", 10, width=0.125), node / "model.safetensors")
    given = run / "models/my_nets/seed0/given"
    given.mkdir(parents=True)
    own = plugins.find([str(PROJECT / "examples/own_net/my_nets.py")], [])
    plugins.load(own)
    models.save(models.build_model("my_nets:make_net", 10), given / "model.safetensors")
    for plugin in own:
        plugins.unload(plugin)  # the docs load it
    made, records = made_up.run()
    table = {suffix: run / "tables" / study / f"findings.{suffix}" for suffix in ("csv", "html")}
    tables.write("findings", records, made.studies, "filters", **table)
    origin = Origin(chains={}, command="snakemake TARGET")
    choose.write(records, made.studies, origin, html=run / "choose.html", numbers=run / "results.json")
    for part in ("workflow", "examples"):
        (tmp_path / part).symlink_to(PROJECT / part)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = plugins.loaded()
    yield
    for plugin in [plugin for plugin in plugins.loaded() if plugin not in before]:
        plugins.unload(plugin)


@pytest.mark.parametrize("block", [b for b in BLOCKS if "@register(" not in b.text and b.language == "python"], ids=str)
def test_other_python_blocks_run(block, results):
    exec(compile(block.text, str(block), "exec"), {"__name__": "docs"})


# YAML


def merged(base, part):
    """A mapping with the keys of another in it, at every depth."""
    if not (isinstance(base, dict) and isinstance(part, dict)):
        return part
    return base | {key: merged(base.get(key), value) for key, value in part.items()}


def put(config, path, part):
    """A config with a part of it put in the place of its keys."""
    reduce(lambda inside, key: inside[key], path, config).update(part)
    return config


def config_of(block):
    """The whole config that a block shows, or shows a part of."""
    part, default = yaml.safe_load(block.text), yaml.safe_load((PROJECT / "config.yaml").read_text())
    place = block.place or "a config"
    if place == "a config":
        return part
    if match := re.fullmatch(r"in (\S+?)(?: without (\w+))?", place):
        path = match[1].split(".")
        reduce(lambda inside, key: inside[key], path, default).pop(match[2], None)
        return put(default, path, part)
    if match := re.fullmatch(r"like the study (\w+)", place):
        study = default["studies"][match[1]]
        return part | {"studies": {name: merged(study, own) for name, own in part["studies"].items()}}
    if place.startswith("top of the config"):
        return default | part
    raise ValueError(f"{block}: there is no place {place!r}")


def with_files_of_own(block, folder):
    """The net that the page shows, and files in the place of weights, which a plan does not read."""
    if "import:" in block.text:
        net = next(b for b in BLOCKS if b.page == block.page and "def make_net" in b.text)
        (folder / "my_nets.py").write_text(net.text)
    for name in re.findall(r"weights: (\S+\.pth?)\b", block.text):
        (folder / name).write_bytes(b"weights")


@of("yaml")
def test_yaml_blocks_are_right(block, loaded, tmp_path):
    if "with my_methods.py" in (block.place or ""):
        score = next(b for b in BLOCKS if b.page == block.page and "@register(" in b.text)
        loaded(score.text)
    with_files_of_own(block, tmp_path)
    assert grid.build(config_of(block)).jobs


# Commands


def commands_of(block):
    """The commands of a block: lines without prompts and comments, lines that go on joined."""
    lines = block.text.replace("\\\n", " ").splitlines()
    parts = [shlex.split(line, comments=True) for line in lines]
    joined = [shlex.join(part) for part in parts if part]
    return [command for line in joined for command in re.split(r" (?:'&&'|&&) ", line)]


COMMANDS = sorted({command for block in BLOCKS if block.language == "sh" for command in commands_of(block)})


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_given(command, tmp_path):
    words = [word for word in shlex.split(command) if word != "&" and not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if any(command.startswith(begin) for begin in NOT_TRIED):
        return
    if words[:3] == ["python", "-m", "espalier"]:
        parser().parse_args(words[3:])
    elif words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2])
    elif words[0] in ("python", ".venv/bin/python"):
        text = (PROJECT / words[1]).read_text()
        assert all(f'"{option}"' in text for option in words[2:] if option.startswith("--"))
    elif words[0] == "make":
        done = subprocess.run(["make", "-n", *words[1:]], cwd=PROJECT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    elif words[0] == "snakemake":
        from snakemake.cli import get_argument_parser

        get_argument_parser().parse_args(words[1:])
        if not any(option in words for option in NOT_RUN):
            dry_run(words[1:], tmp_path)
    else:
        raise AssertionError(f"{command!r} is neither tried nor in NOT_TRIED")


def dry_run(arguments, folder):
    command = [sys.executable, "-m", "snakemake", *arguments, "--dry-run", "--quiet", "all", "--directory", str(folder)]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
