"""The param `code` of every job: an edit, or another version of a package, reaches the jobs that use it and no others.

Shown on plans alone, so that nothing has to run: a job whose param changed is one that Snakemake runs again.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import PROJECT, copy

PLAN = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    workflow = api.workflow(
        resource_settings=ResourceSettings(cores=2),
        config_settings=ConfigSettings(configfiles=[Path("config.yaml")]),
        snakefile=Path("Snakefile"),
    )
    workflow.dag(DAGSettings(targets={"all", "pages"})).execute_workflow(executor="dryrun")
    jobs = [job for job in workflow._workflow.dag.jobs if job.output]
frameworks = [name for name in ("torch", "torchvision", "tensorflow", "onnx", "matplotlib") if name in sys.modules]
print(json.dumps([frameworks, {str(job.output[0]): [job.rule.name, job.params.get("code")] for job in jobs}]))
"""


def codes(folder, **environment):
    """First output of each planned job -> (rule, its param `code`)."""
    done = subprocess.run(
        [sys.executable, "-c", PLAN], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    frameworks, jobs = json.loads(done.stdout.splitlines()[-1])
    assert not frameworks, "planning imports them"
    return jobs


def miniature(folder):
    """A copy of the project with the miniature config, in which nothing has run."""
    copied = copy(folder)
    (folder / "config.yaml").write_bytes((PROJECT / "tests" / "config" / "small.yaml").read_bytes())
    return copied


@pytest.fixture
def small(tmp_path):
    return miniature(tmp_path / "project")


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The code of every job as it is."""
    return codes(miniature(tmp_path_factory.mktemp("before") / "project").folder)


def changed(before, after):
    """The jobs whose code differs: items of the report by their names, others by their rules."""
    assert before.keys() == after.keys()
    names = {output: Path(output).stem if "/tables/" in output or "/figures/" in output else before[output][0]
             for output in before if before[output] != after[output]}  # fmt: skip
    for name in set(names.values()):
        same = {output for output, (rule, _) in before.items() if name in (rule, Path(output).stem)}
        assert same <= names.keys(), f"not all jobs of {name}"
    return set(names.values())


def with_a_statement(text, function):
    """The source with one more statement at the beginning of a function."""
    body = next(node for node in ast.parse(text).body if getattr(node, "name", "") == function).body
    lines = text.splitlines(keepends=True)
    return "".join([*lines[: body[1].lineno - 1], "    another = 1  # noqa\n", *lines[body[1].lineno - 1 :]])


def test_every_job_declares_its_code(before):
    for output, (_, code) in before.items():
        assert set(code) - {"described"} == {"digest", "uses", "versions", "of"}, output


@pytest.mark.parametrize(
    ("file", "function", "reached"),
    [
        ("findings/speed.py", "promise", {"findings", "overview", "studies", "write_pages", "write_study"}),
        ("tables/published.py", "published", {"published", "write_pages"}),
        ("tables/environment.py", "environment", {"environment", "write_pages"}),
        ("figures/layer_widths.py", "layer_widths", {"layer_widths", "write_pages"}),
    ],
)
def test_an_edit_of_an_item_of_the_report_reaches_what_shows_it(small, before, file, function, reached):
    path = small.folder / "workflow" / "scripts" / "espalier" / "report" / file
    path.write_text(with_a_statement(path.read_text(), function))
    assert changed(before, codes(small.folder)) == reached


def test_another_title_reaches_the_pages(small, before):
    path = "workflow/scripts/espalier/report/tables/summary.py"
    small.edit(path, 'title="', 'title="New: ')
    assert changed(before, codes(small.folder)) == {"summary", "write_pages"}


PYTORCH, KERAS = "(vgg|resnet)", "(mlp|cnn)"


PACKAGES = {  # package -> the outputs of the jobs that compute with it
    "torch": rf"models/{PYTORCH}/.*|records/{PYTORCH}/.*latency\.json|records/published_counts_pytorch\.json",
    "onnxruntime": rf"models/.*(\.onnx|{PYTORCH}.*quantize[^/]*/record\.json)|records/{PYTORCH}/.*latency\.json",
    "tf_keras": rf"models/{KERAS}/.*|records/{KERAS}/.*latency\.json|records/published_counts_keras\.json",
    "ai_edge_litert": rf"models/.*(\.tflite|{KERAS}.*quantize[^/]*/record\.json)|records/{KERAS}/.*latency\.json",
    "matplotlib": r"figures/.*|pages",
    "jsonschema": r"none",
}


def test_another_version_of_a_package_reaches_the_jobs_that_compute_with_it(small, before):
    for package in PACKAGES:
        info = small.folder / "site" / f"{package}-99.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 99.0\n")
    after = codes(small.folder, PYTHONPATH=str(small.folder / "site"))
    for package, outputs in PACKAGES.items():
        reached = {output for output, (_, code) in after.items() if code["versions"].get(package) == "99.0"}
        assert reached == {output for output in before if re.fullmatch(f"results/({outputs})", output)}, package
    assert {output: code["digest"] for output, (_, code) in after.items()} == {
        output: code["digest"] for output, (_, code) in before.items()
    }
    assert any(code["versions"].get("torch", "99.0") != "99.0" for _, code in before.values())
