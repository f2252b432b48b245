"""The digest of the code that a job runs: it changes with what the job uses, and with nothing else."""

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from espalier import plugins, registry
from espalier.plan.steps import STEPS
from espalier.run import code, software

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"

SHIM = '''
"""A rule's script."""
from espalier.run.shim import job

job(snakemake)
'''
JOB = '''
"""What all scripts need."""
import json


def job(snakemake):
    """Run it."""
    from espalier.late import late  # inside a function
    return late(json.dumps(snakemake))  # a comment
'''
METHODS = '''
from espalier.registry import Score, register

FACTOR = 2


@register(Score("used", backend="pytorch", title="Used"))
def used(weight, dims):
    """Doc."""
    return helper(weight) * FACTOR


@register(Score("unused", backend="pytorch", title="Unused"))
def unused(weight, dims):
    import espalier.only_unused
    return weight  # unused


def helper(weight):
    return weight  # helper
'''
LATE = """
from typing import TYPE_CHECKING

from espalier.deep.leaf import value

RESOURCES = ("late.css",)


def late(x):
    return value(x)
"""
FILES = {
    "shim.py": SHIM,
    "espalier/__init__.py": "",
    "espalier/run/shim.py": JOB,
    "espalier/late.py": LATE,
    "espalier/late.css": "a { color: red }",
    "espalier/other.css": "a { color: red }",
    "espalier/deep/__init__.py": "",
    "espalier/deep/leaf.py": "def value(x):\n    return 1\n",
    "espalier/pytorch/__init__.py": "",
    "espalier/pytorch/train.py": "from espalier.pytorch.methods import helper\n",
    "espalier/pytorch/methods.py": METHODS,
    "espalier/other.py": "X = 1\n",
    "espalier/only_unused.py": "X = 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch, own_register):
    """A small package of our own, with two registered methods, to edit at will."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    for name in ("used", "unused"):

        def function(weight, dims): ...

        function.__module__, function.__name__, function.__qualname__ = "espalier.pytorch.methods", name, name
        registry.register(registry.Score(name, backend="pytorch", title=""))(function)
    yield tmp_path
    forget()


def forget():
    """A new run of the workflow: files are read anew."""
    for module in (code, software):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()


def version(package, uses=("used",)):
    forget()
    scores = [("score", name, "pytorch") for name in uses]
    return code.code_of_job(package / "shim.py", ["espalier.pytorch.train"], scores)["digest"]


def edit(package, file, old, new):
    path = package / file
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))


CHECKED = "if TYPE_CHECKING:\n    import espalier.other, torch"
NOTHING = {
    "a comment": ("espalier/run/shim.py", "# a comment", "# another, longer comment"),
    "a docstring": ("espalier/run/shim.py", '"""Run it."""', '"""Run it well."""'),
    "a module's docstring": ("espalier/run/shim.py", '"""What all scripts need."""', '"""What they need."""'),
    "a docstring in the script": ("shim.py", '"""A rule\'s script."""', ""),
    "blank lines and layout": ("espalier/run/shim.py", "return late(json", "\n    return late(\n        json"),
    "a docstring of a method": ("espalier/pytorch/methods.py", '"""Doc."""', '"""Documentation."""'),
    "a method that is not used": ("espalier/pytorch/methods.py", "return weight  # unused", "return -weight"),
    "what only that method imports": ("espalier/only_unused.py", "X = 1", "X = 2"),
    "a file that no module names": ("espalier/other.css", "red", "blue"),
    "a module that nobody imports": ("espalier/other.py", "X = 1", "X = 2"),
    "an import for the type checker": ("espalier/late.py", "def late(x):", CHECKED + "\n\n\ndef late(x):"),
}  # fmt: skip
SOMETHING = {
    "the script": ("shim.py", "job(snakemake)", "job(snakemake, 1)"),
    "an imported module": ("espalier/run/shim.py", "json.dumps(snakemake)", "json.dumps(snakemake, indent=1)"),
    "a module imported inside a function": ("espalier/late.py", "return value(x)", "return value(x) + 1"),
    "a module imported by an imported module": ("espalier/deep/leaf.py", "return 1", "return 2"),
    "a package's __init__": ("espalier/deep/__init__.py", "", "X = 1"),
    "a method that is used": ("espalier/pytorch/methods.py", "* FACTOR", "* FACTOR + 1"),
    "what a method's decorator says": ("espalier/pytorch/methods.py", 'title="Used"', 'title="Used", by=("filters",)'),
    "a helper beside the methods": ("espalier/pytorch/methods.py", "return weight  # helper", "return -weight"),
    "a constant beside the methods": ("espalier/pytorch/methods.py", "FACTOR = 2", "FACTOR = 3"),
    "a file that a module names": ("espalier/late.css", "red", "blue"),
    "a default value": ("espalier/late.py", "def late(x):", "def late(x=0):"),
}  # fmt: skip


@pytest.mark.parametrize("change", NOTHING)
def test_an_edit_that_changes_nothing_for_the_job_keeps_its_version(package, change):
    before = version(package)
    edit(package, *NOTHING[change])
    assert version(package) == before


@pytest.mark.parametrize("change", SOMETHING)
def test_an_edit_of_what_the_job_uses_changes_its_version(package, change):
    before = version(package)
    edit(package, *SOMETHING[change])
    assert version(package) != before


def test_undoing_an_edit_brings_the_version_back(package):
    before = version(package)
    edit(package, "espalier/pytorch/methods.py", "* FACTOR", "* 2")
    edit(package, "espalier/pytorch/methods.py", "* 2", "* FACTOR")
    assert version(package) == before


def test_adding_a_method_keeps_every_version(package):
    before = version(package), version(package, ["unused"])
    path = package / "espalier/pytorch/methods.py"
    path.write_text(path.read_text() + '\n\n@register(Score("new", title=""))\ndef new(weight, dims):\n    return 0\n')
    assert (version(package), version(package, ["unused"])) == before


def test_a_registered_function_whose_kind_goes_by_another_name_is_in_every_version(package):
    """What is not understood is not left out."""
    edit(package, "espalier/pytorch/methods.py", "import Score, register", "import Score, register\n\nKind = Score")
    edit(package, "espalier/pytorch/methods.py", '@register(Score("unused"', '@register(Kind("unused"')
    before = version(package)
    edit(package, "espalier/pytorch/methods.py", "return weight  # unused", "return -weight")
    assert version(package) != before


def test_the_version_is_the_same_in_all_versions_of_python():
    """ast.dump writes empty fields or not, and fields that are new (of generics) or not: here nothing empty is told."""
    tree = ast.parse("def f(x, *, y=None):\n    return f'{x}' or u'é'")
    assert code._text(tree) == (
        "Module(body=[FunctionDef(name='f' args=arguments(args=[arg(arg='x')] kwonlyargs=[arg(arg='y')] "
        "kw_defaults=[Constant(value=None)]) body=[Return(value=BoolOp(op=Or() values=[JoinedStr(values=["
        "FormattedValue(value=Name(id='x' ctx=Load()) conversion=-1)]) Constant(value='é')]))])])"
    )


def test_versions_differ_by_what_is_used(package):
    versions = {version(package, uses) for uses in ([], ["used"], ["unused"], ["used", "unused"])}
    assert len(versions) == 4


# Packages

PACKAGES = {"torch": "2.0", "scikit-learn": "1.1", "onnx": "1.2", "onnxscript": "0.3", "tqdm": "4.5", "opencv": "6.7"}


def install(folder, package, version, module=None):
    """Put the description of a package into a folder, as if it were installed there."""
    for old in folder.glob(f"{package.replace('-', '_')}-*.dist-info"):
        shutil.rmtree(old)
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{module or package}.py,,\n")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder before all others on the path, with packages that cannot be imported, only described."""
    folder = tmp_path / "site"
    for package, version in PACKAGES.items():
        install(folder, package, version, {"opencv": "cv2"}.get(package))
    monkeypatch.syspath_prepend(str(folder))
    return folder


def packages(package, uses=("used",)):
    forget()
    scores = [("score", name, "pytorch") for name in uses]
    return code.code_of_job(package / "shim.py", ["espalier.pytorch.train"], scores)["versions"]


def test_the_versions_are_those_of_the_packages_that_the_code_imports(package, installed):
    assert packages(package) == {}
    edit(package, "espalier/deep/leaf.py", "return 1", "import sklearn.metrics, os, nowhere\n    return 1")
    assert packages(package) == {"scikit-learn": "1.1"}
    edit(package, "espalier/late.py", "def late", "from torch.nn import Module\nimport cv2, tqdm\n\n\ndef late")
    assert packages(package) == {"opencv": "6.7", "scikit-learn": "1.1", "torch": "2.0"}
    install(installed, "torch", "2.1")
    assert packages(package)["torch"] == "2.1"


def test_a_package_that_only_another_method_imports_is_none_of_the_job(package, installed):
    edit(package, "espalier/pytorch/methods.py", "import espalier.only_unused", "import torch")
    assert packages(package) == {}
    assert packages(package, ["unused"]) == {"torch": "2.0"}


def test_a_package_that_another_one_calls_counts_too(package, installed):
    edit(package, "espalier/late.py", "def late", "import onnx\n\n\ndef late")
    assert packages(package) == {"onnx": "1.2", "onnxscript": "0.3"}


def test_of_a_described_entry_the_fields_count_and_not_the_function(package):
    def described():
        forget()
        return code.code_of_job(package / "shim.py", (), (), [("score", "used", "pytorch")])

    before = described()
    assert before["described"] == [["score", "used", "pytorch"]] and before["uses"] == []
    edit(package, "espalier/pytorch/methods.py", "return helper(weight) * FACTOR", "return weight")
    assert described() == before
    entry = registry.get(registry.Score, "used", "pytorch")
    registry.register(replace(entry, scope="layer"))(entry.function)
    assert described()["digest"] != before["digest"]


def test_what_a_job_uses_is_told_beside_its_digest(package):
    forget()
    uses = [("score", "used", "pytorch")]
    assert code.code_of_job(package / "shim.py", uses=uses)["uses"] == [["score", "used", "pytorch"]]


# The library itself


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A copy of the scripts and the library, to edit."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "ROOT", tmp_path / "scripts")
    yield tmp_path / "scripts"
    forget()


VGG, FILTERS = ("model", "vgg16_bn"), ("prune_type", "filter_wise")
JOBS = {  # kind of step, what it uses
    "train": ("train", [VGG]),
    "train with l2_groups": ("train", [VGG, ("penalty", "l2_groups"), FILTERS]),
    "prune by mean_abs": ("prune", [VGG, FILTERS, ("score", "mean_abs")]),
    "prune by sum": ("prune", [VGG, FILTERS, ("score", "sum")]),
    "quantize": ("quantize", [VGG, ("scheme", "float32")]),
}


def versions(library):
    forget()
    return {
        job: code.code_of_job(
            library / "run_step.py",
            ["espalier.pytorch.runtime", f"espalier.pytorch.{STEPS[kind].function.partition('.')[0]}"],
            [(*use, "pytorch") for use in uses],
        )["digest"]
        for job, (kind, uses) in JOBS.items()
    }


@pytest.mark.parametrize(
    "file, old, new, changed",
    [
        ("espalier/pytorch/prune.py", "MULTIPLE = 8", "MULTIPLE = 16", {"prune by mean_abs", "prune by sum"}),
        ("espalier/pytorch/scores.py", "weight.abs().mean(dims)", "weight.abs().amax(dims)", {"prune by mean_abs"}),
        ("espalier/pytorch/penalties.py", "matrix.square().sum()", "matrix.pow(2).sum()", {"train with l2_groups"}),
        ("espalier/training/schedule.py", "return recipe", "return 1 * recipe", {"train", "train with l2_groups"}),
        ("espalier/training/checkpoint.py", "going on after", "resuming after", {"train", "train with l2_groups"}),
        ("espalier/run/files.py", "compresslevel=6", "compresslevel=9", set(JOBS)),
        ("espalier/pytorch/quantize.py", "BATCH = 32", "BATCH = 64", {"quantize"}),
        ("espalier/pytorch/profile.py", "", "X = 1\n", set()),  # measuring is a job of its own
        ("espalier/pytorch/profile_exported.py", "", "X = 1\n", set()),
        ("espalier/run/predictions.py", "", "X = 1\n", set()),
        ("espalier/plan/grid.py", "", "X = 1\n", set()),
        ("espalier/plan/steps/prune.py", "", "X = 1\n", set()),
        ("espalier/keras/train.py", "", "X = 1\n", set()),
        ("espalier/backends.py", '"torchvision", ', "", set(JOBS)),
        ("espalier/keras/__init__.py", "", "X = 1\n", set()),
    ],
)
def test_an_edit_of_the_library_reaches_the_jobs_that_use_it_and_no_others(library, file, old, new, changed):
    before = versions(library)
    path = library / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text + new)
    after = versions(library)
    assert {job for job in JOBS if after[job] != before[job]} == changed


@pytest.mark.parametrize("module", sorted(code.NO_RESULT))
def test_what_cannot_change_a_result_is_in_no_digest(library, module):
    before = versions(library)
    path = library / f"{module.replace('.', '/')}.py"
    path.write_text(path.read_text() + "X = 1\n")
    assert versions(library) == before


def test_another_default_of_a_kind_of_entry_reaches_the_jobs_that_use_one_of_that_kind(library):
    before = versions(library)
    entry = registry.get(registry.Model, "vgg16_bn", "pytorch")
    registry.register(replace(entry, smallest=entry.smallest + 1))(entry.function)
    after = versions(library)
    registry.register(entry)(entry.function)
    assert all(before[job] != after[job] for job in JOBS)


def planned(library):
    """The code of a training, and the library's stamp, when a run is planned."""
    forget()
    return code.code_of_job(library / "run_step.py", ["espalier.pytorch.train"], [(*VGG, "pytorch")]), code.stamp()


def test_an_edit_while_a_run_is_going_on_is_an_error_of_the_jobs_that_it_reaches(library):
    job, stamp = planned(library)
    code.check_unchanged(job, stamp)
    path = library / "espalier" / "training" / "schedule.py"
    text = path.read_text()
    path.write_text(text.replace("return recipe", "return 1 * recipe", 1))
    with pytest.raises(code.CodeChanged):
        code.check_unchanged(job, stamp)
    path.write_text(text)
    code.check_unchanged(job, stamp)


@pytest.mark.parametrize("file", ["training/schedule.py", "keras/train.py", "run/progress.py"])
def test_an_edit_that_does_not_reach_a_job_is_none_of_it(library, file):
    job, stamp = planned(library)
    path = library / "espalier" / file
    path.write_text(path.read_text() + ("X = 1\n" if file != "training/schedule.py" else "# a comment\n"))
    assert code.stamp() != stamp
    code.check_unchanged(job, stamp)


BACKENDS = {
    "pytorch": {"numpy", "safetensors", "thop", "torch", "torchvision"},
    "keras": {"numpy", "tensorflow", "tensorflow_model_optimization", "tf_keras"},
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_names_the_packages_of_its_backend_and_of_no_other(backend):
    modules = [f"espalier.{backend}.{module}" for module in ("runtime", "train", "profile")]
    named = set(code.code_of_job(SCRIPTS / "measure.py", modules)["versions"])
    others = set().union(*BACKENDS.values()) - BACKENDS[backend]
    assert named >= BACKENDS[backend] and not named & others
    assert not named & {"jsonschema", "tqdm", "PyYAML", "snakemake", "pandas", "matplotlib"}


REPORT = {
    "a table": ("make_table", [], [("table", "results", registry.ANY)]),
    "a figure": ("draw_figure", [], [("figure", "latency", registry.ANY)]),
    "the overview": ("write_overview", [], []),
    "the page to choose on": ("write_choose", [], []),
    "the page of a study": ("write_study", [], []),
    "a training": ("run_step", ["espalier.pytorch.train"], [("model", "vgg16_bn", "pytorch")]),
}


@pytest.mark.parametrize(
    "file, changed",
    [
        ("table.css", {"a table", "the overview", "the page of a study"}),  # which share the code that writes tables
        ("table.js", {"a table", "the overview", "the page of a study"}),
        ("overview.css", {"the overview"}),
        ("choose/page.css", {"the page to choose on"}),
        ("choose/chart.js", {"the page to choose on"}),
    ],
)
def test_an_edit_of_a_style_writes_the_pages_anew_and_trains_nothing(library, file, changed):
    def versions():
        forget()
        return {
            job: code.code_of_job(library / f"{script}.py", modules, uses)["digest"]
            for job, (script, modules, uses) in REPORT.items()
        }

    before = versions()
    path = library / "espalier" / "report" / file
    path.write_text(path.read_text() + "\n/* more */\n")
    after = versions()
    assert {job for job in REPORT if after[job] != before[job]} == changed


def test_every_file_next_to_the_code_is_part_of_a_module():
    """What no module names in its RESOURCES could change unseen."""
    package = SCRIPTS / "espalier"
    named = {
        module.with_name(name)
        for module in package.rglob("*.py")
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RESOURCES"
        for name in ast.literal_eval(node.value)
    }
    files = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert files == named


def test_the_version_is_the_same_in_every_process():
    program = (
        "from espalier.run.code import code_of_job;"
        "print(code_of_job('run_step.py', ['espalier.pytorch.prune', 'espalier.pytorch.profile'],"
        "[('score', 'sum', 'pytorch'), ('model', 'vgg16_bn', 'pytorch')])['digest'])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=SCRIPTS, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(printed) == 1 and len(printed.pop().strip()) == 16


def test_registered_functions_are_reached_through_the_register_only():
    """Those that a job does not name are left out of its version: to call one directly would go unseen."""
    trees = {path: ast.parse(path.read_text()) for path in SCRIPTS.rglob("*.py")}
    registered = {
        (".".join(path.relative_to(SCRIPTS).with_suffix("").parts), node.name)
        for path, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and code._is_registered(node)
    }
    assert len(registered) > 20
    for path, tree in trees.items():
        module = ".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
        for node in ast.walk(tree):
            used = []
            if isinstance(node, ast.Name):
                used = [(module, node.id)]
            elif isinstance(node, ast.ImportFrom):
                used = [(node.module, alias.name) for alias in node.names]
            for use in set(used) & registered:
                raise AssertionError(f"{path}, line {node.lineno}: reach {use[1]} by registry.get, not by its name")


# Plug-ins


PLUGIN = """
import my_helper
from espalier.registry import FindingItem, Score, register

@register(Score("mine", backend="pytorch", title="Mine"))
def mine(weight, dims):
    from espalier.late import late
    return my_helper.half(weight)


@register(Score("other", backend="pytorch", title="Other"))
def other(weight, dims):
    import my_other
    return weight  # other
"""
FINDING = """

@register(FindingItem("asked", title="Asked", when=lambda rows, study: True))
def asked(view):
    return []
"""
BESIDE = {
    "mine.py": PLUGIN,
    "my_helper.py": "from my_package import deep\n\n\ndef half(x):\n    return deep.half(x)\n",
    "my_package/__init__.py": "",
    "my_package/deep.py": "from .leaf import HALF\n\n\ndef half(x):\n    return HALF * x\n",
    "my_package/leaf.py": "HALF = 0.5\n",
    "my_other.py": "X = 1\n",
    "not_imported.py": "X = 1\n",
}


@pytest.fixture
def plugin(package):
    """A plug-in with two scores, in a folder of its own."""
    for name, text in BESIDE.items():
        path = package / "user" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield load_again
    for loaded in plugins.loaded():
        plugins.unload(loaded)


def load_again(package):
    """A new run of the workflow: plug-ins are imported anew."""
    for loaded in plugins.loaded():
        plugins.unload(loaded)
    plugins.load(plugins.find(["user/mine.py"], [package]))


@pytest.mark.parametrize(
    "file, old, new, changed",
    [
        ("user/mine.py", "half(weight)", "half(-weight)", {"mine"}),
        ("user/mine.py", 'title="Mine"', 'title="Mine!"', {"mine"}),
        ("user/mine.py", "return weight  # other", "return 2 * weight", {"other"}),
        ("user/mine.py", "# other", "# another comment", set()),
        ("user/my_helper.py", "deep.half(x)", "deep.half(2 * x)", {"mine", "other"}),
        ("user/my_package/__init__.py", "", "X = 1\n", {"mine", "other"}),
        ("user/my_package/deep.py", "HALF * x", "x * HALF", {"mine", "other"}),
        ("user/my_package/leaf.py", "0.5", "0.25", {"mine", "other"}),
        ("user/my_other.py", "X = 1", "X = 2", {"other"}),
        ("user/not_imported.py", "X = 1", "X = 2", set()),
        ("espalier/late.py", "return value(x)", "return value(x) + 1", {"mine", "other", "used"}),
    ],
)
def test_an_edit_of_a_plugin_reaches_the_jobs_that_use_it_and_no_others(package, plugin, file, old, new, changed):
    plugin(package)
    before = {name: version(package, [name]) for name in ("mine", "other", "used")}
    path = package / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1) if old else new)
    plugin(package)
    assert {name for name in before if version(package, [name]) != before[name]} == changed


def test_a_job_is_told_of_the_plugins_that_it_uses(package, plugin, monkeypatch):
    monkeypatch.chdir(package)
    plugin(package)
    forget()
    covered = code.code_of_job(package / "shim.py", uses=[("score", "mine", "pytorch")])
    assert covered["plugins"] == ["user/mine.py"]
    assert "plugins" not in code.code_of_job(package / "shim.py", uses=[("score", "used", "pytorch")])


def test_the_version_does_not_tell_where_a_plugin_lies(package, plugin):
    plugin(package)
    before = version(package, ["mine"])
    for loaded in plugins.loaded():
        plugins.unload(loaded)
    (package / "user").rename(package / "moved")
    plugins.load(plugins.find(["moved/mine.py"], [package]))
    assert version(package, ["mine"]) == before


def test_a_plugin_whose_findings_are_given_out_is_in_the_digest_of_the_jobs_that_give_them_out(package, plugin):
    home = package / "espalier" / "report" / "findings.py"
    home.parent.mkdir()
    home.write_text("X = 1\n")
    asks = package / "asks.py"
    asks.write_text("from espalier.report import findings\n")
    edit(package, "user/mine.py", "    return weight  # other\n", "    return weight  # other\n" + FINDING)
    plugin(package)
    forget()
    before = [code.code_of_job(package / script) for script in ("asks.py", "shim.py")]
    assert [covered.get("plugins", []) != [] for covered in before] == [True, False]
    edit(package, "user/mine.py", "return []", "return list()")
    plugin(package)
    forget()
    after = [code.code_of_job(package / script) for script in ("asks.py", "shim.py")]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True]


def test_a_module_beside_a_plugin_that_python_would_not_import_is_refused(package, plugin):
    (package / "user" / "json.py").write_text("X = 1\n")
    edit(package, "user/mine.py", "import my_helper", "import json\nimport my_helper")
    plugin(package)
    with pytest.raises(plugins.PluginError, match="imports json"):
        version(package, ["mine"])
