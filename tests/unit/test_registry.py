"""The register: one function, one registration, found by name and backend."""

import subprocess
import sys
from pathlib import Path

import pytest

from espalier import registry
from espalier.registry import register

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
KINDS = {
    "dataset": {"digits"},
    "model": {"vgg16_bn", "resnet50", "mlp"},
    "score": {"group_lasso", "mean_abs", "sum_abs", "mean", "sum"},
    "penalty": {"l2_groups", "group_lasso"},
    "prune_type": {"filter_wise", "channel_wise", "filter_and_channel_wise", "depth_wise", "weight", "unit"},
    "augmentation": {"resize", "random_crop", "horizontal_flip", "color_jitter", "autoaugment"},
    "init": {"normal", "glorot"},
}


@pytest.fixture(autouse=True)
def own(own_register):
    """Every test here may register what it likes."""


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_published_studies_need_is_registered(kind):
    names = {*registry.entries(kind, "pytorch"), *registry.entries(kind, "keras")}
    assert KINDS[kind] <= names


def test_a_function_is_registered_by_its_decorator_and_stays_itself():
    @register("double", kind="score", backend="pytorch", title="Twice", cite="Me 2020", needs="nothing")
    def double(x):
        return 2 * x

    entry = registry.get("score", "double", "pytorch")
    assert double(3) == entry(3) == 6 and entry.function is double
    assert (entry.title, entry.cite, entry.options) == ("Twice", "Me 2020", {"needs": "nothing"})


def test_an_entry_is_of_one_backend_unless_it_serves_both():
    register("one", kind="thing", backend="keras", title="")(len)
    register("both", kind="thing", title="")(len)
    assert set(registry.entries("thing", "keras")) == {"one", "both"}
    assert set(registry.entries("thing", "pytorch")) == {"both"}


def test_an_unknown_name_is_answered_with_what_is_allowed_and_nearest():
    with pytest.raises(registry.UnknownName, match="'mean_asb' is not a registered score for backend 'pytorch'") as e:
        registry.get("score", "mean_asb", "pytorch")
    assert e.value.nearest == "mean_abs" and "group_lasso" in e.value.allowed and "mean_abs" in str(e.value)
    with pytest.raises(registry.UnknownName) as e:
        registry.get("score", "qqq", "pytorch")
    assert e.value.nearest is None


def test_a_name_of_another_backend_is_unknown():
    with pytest.raises(registry.UnknownName):
        registry.get("model", "mlp", "pytorch")


def test_a_second_function_of_the_same_name_is_refused():
    @register("twice", kind="score", backend="pytorch", title="")
    def first(weight, dims): ...

    with pytest.raises(ValueError, match=r"score 'twice' is registered twice: .*first.*second"):

        @register("twice", kind="score", backend="pytorch", title="")
        def second(weight, dims): ...

    assert registry.get("score", "twice", "pytorch").function is first


def test_a_module_that_is_imported_again_replaces_its_own_entries():
    def load():
        @register("again", kind="score", backend="pytorch", title="")
        def again(weight, dims): ...

        return again

    first, second = load(), load()
    assert first is not second and registry.get("score", "again", "pytorch").function is second


@pytest.mark.parametrize("kind", [*KINDS, "figure", "table"])
def test_every_entry_says_what_it_is(kind):
    for backend in ("pytorch", "keras"):
        for entry in registry.entries(kind, backend).values():
            assert entry.title, f"{kind} {entry.name} has no title: register(..., title=...)"
            assert entry.function.__doc__, f"{kind} {entry.name} has no docstring"


def test_what_models_have_is_what_prune_types_need():
    """Misspelt, `has` and `needs` would make a prune type impossible everywhere."""
    for backend in ("pytorch", "keras"):
        has = {structure for m in registry.entries("model", backend).values() for structure in m.options["has"]}
        for prune_type in registry.entries("prune_type", backend).values():
            assert prune_type.options["needs"] in has
            assert set(prune_type.options["amounts"]) <= {"ratio", "blocks", "threshold", "pattern"}


def test_the_whole_register_is_read_without_a_framework():
    code = (
        "import sys; from espalier import registry; registry.load();"
        "print(sorted({'torch', 'tensorflow', 'tf_keras', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
