"""Training on a CUDA device where there is none: on fake tensors, which have a device and a shape but no values.
PyTorch refuses to mix them with tensors of another device, as it does with real ones.
"""

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, ShapeEnv

from espalier.datasets.prepare import Data, Split
from espalier.pytorch import models, profile, runtime, train
from espalier.pytorch.evaluate import evaluate
from espalier.training.augmentation import augment
from espalier.training.recipe import Recipe

CUDA = torch.device("cuda")
MANIFEST = {"mean": 0.5, "std": 0.25}
RECIPE = {
    "epochs": 1,
    "batch_size": 16,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "decay_norm_and_bias": False,
    "warmup_epochs": 0,
    "warmup_from": 0.1,
    "milestones": [],
    "gamma": 0.1,
    "offset": 0,
    "plateau": None,
    "label_smoothing": 0.1,
    "shuffle": True,
    "precision": "float32",
    "coefficient": 1e-4,
    "augment": [{"resize": 40}, {"random_crop": {"size": 32, "padding": 2}}, "horizontal_flip"],
}
ends = pytest.raises(GuardOnDataDependentSymNode)  # when the device is asked for a value at last, and has none


@pytest.fixture(scope="module", autouse=True)
def started():
    threads = torch.get_num_threads()
    runtime.start(1)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture
def fake():
    """A mode in which tensors are fake. It is entered after what is real: files, and initial weights."""
    return FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)


def moved(net):
    """The net on the device that there is not, in place."""
    for module in net.modules():
        for tensors, kind in ((module._parameters, nn.Parameter), (module._buffers, lambda tensor: tensor)):
            for name, tensor in tensors.items():
                tensors[name] = None if tensor is None else kind(torch.empty_like(tensor, device=CUDA))
    net.to = lambda *_, **__: net  # which fake tensors cannot
    return net


@pytest.mark.parametrize(
    ("name", "penalty"),
    [("vgg16_bn", "filter_and_channel_wise"), ("resnet50", "depth_wise"), ("cifar10_conv", "filter_wise")],
)
def test_an_epoch_is_computed_on_the_device_alone(fake, monkeypatch, name, penalty):
    net, recipe = models.build_model(name, 10, width=0.125), RECIPE | {"penalty": "group_lasso", "prune_type": penalty}
    with fake:
        train.pool_by_products(moved(net))
        images = torch.empty(32, 32, 32, 3, dtype=torch.uint8, device=CUDA)
        split = Split(images, torch.zeros(32, dtype=torch.long, device=CUDA))
        masks = {parameter: torch.ones_like(parameter) for parameter in net.parameters()}
        data, lossy = Data(split, split, split, MANIFEST), []
        learner = train.Learner(net, data, Recipe(**recipe), 0, masks)

        def backward(loss):  # a gradient lies where its parameter does; the engine itself asks for a real device
            lossy.append(loss)
            for parameter in net.parameters():
                parameter.grad = torch.empty_like(parameter)

        monkeypatch.setattr(torch.Tensor, "backward", backward)
        with ends:
            learner.train_epoch([])
    assert [loss.device.type for loss in lossy] == ["cuda"] * 2  # so it was the last of the epoch


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 14),
    reason="fake tensors of older versions cannot have sizes that depend on values",
)
def test_colours_are_changed_on_the_device(fake):
    with fake:
        images = torch.empty(16, 3, 32, 32, dtype=torch.uint8, device=CUDA)
        assert augment("pytorch", images, None, [{"color_jitter": 0.1}], torch.Generator())[0].device.type == "cuda"


def test_images_in_memory_are_evaluated_on_the_nets_device(fake):
    split = Split(np.zeros((300, 32, 32, 3), np.uint8), np.zeros(300, np.int64))
    net, calls = models.build_model("resnet50", 10, width=0.125), []
    net.register_forward_hook(lambda net, images, logits: calls.append(logits.shape[0]))
    with fake, ends:
        evaluate(moved(net), split, MANIFEST, batch_size=120)
    assert calls == [120, 120, 60]  # so no batch waited for a value


def test_a_record_is_measured_on_the_device(digits, tmp_path, monkeypatch):
    models.save(models.build_model("cifar10_conv", 10, width=0.125), tmp_path / "net.safetensors")
    monkeypatch.setattr(runtime, "_device", torch.device("meta"))  # a device everywhere, whose tensors have no values
    with pytest.raises(RuntimeError, match="meta"):
        profile.measure_model(tmp_path / "net.safetensors", digits(32, 3))


def test_float32_is_not_rounded_to_tensor_float():
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
