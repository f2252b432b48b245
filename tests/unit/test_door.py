"""A net of the user's own in a config: imported and named, its weights found, or refused in words."""

import pytest
import yaml

from espalier import plugins, registry
from espalier.plan import doubts, grid
from espalier.plan.explain import ConfigError
from espalier.run import code

NETS = """
from torch import nn

def make_net(num_classes: int, dropout: float = 0.1, sizes=(1, 2)):
    return nn.Linear(1, num_classes)

def fixed(dropout=0.0):
    return nn.Linear(1, 10)

def anything(num_classes, **options):
    return nn.Linear(1, num_classes)

class Net(nn.Module):
    def __init__(self, num_classes, depth: int = 3):
        super().__init__()

class NoNet:
    pass

number = 3
instance = nn.Linear(1, 10)
"""
STUDY = """
studies:
  mine:
    backend: pytorch
    dataset: {name: digits, size: 16}
    model: {import: "my_nets.py:make_net", weights: best.pt}
    finetune: {epochs: 2}
    chains:
      - [given]
      - [given, prune: {prune_type: filter_wise, ratio: 0.5}, finetune, quantize: {scheme: static_int8}]
      - [given, quantize: {scheme: float32}]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, own_register):
    """The folder of a config, with nets and a file of weights; the working directory is another one."""
    place, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for made in (place, elsewhere):
        made.mkdir()
    (place / "my_nets.py").write_text(NETS)
    (place / "best.pt").write_bytes(b"weights")
    monkeypatch.chdir(elsewhere)
    yield place
    for plugin in plugins.loaded():
        plugins.unload(plugin)


def config(model=None, **keys):
    """The study with another model, and other keys."""
    whole = yaml.safe_load(STUDY)
    study = whole["studies"]["mine"]
    study.update(keys)
    if model is not None:
        study["model"] = model
    return {"studies": {"mine": {key: value for key, value in study.items() if value is not None}}}


def refusal(folder, **keys):
    with pytest.raises(ConfigError) as error:
        grid.build(config(**keys), [folder])
    return str(error.value)


def test_an_imported_net_is_a_registered_model_that_jobs_are_planned_with(folder):
    made = grid.build(config(), [folder])
    entry = registry.get(registry.Model, "my_nets:make_net", "pytorch")
    assert entry.plugin == "my_nets.py" and entry(5).out_features == 5
    job = made.jobs["mine/seed0/given"]
    assert job.params["model"] == {
        "name": "my_nets:make_net",
        "weights": str(folder / "best.pt"),
        "width": 1.0,
        "fallback": None,
    }
    assert ("model", "my_nets:make_net", "pytorch") in job.uses
    assert job.columns["weights"] == "file" and job.columns["epochs"] is None and job.columns["select"] is None
    chains = {job.columns["chain"] for job in made.jobs.values()}
    assert "given > prune > finetune > quantize" in chains and len(made.jobs) == 5


def forget():
    """A new run of the workflow: files are read anew."""
    for cached in vars(code).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


def test_the_source_of_an_imported_net_is_in_the_digest_of_its_jobs_and_its_place_is_not(folder):
    job = grid.build(config(), [folder]).jobs["mine/seed0/given"]

    def digest():
        forget()
        return code.code_of_job(code.ROOT / "run_step.py", ["espalier.pytorch.given"], job.uses)

    before = digest()
    assert before["plugins"] == [str(folder / "my_nets.py")]
    (plugin,) = plugins.loaded()
    plugins.unload(plugin)
    plugins.load(plugins.find(before["plugins"], []))  # as its job does
    assert digest()["digest"] == before["digest"]
    (folder / "my_nets.py").write_text(NETS.replace("nn.Linear(1, num_classes)", "nn.Linear(2, num_classes)"))
    assert digest()["digest"] != before["digest"]
    forget()


def test_a_class_is_imported_as_a_function_is_and_options_are_checked_by_its_signature(folder):
    made = grid.build(config({"import": "my_nets.py:Net", "depth": 5}, chains=[["given"]]), [folder])
    assert made.jobs["mine/seed0/given"].params["model"]["depth"] == 5
    words = refusal(folder, model={"import": "my_nets.py:Net", "dept": 5})
    assert "studies.mine.model.dept" in words and "did you mean 'depth'" in words
    assert "a whole number" in refusal(folder, model={"import": "my_nets.py:Net", "depth": "many"})


def test_a_function_that_takes_anything_gets_anything(folder):
    grid.build(config({"import": "my_nets.py:anything", "whatever": [1]}), [folder])


def test_a_function_without_the_number_of_classes_is_told_of(folder):
    made = grid.build(config({"import": "my_nets.py:fixed"}), [folder])
    (doubt,) = doubts.doubts(made)
    assert "my_nets:fixed" in doubt and "num_classes" in doubt
    assert doubts.doubts(grid.build(config(), [folder])) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("my_nets.py", ["names no function", "my_nets.py:make_net"]),
        (3, ["names no function"]),
        ("my_nets.py:make_nett", ["has no 'make_nett'", "import: my_nets.py:make_net"]),
        ("my_net.py:make_net", ["there is no such file"]),
        ("my_nets.py:number", ["a value of type int"]),
        ("my_nets.py:instance", ["a value of type Linear"]),
        ("my_nets.py:NoNet", ["NoNet", "not the class of a net"]),
        ("no_such_package.nets:make_net", ["finds no module"]),
    ],
)
def test_what_cannot_be_imported_is_refused_in_words(folder, given, words):
    said = refusal(folder, model={"import": given})
    assert said.startswith("studies.mine.model.import: ") and "Traceback" not in said
    assert all(word in said for word in words), said


def test_a_module_that_raises_is_told_with_its_line(folder):
    (folder / "broken.py").write_text("import torch\n\nraise RuntimeError('no licence')\n")
    said = refusal(folder, model={"import": "broken.py:make_net"})
    assert "broken.py, line 3: RuntimeError: no licence" in said


def test_a_name_and_an_import_are_one_too_many(folder):
    assert "beside `name`" in refusal(folder, model={"import": "my_nets.py:make_net", "name": "resnet50"})


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("imagenett", ["weights: imagenet"]),
        ("bst.pt", ["there is no file 'bst.pt'", "Looked for"]),
        ("my_nets.py", ["'.py'", ".safetensors, .pt, .pth, .npz"]),
    ],
)
def test_weights_that_are_not_there_are_refused(folder, weights, words):
    said = refusal(folder, model={"import": "my_nets.py:make_net", "weights": weights})
    assert said.startswith("studies.mine.model.weights: ") and all(word in said for word in words), said


def test_nets_of_torchvision_are_named_without_registration_and_misspelled_ones_are_told(folder):
    made = grid.build(config({"name": "torchvision/resnet18", "weights": "best.pt"}), [folder])
    assert made.jobs["mine/seed0/given"].columns["model"] == "torchvision/resnet18"
    assert registry.get(registry.Model, "torchvision/resnet18", "pytorch")(7).fc.out_features == 7
    said = refusal(folder, model={"name": "torchvision/resnet81"})
    assert "no net 'resnet81'" in said and "name: torchvision/resnet18" in said


def test_a_library_that_is_not_installed_is_told_with_what_installs_it(folder):
    pytest.importorskip("torchvision")
    try:
        import timm  # noqa: F401
    except ImportError:
        assert "pip install timm" in refusal(folder, model={"name": "timm/convnext_atto"})
    assert "there is no library of nets 'keras'" in refusal(folder, model={"name": "keras/resnet"})
    assert "backend: pytorch" in refusal(folder, model={"name": "torchvision/resnet18"}, backend="keras")


def test_a_given_net_has_weights_that_someone_trained(folder):
    said = refusal(folder, model={"name": "resnet50"})
    assert "studies.mine.model.weights" in said and "its weights are random" in said
    said = refusal(folder, model={"name": "torchvision/resnet18", "weights": "imagenet"})
    assert "its last layer is new" in said
    grid.build(config({"import": "my_nets.py:make_net"}), [folder])  # its function may read its own


def test_a_study_of_given_nets_needs_no_recipe_but_that_of_its_fine_tuning(folder):
    assert "finetune.epochs: is missing" in refusal(folder, finetune=None)
    assert "mine.train: is missing" in refusal(folder, chains=[["train"]])
    jobs = grid.build(config(), [folder]).jobs.values()
    (recipe,) = [job.params["recipe"] for job in jobs if job.step == "finetune"]
    assert recipe["epochs"] == 2 and recipe["batch_size"] == 128 and recipe["learning_rate"] == 0.05


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (["given", "given"], ["given is not the first step"]),
        (["train", "given"], ["given is not the first step"]),
        ([{"given": {"epochs": 3}}], ["epochs", "no such key"]),
        (["given", {"finetune": {"rewind": True}}], ["no training to rewind", "begins with given"]),
    ],
)
def test_given_stands_where_train_does(folder, chain, words):
    said = refusal(folder, chains=[chain], train={"epochs": 1})
    assert all(word in said for word in words), said


@pytest.mark.parametrize("key", ["mean", "std"])
def test_pixels_are_normalised_by_a_number_or_one_for_each_channel(folder, key):
    made = grid.build(config(dataset={"name": "digits", "size": 16, key: [0.1, 0.2, 0.3]}), [folder])
    assert f"digits_16x16x3_{key}0.1-0.2-0.3" in made.datasets()
    said = refusal(folder, dataset={"name": "digits", "size": 16, key: [0.1, 0.2]})
    assert f"dataset.{key}: 2 values, and the images have 3 channels" in said
