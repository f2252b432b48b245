"""Plug-ins: found, imported, and refused in one sentence with file and line if something is wrong with them."""

import sys
from textwrap import dedent

import pytest

from espalier import plugins, registry
from espalier.plugins import PluginError
from espalier.registry import Score

SCORE = """\
from espalier.registry import Score, register


@register(Score("{name}", backend="pytorch", title="My score"))
def {name}(weight, dims):
    return {value}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, own_register):
    """An empty working directory; the plug-ins that a test loads are forgotten after it."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for plugin in plugins.loaded():
        plugins.unload(plugin)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))


def load(*names, folders):
    plugins.load(plugins.find(names, folders))


def refusal(*names, folders):
    with pytest.raises(PluginError) as error:
        load(*names, folders=folders)
    return str(error.value)


def test_what_a_file_registers_is_used_like_the_library_s(folder):
    write(folder / "my_scores.py", SCORE.format(name="mine", value="weight + dims"))
    load("my_scores.py", folders=[folder])
    entry = registry.get(Score, "mine", "pytorch")
    assert entry(1, 2) == 3 and entry.plugin == "my_scores.py"
    assert registry.get(Score, "l1", "pytorch").plugin == ""
    assert [plugin.place for plugin in plugins.loaded()] == ["my_scores.py"]


def test_a_plugin_that_is_named_again_is_left_as_it_is(folder):
    write(folder / "my_scores.py", SCORE.format(name="mine", value="1"))
    load("my_scores.py", folders=[folder])
    first = registry.get(Score, "mine", "pytorch").function
    load("my_scores.py", folders=[folder])
    assert registry.get(Score, "mine", "pytorch").function is first


def test_a_relative_path_begins_at_the_first_folder_that_has_the_file(folder):
    for place in ("a", "b"):
        write(folder / place / "my_scores.py", SCORE.format(name=f"of_{place}", value="1"))
    load("my_scores.py", folders=[folder / "empty", folder / "b", folder / "a"])
    assert "of_b" in registry.entries(Score, "pytorch") and "of_a" not in registry.entries(Score, "pytorch")
    assert plugins.loaded()[0].place == "b/my_scores.py"


def test_the_place_of_a_file_elsewhere_is_its_whole_path(folder, tmp_path_factory):
    file = tmp_path_factory.mktemp("elsewhere") / "my_scores.py"
    write(file, SCORE.format(name="mine", value="1"))
    load(str(file), folders=[folder])
    assert plugins.loaded()[0].place == str(file)
    assert plugins.find([plugins.loaded()[0].place], []) == plugins.loaded()


def test_a_plugin_imports_files_beside_it(folder):
    write(folder / "mine" / "my_scores.py", "import my_helper\n" + SCORE.format(name="mine", value="my_helper.VALUE"))
    write(folder / "mine" / "my_helper.py", "VALUE = 7\n")
    load("mine/my_scores.py", folders=[folder])
    assert registry.get(Score, "mine", "pytorch")(0, 0) == 7
    assert plugins.file_of("my_helper") == (folder / "mine" / "my_helper.py").resolve()
    assert plugins.file_of("numpy") is None


def test_an_importable_module_is_a_plugin_and_so_is_one_of_a_package(folder, monkeypatch):
    write(folder / "path" / "my_package" / "__init__.py", "")
    write(
        folder / "path" / "my_package" / "scores.py",
        "from . import values\n" + SCORE.format(name="mine", value="values.ONE"),
    )
    write(folder / "path" / "my_package" / "values.py", "ONE = 1\n")
    monkeypatch.syspath_prepend(folder / "path")
    load("my_package.scores", folders=[])
    assert registry.get(Score, "mine", "pytorch")(0, 0) == 1
    assert plugins.loaded()[0].place == "my_package.scores"
    assert plugins.file_of("my_package.values").name == "values.py"


def test_an_installed_module_brings_its_own_package_only(folder):
    plugin = plugins.find(["sklearn.utils"], [])[0]
    assert plugin.file_of("sklearn.utils").name == "__init__.py" and plugin.file_of("sklearn.metrics")
    assert plugin.file_of("numpy") is None


def test_a_missing_file_is_named_with_the_places_where_it_was_looked_for(folder):
    message = refusal("nets/mine.py", folders=[folder / "a", folder])
    assert "nets/mine.py" in message and "a/nets/mine.py" in message
    assert "not_there" in refusal("not_there", folders=[folder])
    assert "not_there.mine" in refusal("not_there.mine", folders=[folder])
    assert "my-nets" in refusal("my-nets", folders=[folder])


@pytest.mark.parametrize("name", ["my-nets.py", "1.py", "nets.txt"])
def test_a_file_that_python_cannot_import_by_its_name(folder, name):
    write(folder / name, "")
    assert f"plugins: {folder / name}: " in refusal(f"{folder / name}", folders=[])


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("x = 1\ndef broken(:\n    pass\n", 2, "SyntaxError"),
        ("x = 1\n\n1 / 0\n", 3, "ZeroDivisionError"),
        ("def check():\n    raise KeyError('which')\n\n\ncheck()\n", 2, "KeyError: 'which'"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit"),
        ("import not_installed_anywhere\n", 1, "ModuleNotFoundError"),
        (SCORE.format(name="l1", value="1"), 4, "score 'l1' is registered twice: espalier.pytorch.scores.l1"),
        (SCORE.format(name="mine", value="1").replace("dims", "way, of, life"), 4, "score 'mine' asks for of, life"),
        (SCORE.format(name="mine", value="1").replace("title", "titel"), 4, "titel"),
        (SCORE.format(name="mine", value="1") + SCORE.format(name="mine", value="2").split("\n", 1)[1], 9, "twice"),
    ],
)
def test_whatever_is_wrong_with_a_file_is_told_with_its_line_and_nothing_of_it_stays(folder, text, line, words):
    write(folder / "mine.py", text)
    before = dict(registry._entries), list(sys.path)
    message = refusal("mine.py", folders=[folder])
    assert message.startswith(f"plugins: mine.py, line {line}: ") and words in message and "\n" not in message
    assert (dict(registry._entries), list(sys.path)) == before
    assert plugins.loaded() == [] and "mine" not in sys.modules


def test_an_error_in_a_file_beside_a_plugin_is_told_with_its_own_line(folder):
    write(folder / "mine.py", "import beside\n")
    write(folder / "beside.py", "x = 1\ny = x.z\n")
    assert refusal("mine.py", folders=[folder]).startswith("plugins: beside.py, line 2: AttributeError")


def test_a_file_beside_it_with_a_syntax_error(folder):
    write(folder / "mine.py", "import beside\n")
    write(folder / "beside.py", "x = \n")
    assert refusal("mine.py", folders=[folder]).startswith("plugins: beside.py, line 1: SyntaxError")


def test_an_error_in_a_library_that_a_plugin_calls_is_told_with_the_plugin_s_line(folder):
    write(folder / "mine.py", "import json\n\njson.loads('{')\n")
    assert refusal("mine.py", folders=[folder]).startswith("plugins: mine.py, line 3: JSONDecodeError")


def test_a_broken_plugin_can_be_mended_and_loaded(folder):
    write(folder / "mine.py", "1 / 0\n")
    refusal("mine.py", folders=[folder])
    write(folder / "mine.py", SCORE.format(name="mine", value="1"))
    load("mine.py", folders=[folder])
    assert "mine" in registry.entries(Score, "pytorch")


@pytest.mark.parametrize("name", ["numpy", "json", "sys", "espalier", "__main__"])
def test_a_file_that_has_the_name_of_another_module_is_refused(folder, name):
    write(folder / f"{name}.py", SCORE.format(name="mine", value="1"))
    assert "rename" in refusal(f"{name}.py", folders=[folder])
    assert "mine" not in registry.entries(Score, "pytorch")


def test_two_plugins_of_the_same_name_are_refused(folder):
    for place in ("a", "b"):
        write(folder / place / "mine.py", SCORE.format(name=place, value="1"))
    assert "a/mine.py" in refusal("a/mine.py", "b/mine.py", folders=[folder])


def test_a_file_beside_a_plugin_that_python_would_not_import_is_refused(folder):
    write(folder / "mine.py", SCORE.format(name="mine", value="1"))
    write(folder / "json.py", "")
    load("mine.py", folders=[folder])
    with pytest.raises(PluginError, match="imports json"):
        plugins.file_of("json")
