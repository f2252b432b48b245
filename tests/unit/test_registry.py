"""The register: one function, one registration, found by name and backend."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

from espalier import registry
from espalier.registry import (
    Dataset,
    FigureItem,
    Model,
    Penalty,
    PruneType,
    RegistrationError,
    Scheme,
    Score,
    register,
)

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
    names = {*registry.entries(registry.KINDS[kind], "pytorch"), *registry.entries(registry.KINDS[kind], "keras")}
    assert KINDS[kind] <= names


def test_a_function_is_registered_by_its_decorator_and_stays_itself():
    @register(Score("double", backend="pytorch", title="Twice", cite="Me 2020", needs="nothing"))
    def double(weight, dims):
        return 2 * weight

    entry = registry.get(registry.Score, "double", "pytorch")
    assert double(3, 0) == entry(3, 0) == 6 and entry.function is double
    assert (entry.title, entry.cite, entry.needs) == ("Twice", "Me 2020", "nothing")


def test_an_entry_is_of_one_backend_unless_it_serves_both():
    register(Penalty("one", backend="keras", title=""))(lambda groups: 0)
    register(Penalty("both", title=""))(lambda groups: 0)
    assert {"one", "both"} <= set(registry.entries(Penalty, "keras"))
    assert "both" in registry.entries(Penalty, "pytorch") and "one" not in registry.entries(Penalty, "pytorch")


def test_an_unknown_name_is_answered_with_what_is_allowed_and_nearest():
    with pytest.raises(registry.UnknownName, match="'mean_asb' is not a registered score for backend 'pytorch'") as e:
        registry.get(registry.Score, "mean_asb", "pytorch")
    assert e.value.nearest == "mean_abs" and "group_lasso" in e.value.allowed and "mean_abs" in str(e.value)
    with pytest.raises(registry.UnknownName) as e:
        registry.get(registry.Score, "qqq", "pytorch")
    assert e.value.nearest is None


def test_a_name_of_another_backend_is_unknown():
    with pytest.raises(registry.UnknownName):
        registry.get(registry.Model, "cifar10_cnn", "pytorch")


def test_a_second_function_of_the_same_name_is_refused():
    @register(Score("twice", backend="pytorch", title=""))
    def first(weight, dims): ...

    with pytest.raises(ValueError, match=r"score 'twice' is registered twice: .*first.*second"):

        @register(Score("twice", backend="pytorch", title=""))
        def second(weight, dims): ...

    assert registry.get(registry.Score, "twice", "pytorch").function is first


def test_a_module_that_is_imported_again_replaces_its_own_entries():
    def load():
        @register(Score("again", backend="pytorch", title=""))
        def again(weight, dims): ...

        return again

    first, second = load(), load()
    assert first is not second and registry.get(registry.Score, "again", "pytorch").function is second


@pytest.mark.parametrize("kind", [*KINDS, "figure", "table"])
def test_every_entry_says_what_it_is(kind):
    for backend in ("pytorch", "keras"):
        for entry in registry.entries(registry.KINDS[kind], backend).values():
            assert entry.title, f"{kind} {entry.name} has no title: register(..., title=...)"
            assert entry.function.__doc__, f"{kind} {entry.name} has no docstring"


def test_what_models_have_is_what_prune_types_need():
    """Misspelt, `has` and `needs` would make a prune type impossible everywhere."""
    for backend in ("pytorch", "keras"):
        has = {structure for m in registry.entries(registry.Model, backend).values() for structure in m.has}
        for prune_type in registry.entries(registry.PruneType, backend).values():
            assert prune_type.needs in has
            assert set(prune_type.amounts) <= set(registry.AMOUNTS)


def test_a_field_that_the_kind_does_not_have_and_one_that_is_missing_are_refused_at_registration():
    with pytest.raises(TypeError, match="calibrated"):
        Score("new", title="", calibrated=True)
    with pytest.raises(TypeError, match="when"):
        FigureItem("new", title="", caption="")


@pytest.mark.parametrize(
    "entry, function",
    [
        (Score("new", title=""), lambda weight: 0),
        (Score("new", title=""), lambda weight, dims, hessian: 0),
        (Score("new", backend="keras", title=""), lambda groups: 0),
        (Penalty("new", title=""), lambda: 0),
        (Penalty("new", title=""), lambda groups, strength: 0),
        (Model("new", backend="keras", title=""), lambda num_classes: 0),
        (Dataset("new", title=""), lambda folder: 0),
        (Scheme("new", backend="pytorch", title=""), lambda model: 0),
        (FigureItem("new", title="", caption="", when=lambda rows, study: True), lambda: 0),
    ],
)
def test_a_function_that_cannot_be_called_as_its_kind_is_refused_at_registration(entry, function):
    with pytest.raises(RegistrationError, match=f"{entry.kind} 'new'"):
        register(entry)(function)
    assert "new" not in registry.entries(type(entry), "pytorch") | registry.entries(type(entry), "keras")


def test_options_are_parameters_beside_those_that_a_function_is_called_with():
    register(Score("slope", backend="pytorch", title=""))(lambda weight, dims, gradient, power=2: 0)
    register(Model("deep", backend="pytorch", title=""))(lambda num_classes, depth, widths=None, width=1.0: 0)
    register(Dataset("files", title=""))(lambda root, path=None: 0)
    assert "slope" in registry.entries(Score, "pytorch") and "deep" in registry.entries(Model, "pytorch")
    assert "files" in registry.entries(Dataset, "keras")


@pytest.mark.parametrize(
    "entry",
    [
        Model("new", backend="pytorch", title="", has="convs"),
        Model("new", backend="pytorch", title="", blocks=True),
        Model("new", backend="pytorch", title="", channels=("3",)),
        Model("new", backend="torch", title=""),
        Model("My Net", backend="pytorch", title=""),
        Score("new", backend="pytorch", title="", of=("filter",)),
        Score("new", backend="pytorch", title="", scope="net"),
        PruneType("new", backend="pytorch", title="", needs="convs", by=("filters",), amounts=("share",)),
        Scheme("new", backend="pytorch", title="", int8="no"),
        FigureItem("new", title="", caption="", when="always"),
    ],
    ids=lambda entry: entry.kind,
)
def test_a_field_with_a_wrong_value_is_refused_at_registration(entry):
    with pytest.raises(RegistrationError, match=f"{entry.kind} '{entry.name}'"):
        register(entry)(lambda *given, num_classes=10, pixels=None: 0)


def test_what_is_no_function_is_refused_at_registration():
    with pytest.raises(RegistrationError, match="score 'part'"):
        register(Score("part", backend="pytorch", title=""))(functools.partial(max, 0))


def test_a_running_job_gets_what_it_declares_and_nothing_else():
    with registry.only([("score", "l1", "pytorch")]):
        assert registry.get(Score, "l1", "pytorch").name == "l1"
        assert list(registry.entries(Score, "pytorch")) == ["l1"]
        with pytest.raises(registry.NotDeclared, match="score 'l2'"):
            registry.get(Score, "l2", "pytorch")
        assert registry.entries(registry.FindingItem)  # their kind is wholly in the digest
    assert registry.get(Score, "l2", "pytorch").name == "l2"


def test_a_running_job_may_ask_what_a_described_entry_says_and_not_call_it():
    with registry.only([("figure", "latency", "any")], [("prune_type", "weight", "pytorch")]):
        weight = registry.get(registry.PruneType, "weight", "pytorch")
        assert weight.masks and list(registry.entries(registry.PruneType, "pytorch")) == ["weight"]
        with pytest.raises(registry.NotDeclared):
            weight(None)
        with pytest.raises(registry.NotDeclared, match="filter_wise"):
            registry.get(registry.PruneType, "filter_wise", "pytorch")


def test_the_whole_register_is_read_without_a_framework():
    code = (
        "import sys; from espalier import registry; registry.load();"
        "print(sorted({'torch', 'tensorflow', 'tf_keras', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_job_that_looks_up_a_score_reads_nothing_of_the_report():
    code = (
        "import sys; from espalier import registry; registry.get(registry.Score, 'l1', 'pytorch');"
        "print('pandas' in sys.modules, any(name.startswith('espalier.report') for name in sys.modules));"
        "print(len(registry.entries(registry.FigureItem)) > 0, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "True"]
