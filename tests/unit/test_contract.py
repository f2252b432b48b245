"""The contract tests: what the library registers passes them, and each tells the mistake that it is made for."""

import numpy as np
import pytest

from espalier import contract, registry
from espalier.analysis.selections import always
from espalier.kinds import (
    Augmentation,
    Dataset,
    FigureItem,
    FindingItem,
    Init,
    Model,
    Penalty,
    PruneType,
    Scheme,
    Score,
    TableItem,
)
from espalier.registry import register


def failing(entry):
    """The names of the checks that an entry fails."""
    return {verdict.check for verdict in contract.check(entry) if verdict.problem}


def registered(*kinds):
    return [entry for kind in kinds for entry in registry._entries.values() if isinstance(entry, kind)]


def reads_files(entry):
    return isinstance(entry, Dataset) and entry.sources is not None


@pytest.mark.parametrize(
    "entry",
    [
        entry
        for entry in registered(
            Score, Penalty, Init, Augmentation, PruneType, Scheme, Dataset, FigureItem, TableItem, FindingItem
        )
        if not reads_files(entry)
    ],
    ids=lambda entry: f"{entry.kind}-{entry.backend}-{entry.name}",
)
def test_what_the_library_registers_passes(entry):
    assert failing(entry) == set()


@pytest.mark.parametrize("backend, name", [("pytorch", "cifar10_conv"), ("keras", "cifar10_cnn")])
def test_a_model_of_the_library_passes(backend, name):
    assert failing(registry.get(Model, name, backend)) == set()


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_kind_has_a_contract(kind):
    assert kind in contract.MODULES


def test_a_data_set_whose_files_are_missing_is_not_checked(monkeypatch, tmp_path):
    monkeypatch.setenv("ESPALIER_DATA", str(tmp_path))
    verdicts = contract.check(registry.get(Dataset, "cats_vs_dogs"))
    assert not any(verdict.problem for verdict in verdicts) and any(verdict.skipped for verdict in verdicts)


# Mistakes. Each function below is wrong in one way.


def wrong(entry, function):
    function.__doc__ = function.__doc__ or "Made up."
    register(entry)(function)
    return failing(registry.get(type(entry), entry.name, entry.backend))


def counts_calls():
    calls = iter(range(1000))
    return lambda: next(calls)


def global_random(weight, dims):
    import torch

    return torch.rand(len(weight))


def in_place(weight, dims):
    return weight.abs_().sum(dims)


def undocumented(weight, dims):
    return weight.abs().sum(dims)


call = counts_calls()
SCORES = {
    "of every weight": (lambda weight, dims: weight.abs(), "gives_one_number_for_each_group"),
    "of the layer": (lambda weight, dims: weight.abs().sum(), "gives_one_number_for_each_group"),
    "divides by zero": (lambda weight, dims: weight.sum(dims) / weight.norm(dim=dims), "gives_finite_numbers"),
    "negative": (lambda weight, dims: -weight.abs().sum(dims), "says_if_it_is_signed"),
    "of the place": (lambda weight, dims: weight.abs().sum(dims).cumsum(0), "ranks_groups_not_places"),
    "of the call": (lambda weight, dims: weight.sum(dims) * call(), "gives_the_same_each_time"),
    "in place": (in_place, "changes_nothing"),
    "global random numbers": (global_random, "changes_nothing"),
    "raises": (lambda weight, dims: weight.nothing(), "gives_one_number_for_each_group"),
}


@pytest.mark.parametrize("mistake", SCORES)
def test_a_wrong_score_is_found_out(own_register, mistake):
    function, check = SCORES[mistake]
    entry = Score("wrong", backend="pytorch", title="Wrong", of=("filters", "channels"))
    assert check in wrong(entry, function)


@pytest.mark.parametrize(
    "function, check",
    [
        (lambda groups, generator: -np.abs(groups).sum(1), "is_not_negative_for_keras"),
        (lambda groups, generator: np.abs(groups), "gives_one_number_for_each_group"),
        (lambda groups, generator: np.random.rand(len(groups)), "gives_the_same_each_time"),
    ],
)
def test_a_wrong_score_of_keras_nets_is_found_out(own_register, function, check):
    assert check in wrong(Score("wrong", backend="keras", title="Wrong", of=("units",)), function)


def test_what_is_not_documented_is_told(own_register):
    register(Score("bare", backend="pytorch", title=""))(undocumented)
    assert failing(registry.get(Score, "bare", "pytorch")) == {"is_documented"}


def test_an_error_is_told_once_with_its_line(own_register):
    def raises(weight, dims):
        """Raises."""
        return weight.nothing()

    register(Score("raises", backend="pytorch", title="Raises"))(raises)
    problems = [v.problem for v in contract.check(registry.get(Score, "raises", "pytorch")) if v.problem]
    line = raises.__code__.co_firstlineno + 2
    assert len(problems) == 1 and f"test_contract.py, line {line}" in problems[0] and "nothing" in problems[0]


def square_root(groups):
    return sum(matrix.square().sum(1).sqrt().sum() for matrix in groups)


def zeroing(groups):
    total = sum(matrix.abs().sum() for matrix in groups)
    groups[0].detach().zero_()
    return total


PENALTIES = {
    "a matrix": (lambda groups: groups[0].abs(), "gives_one_number"),
    "a float": (lambda groups: sum(matrix.abs().sum().item() for matrix in groups), "gives_one_number"),
    "negative": (lambda groups: sum(matrix.sum() for matrix in groups), "is_finite_and_not_negative"),
    "infinite": (lambda groups: sum(1 / matrix.norm() for matrix in groups), "is_finite_and_not_negative"),
    "no gradient at zero": (square_root, "pulls_at_the_weights"),
    "one layer": (lambda groups: groups[0].abs().sum(), "pulls_at_the_weights"),
    "in place": (zeroing, "changes_nothing"),
}


@pytest.mark.parametrize("mistake", PENALTIES)
def test_a_wrong_penalty_is_found_out(own_register, mistake):
    function, check = PENALTIES[mistake]
    assert check in wrong(Penalty("wrong", backend="pytorch", title="Wrong"), function)


def images(number=40, dtype=np.uint8, shape=(8, 8)):
    return np.random.default_rng(0).integers(0, 256, (number, *shape)).astype(dtype)


def raw(train=None, labels=None, test=None, test_labels=None, classes=("a", "b")):
    labels = np.arange(40) % 2 if labels is None else labels
    test = 255 - images()[:20] if test is None else test
    return (
        images() if train is None else train,
        labels,
        test,
        np.arange(len(test)) % 2 if test_labels is None else test_labels,
        list(classes),
    )


DATASETS = {
    "three values": (lambda: raw()[:3], "gives_five_values"),
    "fractions": (lambda: raw(train=images(dtype=np.float32) / 255), "gives_images"),
    "four channels": (lambda: raw(train=images(shape=(8, 8, 4))), "gives_images"),
    "labels from 1": (lambda: raw(labels=np.arange(40) % 2 + 1), "labels_every_image"),
    "a label too few": (lambda: raw(labels=np.arange(39) % 2), "labels_every_image"),
    "texts for labels": (lambda: raw(labels=np.array(["a", "b"] * 20)), "labels_every_image"),
    "a class without test images": (lambda: raw(test_labels=np.zeros(20, int)), "labels_every_image"),
    "one class": (lambda: raw(labels=np.zeros(40, int), classes=["a"]), "names_its_classes"),
    "a class twice": (lambda: raw(classes=["a", "a"]), "names_its_classes"),
    "test images in training": (lambda: raw(test=images()[:20]), "keeps_test_images_apart"),
    "another order": (lambda: raw(train=np.roll(images(), call(), axis=0)), "gives_the_same_each_time"),
}


@pytest.mark.parametrize("mistake", DATASETS)
def test_a_wrong_data_set_is_found_out(own_register, mistake):
    function, check = DATASETS[mistake]
    assert check in wrong(Dataset("wrong", title="Wrong"), function)


def test_declared_classes_are_compared(own_register):
    assert "names_its_classes" in wrong(Dataset("wrong", title="Wrong", classes=("x", "y")), raw)


@pytest.mark.parametrize(
    "function, check",
    [
        (lambda: np.zeros((3, 3)), "gives_arrays_of_the_shape"),
        (lambda: lambda generator, shape: generator.normal(size=shape[::-1]), "gives_arrays_of_the_shape"),
        (lambda: lambda generator, shape: np.full(shape, np.inf), "gives_arrays_of_the_shape"),
        (lambda: lambda generator, shape: np.random.default_rng().normal(size=shape), "draws_from_the_generator"),
    ],
)
def test_a_wrong_init_is_found_out(own_register, function, check):
    assert check in wrong(Init("wrong", backend="keras", title="Wrong"), function)


def brighter(images, generator, by: int = 10):
    images += by
    return images


def flipped(images, generator):
    import torch

    return images.flip(3) if torch.rand(1) < 0.5 else images.clone()


@pytest.mark.parametrize(
    "function, check",
    [
        (lambda images, generator: images / 255, "gives_images"),
        (lambda images, generator: images[:2], "gives_images"),
        (brighter, "changes_nothing"),
        (flipped, "draws_from_the_generator"),
    ],
)
def test_a_wrong_augmentation_is_found_out(own_register, function, check):
    assert check in wrong(Augmentation("wrong", backend="pytorch", title="Wrong"), function)


def flat(num_classes):
    """For images of 32x32 pixels only."""
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))


def net(num_classes, classes=None, norm=False, spare=False):
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 16, 3, padding=1)
            self.second = nn.Conv2d(16, 16, 3, padding=1)
            self.spare = nn.Linear(1, 1) if spare else nn.Identity()
            self.last = nn.Linear(16, classes or num_classes)

        def forward(self, images):
            x = self.second(self.conv(images).relu()).relu()
            if norm:  # over the batch, in evaluation too
                x = x - x.mean(0)
            return self.last(x.mean((2, 3)))

    return Net()


def linear(num_classes):
    from torch import nn

    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))


MODELS = {
    "one size": (flat, ("convs",), "takes_images_of_any_size"),
    "seven classes": (lambda num_classes: net(num_classes, classes=7), ("convs",), "takes_images_of_any_size"),
    "mixes images": (lambda num_classes: net(num_classes, norm=True), ("convs",), "treats_images_one_by_one"),
    "a layer that is not used": (lambda num_classes: net(num_classes, spare=True), ("convs",), "learns_everywhere"),
    "no convs": (linear, ("convs",), "is_pruned"),
    "no residual blocks": (net, ("residual_blocks",), "has_known_structures"),
    "unknown structure": (net, ("convolutions",), "has_known_structures"),
    "no structure": (net, (), "has_known_structures"),
}


@pytest.mark.parametrize("mistake", MODELS)
def test_a_wrong_model_is_found_out(own_register, mistake):
    function, has, check = MODELS[mistake]
    entry = Model("wrong", backend="pytorch", title="Wrong", has=has, channels=(3,))
    assert check in wrong(entry, lambda num_classes: function(num_classes))


def noisy(model, batches):
    from onnx import numpy_helper

    weight = model.graph.initializer[0]
    noise = 1e-6 * np.random.default_rng().normal(size=tuple(weight.dims)).astype(np.float32)
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) + noise, weight.name))
    return model


@pytest.mark.parametrize(
    "function, check", [(noisy, "gives_the_same_each_time"), (lambda model, batches: None, "quantizes_a_net")]
)
def test_a_wrong_scheme_is_found_out(own_register, function, check):
    assert check in wrong(Scheme("wrong", backend="pytorch", title="Wrong"), function)


def test_int8_operators_that_are_not_declared_are_found_out(own_register):
    dynamic = registry.get(Scheme, "dynamic_int8", "pytorch").function
    entry = Scheme("wrong", backend="pytorch", title="Wrong")
    assert "says_what_it_holds" in wrong(entry, lambda model, batches: dynamic(model, batches))


def test_a_prune_type_that_gives_no_matrices_is_found_out(own_register):
    from espalier.pytorch.groups import filters

    entry = PruneType("wrong", backend="pytorch", title="Wrong", needs="convs", by=("filters",), amounts=("ratio",))
    assert "gives_groups" in wrong(entry, lambda net: [matrix.sum() for matrix in filters(net)])


def figure(view):
    from espalier.report.figures import style

    drawn = style.figure(4, 3)
    drawn.subplots().plot(view.results["params"], view.results["top1"], "o")
    return drawn


def random_figure(view):
    drawn = figure(view)
    drawn.axes[0].set_title(str(np.random.default_rng().random()))
    return drawn


def rounding(view):
    view.results["top1"] = view.results["top1"].round()
    return figure(view)


FIGURES = {
    "nothing": (lambda view: None, always, "is_made"),
    "random": (random_figure, always, "is_the_same_each_time"),
    "changes the results": (rounding, always, "is_made"),
    "true": (figure, lambda rows, study: True, "is_for_some_studies"),
    "other rows": (figure, lambda rows, study: rows.set_index(rows.index + 1000), "is_for_some_studies"),
}


@pytest.mark.parametrize("mistake", FIGURES)
def test_a_wrong_figure_is_found_out(own_register, mistake):
    function, when, check = FIGURES[mistake]
    entry = FigureItem("wrong", title="Wrong", caption="How to read it.", when=when)
    assert check in wrong(entry, function)


def test_a_right_figure_of_the_made_up_run_passes(own_register):
    assert wrong(FigureItem("right", title="Right", caption="Points.", when=always), figure) == set()


def test_a_table_and_a_finding_that_give_something_else_are_found_out(own_register):
    table = TableItem("wrong", title="Wrong", caption="How to read it.", when=always)
    assert "is_made" in wrong(table, lambda view: view.results)
    finding = FindingItem("wrong", title="Wrong", when=always)
    assert "is_made" in wrong(finding, lambda view: "yes")


def test_an_empty_caption_is_found_out(own_register):
    entry = FigureItem("wrong", title="Wrong", caption=" ", when=always)
    assert wrong(entry, figure) == {"says_how_to_read_it"}
