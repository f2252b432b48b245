"""Plug-ins in the real workflow: the example runs, its edits rerun what uses it, and a broken one stops everything."""

import json
import shutil

import pytest
from project import PROJECT, Project, copy

PLUGIN = "examples/plugin/my_methods.py"
CONFIG = ("--configfile", "examples/plugin/config.yaml")
REPORT = {
    "measure",
    "collect_records",
    "collect_run",
    "draw_figure",
    "make_table",
    "make_run_table",
    "make_runtime_table",
    "write_choose",
    "write_overview",
    "write_study",
}


@pytest.fixture(scope="module")
def example_run(tmp_path_factory) -> Project:
    """The example, run to its end. Not to be changed: take `example` for that."""
    fresh = copy(tmp_path_factory.mktemp("plugin") / "project")
    shutil.copytree(PROJECT / "examples", fresh.folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    fresh.run("--cores", "2", *CONFIG)
    return fresh


@pytest.fixture
def example(example_run, tmp_path) -> Project:
    shutil.copytree(example_run.folder, tmp_path / "example", symlinks=True)
    return Project(tmp_path / "example")


def test_what_a_net_cannot_do_stops_its_study_before_the_training(tmp_path):
    fresh = copy(tmp_path / "project")
    shutil.copytree(PROJECT / "examples", fresh.folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    fresh.edit(PLUGIN, "    return weight.pow(4)", "    return weight")
    done = fresh.snakemake("--cores", "1", *CONFIG, "--", "models")
    assert done.returncode != 0 and "preflight of two_convs: prune_type filter_wise" in done.stdout
    assert not list((fresh.folder / "results").glob("models/**/model.safetensors"))


def planned(example, *arguments):
    return example.planned(*CONFIG, *arguments)


def test_the_example_runs_and_its_figure_is_drawn(example_run):
    results = example_run.folder / "results"
    assert "size (KiB)" in (results / "figures/stripes/size_vs_error.svg").read_text()
    assert len(list(results.glob("models/stripes/seed0/**/record.json"))) == 5
    assert len(list(results.glob("data/stripes_8x8x3/images.npy"))) == 1
    preflight = json.loads((results / "preflight/stripes.json").read_text())  # before the training
    assert preflight["works"] and [part["works"] for part in preflight["prune"]] == [True]


def test_a_second_run_does_nothing_and_neither_does_one_in_a_folder_that_was_moved(example):
    assert planned(example) == {}


def test_editing_a_comment_of_a_plugin_reruns_nothing(example):
    example.edit(PLUGIN, '"""Bright stripes, across or down,', '# A comment.\n    """Stripes, across or down,')
    assert planned(example) == {}


def test_editing_its_score_reruns_what_is_scored_by_it(example):
    example.edit(PLUGIN, "weight.pow(4)", "weight.square().square()")
    jobs = planned(example)
    assert (jobs.pop("prune"), jobs.pop("finetune")) == (1, 1)
    assert set(jobs) <= REPORT


def test_editing_its_model_leaves_the_data_alone_and_editing_its_data_leaves_nothing(example):
    example.edit(PLUGIN, "round(32 * width)", "round(width * 32)")
    assert planned(example)["train"] == 1 and "prepare_dataset" not in planned(example)
    example.edit(PLUGIN, "round(width * 32)", "round(32 * width)")
    assert planned(example) == {}
    example.edit(PLUGIN, "np.arange(400) % 2", "np.arange(400) // 2 % 2")
    assert planned(example)["prepare_dataset"] == 1 and planned(example)["prune"] == 2


def test_editing_its_figure_redraws_it(example):
    example.edit(PLUGIN, "error (%)", "wrong (%)")
    assert planned(example) == {"draw_figure": 1, "write_study": 1}  # and the page that shows it


def test_a_module_that_it_imports_beside_it_counts(example):
    (example.folder / "examples/plugin/my_helper.py").write_text("POWER = 4\n")
    example.edit(PLUGIN, "weight.pow(4)", "weight.pow(my_helper.POWER)")
    example.edit(PLUGIN, "import numpy as np\n", "import my_helper\nimport numpy as np\n")
    example.run("--cores", "1", *CONFIG, "--", "models")
    assert planned(example, "--", "models") == {}
    example.edit("examples/plugin/my_helper.py", "4", "2 + 2")
    assert planned(example, "--", "models")["prune"] == 2


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("    return weight.pow(4)", "    retur weight.pow(4)", ["my_methods.py, line 13: ", "SyntaxError"]),
        ("import numpy as np\n", "import numpi as np\n", ["my_methods.py, line 3: ", "numpi"]),
        ('Score("l4"', 'Score("l2"', ["my_methods.py, line 10: ", "'l2' is registered twice"]),
        ("def l4(weight, dims)", "def l4(weight)", ["my_methods.py, line 10: ", "weight, dims"]),
        ("when=pruned", "when=lambda rows, study: rows.nothing", ["my_methods.py, line 46: ", "nothing"]),
        ("when=pruned", "when=lambda rows, study: True", ["my_methods.py, line 46: ", "bool"]),
    ],
    ids=["syntax", "import", "twice", "signature", "when", "bool"],
)
def test_a_broken_plugin_is_one_error_with_file_and_line_before_anything_runs(tmp_path, old, new, words):
    fresh = copy(tmp_path / "project")
    shutil.copytree(PROJECT / "examples", fresh.folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    fresh.edit(PLUGIN, old, new)
    done = fresh.snakemake("--cores", "1", *CONFIG)
    assert done.returncode != 0 and "Traceback" not in done.stdout
    for word in words:
        assert word in done.stdout
    assert not (fresh.folder / "results").exists()


def test_a_plugin_that_is_not_there_is_told_with_the_places_where_it_was_looked_for(project):
    done = project.snakemake("-n", "--config", "plugins=[nets/mine.py]")
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert "nets/mine.py" in done.stdout and "there is no such file" in done.stdout


def test_it_works_from_another_directory_and_in_a_module_of_another_workflow(example_run, tmp_path):
    config = example_run.folder / "examples" / "plugin" / "config.yaml"
    (tmp_path / "Snakefile").write_text(
        f"configfile: {str(config)!r}\n"
        f"module espalier:\n    snakefile: {str(example_run.folder / 'Snakefile')!r}\n    config: config\n"
        "use rule * from espalier as espalier_*\n"
    )
    where = ("--directory", str(tmp_path / "elsewhere"))
    assert example_run.planned("--configfile", str(config), *where)["train"] == 1
    data = "results/data/stripes_8x8x3/manifest.json"
    example_run.run("--snakefile", str(tmp_path / "Snakefile"), *where, "--cores", "1", data)
    assert (tmp_path / "elsewhere" / data).exists()
