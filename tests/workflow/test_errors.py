"""What a user sees when something is wrong: one clear error, no traceback, and nothing lost that was computed."""

import random

import pytest
import yaml
from project import PROJECT

STUDY = "cifar100_vgg16_bn"
TRAIN = ("studies", STUDY, "train")
FILTERS = {"prune_type": "filter_wise", "method": "mean_abs"}


def changed(project, path, value):
    """Set one key of the project's config.yaml."""
    file = project.folder / "config.yaml"
    config = yaml.safe_load(file.read_text())
    *parents, last = path
    part = config
    for key in parents:
        part = part[key]
    part[last] = value
    file.write_text(yaml.safe_dump(config))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("thread",), 1, ["thread:", "no such key", "did you mean 'threads'"]),
        ((*TRAIN, "learning_rat"), 0.1, [f"studies.{STUDY}.train.learning_rat", "learning_rate: 0.1"]),
        ((*TRAIN, "weight_decay"), "1e-4", ["weight_decay", "is text to YAML", "weight_decay: 0.0001"]),
        (("studies", STUDY, "backend"), "torch", ["backend", "pytorch, keras"]),
        (("studies", STUDY, "model", "name"), "vgg16", ["model.name", "vgg16_bn"]),
        (
            ("studies", STUDY, "chains"),
            [["train", {"prune": {"prune_type": "filter_wise", "method": "mean_ab", "ratio": 0.4}}]],
            [f"studies.{STUDY}.chains[0][1].prune.method", "'mean_ab'", "Allowed: group_lasso", "method: mean_abs"],
        ),
        (
            ("studies", STUDY, "chains"),
            [["train", {"prune": {**FILTERS, "ratio": 40}}]],
            ["chains[0][1].prune.ratio", "40", "below 1", "ratio: 0.4"],
        ),
        (
            ("studies", STUDY, "chains"),
            [["train", {"prune": {"prune_type": "depth_wise", "method": "mean_abs", "blocks": 1}}]],
            ["prune_type", "depth_wise needs residual blocks, and vgg16_bn has none", "depth_wise on resnet50"],
        ),
        (
            ("studies", STUDY, "chains"),
            [[{"prune": {**FILTERS, "ratio": 0.4}}, "finetune"]],
            ["chains[0]", "begins with 'prune'", "a chain begins with train"],
        ),
        (
            ("studies", STUDY, "chains"),
            [["train"], ["train", {"prune": {**FILTERS, "ratio": [0.4, 0.40]}}]],
            ["chains[1]", "is there twice"],
        ),
        (("run",), ["mnist"], ["run:", "'mnist'", "mnist_mlp"]),
    ],
    ids=["key", "near_key", "text", "backend", "model", "method", "percent", "impossible", "no_train", "twice", "run"],
)  # fmt: skip
def test_a_wrong_config_never_starts(project, path, value, words):
    changed(project, path, value)
    done = project.snakemake("--cores", "1")
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout
    assert "Traceback" not in done.stdout and "config.yaml" in done.stdout
    assert not (project.folder / "results").exists()


def test_fewer_cores_than_threads_are_said_once(project):
    output = project.run("--dry-run", "--cores", "2", "--config", "threads=4")
    assert output.count("`threads: 4` in the config, and `--cores 2`") == 1
    assert "`--cores 4`" not in project.run("--dry-run", "--cores", "4", "--config", "threads=4")


SIGNS = ("", "", "?", "]", "{", ": ", "\n", "\t", "-", "&a", "*a", '"', "\0", "1e-4", "é")


def test_a_broken_file_is_planned_or_refused_without_a_traceback(project):
    """Twenty mutants of the miniature config, by the command line: characters are lost, added or replaced."""
    chance, text = random.Random(7), (PROJECT / "tests" / "config" / "small.yaml").read_text()
    refused = 0
    for number in range(20):
        start = chance.randrange(len(text))
        broken = text[:start] + chance.choice(SIGNS) + text[start + chance.choice((0, 1, 1, 12)) :]
        (project.folder / "broken.yaml").write_text(broken)
        done = project.snakemake("--dry-run", "--quiet", "all", "--configfile", "broken.yaml")
        assert "Traceback" not in done.stdout, (number, broken)
        if done.returncode:
            refused += 1
            assert "Allowed: " in done.stdout or "not valid JSON or YAML" in done.stdout, (number, done.stdout)
    assert 5 < refused < 20


def test_a_failing_job_names_its_log_and_what_to_do_and_the_rest_goes_on(finished):
    rows = "chains:\n      - [train]\n"
    finished.edit(
        "config.yaml", rows, rows + "      - [train: {learning_rate: 1.0e+30}]\n      - [train: {shuffle: false}]\n"
    )
    done = finished.snakemake("--cores", "1")
    assert done.returncode != 0
    log = "results/logs/vgg/seed0/train~learning_rate=1e+30.safetensors.log"
    assert f"{log})" in done.stdout
    assert "error: the loss is not finite in epoch 1: lower learning_rate" in done.stdout
    assert "FloatingPointError" in (finished.folder / log).read_text()
    assert (finished.folder / "results/models/vgg/seed0/train~shuffle=false/record.json").exists()
    assert not (finished.folder / "results/models/vgg/seed0/train~learning_rate=1e+30/model.safetensors").exists()


@pytest.mark.parametrize("given", [(), ("--configfile", "config.yaml")])
def test_a_key_that_is_there_twice_is_refused_with_both_lines(project, given):
    file = project.folder / "config.yaml"
    lines = file.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("seeds:"))
    file.write_text("\n".join([*lines, "seeds: [7]"]) + "\n")
    done = project.snakemake("-n", *given)
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert f"line {len(lines) + 1}, column 1" in done.stdout and f"in line {place + 1}" in done.stdout


def test_a_config_that_is_no_yaml_is_refused_with_the_place(project):
    file = project.folder / "config.yaml"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, "plugins:", "\t- mine.py"]) + "\n")
    done = project.snakemake("-n")
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert f"line {len(lines) + 2}, column 1" in done.stdout and "tab" in done.stdout
