"""Nets of the user's own and of libraries, built, tried out on the study's images, and taken as they are."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from espalier import plugins
from espalier.imports import ImportFailed
from espalier.plan import grid
from espalier.pytorch import given, models, pretrained
from espalier.pytorch.evaluate import to_input
from espalier.pytorch.imported import check_net

NETS = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(2, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.gamma = nn.Parameter(torch.full((channels, 1, 1), 0.5))

    def forward(self, x):
        return x + self.gamma * self.conv(torch.relu(self.norm(x)))

class Net(nn.Module):
    def __init__(self, num_classes, depth=2):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(depth)))
        self.head = nn.Linear(8, num_classes)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))

def fixed():
    return Net(10)

def nothing(num_classes):
    return None

def raising(num_classes):
    raise RuntimeError("no licence")

def flat(num_classes):
    net = Net(num_classes)
    nn.init.zeros_(net.head.weight)
    return net
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, own_register):
    (tmp_path / "own_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    plugins.load(plugins.find(["own_nets.py"], [tmp_path]))
    yield tmp_path
    for plugin in plugins.loaded():
        plugins.unload(plugin)


def net_of(name, **options):
    return models.build_model(name, 10, **options)


def test_an_imported_net_is_saved_and_loaded_with_its_options(folder):
    torch.manual_seed(0)
    net = net_of("own_nets:Net", depth=3).eval()
    models.save(net, folder / "net.safetensors")
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(models.load(folder / "net.safetensors")(images), net(images))
    assert len(net.blocks) == 3


def test_a_function_without_the_number_of_classes_is_called_without(folder):
    assert net_of("own_nets:fixed").head.out_features == 10


@pytest.mark.parametrize(
    ("name", "words"),
    [("nothing", ["returns NoneType"]), ("raising", ["RuntimeError: no licence", "own_nets.py, line 32"])],
)
def test_a_function_that_makes_no_net_is_told(folder, name, words):
    with pytest.raises(ImportFailed) as error:
        net_of(f"own_nets:{name}")
    assert all(word in str(error.value) for word in words), error.value


class Giving(nn.Module):
    """A net that gives what a function makes of the images."""

    def __init__(self, give):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.give = give

    def forward(self, x):
        return self.give(x, self.training)


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (lambda x, _: (x.mean((1, 2)), x.mean((1, 2))), "returns 2 outputs (tuple) while it is evaluated"),
        (lambda x, training: [x] if training else torch.zeros(len(x), 3), "returns 1 outputs (list) while it trains"),
        (lambda x, _: {"logits": x}, "returns 1 outputs (dict)"),
        (lambda x, _: x, "a tensor of (2, 3, 8, 8) for 2 images"),
        (lambda x, _: torch.zeros(len(x), 1000), "has 1000 outputs, and the data set 3 classes"),
        (lambda x, _: x.reshape(2, 7), "cannot take images of 3x8x8: RuntimeError"),
        (lambda x, _: None, "returns NoneType"),
    ],
)
def test_a_net_that_does_not_classify_the_images_is_told(give, words):
    with pytest.raises(ImportFailed) as error:
        check_net(Giving(give), "mine", 3, channels=3, size=8)
    assert words in str(error.value)


def test_a_net_that_is_tried_out_stays_as_it_is():
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, 3)).train()
    before, drawn = {k: v.clone() for k, v in net.state_dict().items()}, torch.get_rng_state()
    check_net(net, "mine", 3, channels=3, size=4)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items()) and net.training
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_given_net_computes_what_its_author_s_file_does(folder, digits):
    """A checkpoint as a training on several GPUs writes it, in a run's files and back."""
    torch.manual_seed(3)
    author = plugins.importlib.import_module("own_nets").Net(10).eval()
    saved = {f"module.{name}": tensor for name, tensor in author.state_dict().items()}
    torch.save({"state_dict": saved, "epoch": 90}, folder / "best.pt")
    model = {"name": "own_nets:Net", "weights": "best.pt", "fallback": None}
    pretrained.read_weights(folder / "weights.safetensors", given=folder / "best.pt", model=model, data=digits(16, 3))
    assert load_file(folder / "weights.safetensors").keys() == author.state_dict().keys()
    step = {"model": model | {"pretrained": folder / "weights.safetensors"}, "seed": 5}
    assert given.write_model(folder / "model.safetensors", data=digits(16, 3), **step) == {"weights": "file"}
    images = torch.rand(4, 3, 16, 16)
    assert torch.equal(models.load(folder / "model.safetensors")(images), author(images))


def test_a_net_that_begins_with_zeros_is_not_pruned_before_it_is_trained(folder, digits):
    files = {"out": folder / "model.safetensors", "data": digits(16, 3)}
    with pytest.raises(ValueError, match=r"^head of own_nets:flat begin"):
        given.write_model(**files, untrained=True, model={"name": "own_nets:flat"}, seed=0)
    assert given.write_model(**files, untrained=True, model={"name": "own_nets:Net"}, seed=0) == {"weights": "random"}


def test_weights_of_a_file_are_not_silently_random(folder, digits):
    with pytest.raises(ValueError, match="no file"):
        given.write_model(
            folder / "model.safetensors", data=digits(16, 3), model={"name": "own_nets:Net", "weights": "x.pt"}, seed=0
        )


def test_a_net_of_torchvision_is_built_and_its_auxiliary_outputs_are_told(own_register):
    net = net_of("torchvision/squeezenet1_1")
    check_net(net, "torchvision/squeezenet1_1", 10, channels=3, size=32)
    with pytest.raises(ImportFailed, match="GoogLeNetOutputs"):
        check_net(net_of("torchvision/googlenet", init_weights=False), "torchvision/googlenet", 10, channels=3, size=64)
    whole = net_of("torchvision/googlenet", init_weights=False, aux_logits=False)
    check_net(whole, "torchvision/googlenet", 10, channels=3, size=64)


def test_the_plan_s_options_reach_the_net(folder):
    config = {
        "studies": {
            "mine": {
                "backend": "pytorch", "dataset": {"name": "digits", "size": 16},
                "model": {"import": "own_nets.py:Net", "depth": 4}, "train": {"epochs": 1}, "chains": [["train"]],
            }
        }
    }  # fmt: skip
    model = grid.build(config).jobs["mine/seed0/train"].params["model"]
    assert json.loads(json.dumps(model)) == model
    net, weights = given.initial_net(model, {"classes": ["a", "b", "c"], "channels": 3, "size": 16})
    assert (len(net.blocks), net.head.out_features, weights) == (4, 3, "random")


def test_pixels_are_normalised_by_channel():
    images = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    pixels = to_input(images, {"mean": [0.1, 0.2, 0.3], "std": [0.5, 1.0, 2.0]})
    torch.testing.assert_close(pixels[0, :, 0, 0], torch.tensor([0.9 / 0.5, 0.8 / 1.0, 0.7 / 2.0]))
