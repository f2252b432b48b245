"""Files of weights: read without running code, fitted to a net by name, and refused in words."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from espalier.pytorch.checkpoints import WeightsRefused, weights_for


class Net(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(torch.ones(4))
        self.head = nn.Linear(4, classes)


@pytest.fixture
def trained():
    """The tensors of a net whose values no new net has."""
    torch.manual_seed(7)
    return {
        name: torch.randn_like(tensor) if tensor.is_floating_point() else tensor + 5
        for name, tensor in Net().state_dict().items()
    }


def assert_read(path, trained):
    read = weights_for(Net(), path)
    assert read.keys() == trained.keys()
    assert all(torch.equal(read[name], trained[name]) for name in trained)


def refusal(path, net=None):
    with pytest.raises(WeightsRefused) as error:
        weights_for(net or Net(), path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tensors: tensors,
        lambda tensors: {"state_dict": tensors, "epoch": 3},
        lambda tensors: {"model": tensors, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
        lambda tensors: {"model_state_dict": tensors, "best": 0.9},
        lambda tensors: {"ema": tensors},
        lambda tensors: {"checkpoint": {"net": tensors}},
        lambda tensors: {f"module.{name}": tensor for name, tensor in tensors.items()},
        lambda tensors: {f"_orig_mod.{name}": tensor for name, tensor in tensors.items()},
        lambda tensors: {"state_dict": {f"module._orig_mod.{name}": tensor for name, tensor in tensors.items()}},
        lambda tensors: {"n_averaged": torch.tensor(4)} | {f"module.{name}": t for name, t in tensors.items()},
        lambda tensors: {"state_dict": {f"model.backbone.{name}": tensor for name, tensor in tensors.items()}},
    ],
)
def test_wrappers_and_prefixes_are_taken_off(tmp_path, trained, wrap):
    torch.save(wrap(trained), tmp_path / "best.pt")
    assert_read(tmp_path / "best.pt", trained)


def test_what_is_taken_off_is_said(tmp_path, trained, capfd):
    inside = {f"module.{name}": tensor for name, tensor in trained.items()}
    torch.save({"model": inside, "ema": {name: tensor * 2 for name, tensor in inside.items()}}, tmp_path / "best.pt")
    assert_read(tmp_path / "best.pt", trained)
    said = capfd.readouterr().out
    assert "`model`" in said and "`ema`" in said and "module." in said


def test_safetensors_and_numpy_files_are_read(tmp_path, trained):
    save_file(trained, tmp_path / "best.safetensors")
    np.savez(tmp_path / "best.npz", **{name: tensor.numpy() for name, tensor in trained.items()})
    assert_read(tmp_path / "best.safetensors", trained)
    assert_read(tmp_path / "best.npz", trained)


def test_half_precision_becomes_what_the_net_computes_with(tmp_path, trained):
    torch.save({name: t.half() if t.is_floating_point() else t for name, t in trained.items()}, tmp_path / "best.pt")
    read = weights_for(Net(), tmp_path / "best.pt")
    assert all(read[name].dtype == tensor.dtype for name, tensor in trained.items())
    assert torch.equal(read["head.bias"], trained["head.bias"].half().float())


def test_an_old_file_without_counts_of_batches_is_read_and_that_is_said(tmp_path, trained, capfd):
    del trained["norm.num_batches_tracked"]
    torch.save(trained, tmp_path / "best.pt")
    assert weights_for(Net(), tmp_path / "best.pt")["norm.num_batches_tracked"] == 0
    assert "norm.num_batches_tracked" in capfd.readouterr().out


def test_everything_that_does_not_fit_is_listed_at_once(tmp_path, trained):
    del trained["scale"]
    trained |= {"criterion.weight": torch.ones(3), "head.weight": torch.ones(10, 4)}
    torch.save(trained, tmp_path / "best.pt")
    said = refusal(tmp_path / "best.pt")
    assert "1 missing: scale" in said and "1 unexpected: criterion.weight" in said
    assert "1 of another shape: head.weight (10x4, not 3x4)" in said


def test_weights_of_another_net_are_refused(tmp_path):
    torch.save(nn.Sequential(*(nn.Linear(2, 2) for _ in range(9))).state_dict(), tmp_path / "best.pt")
    said = refusal(tmp_path / "best.pt")
    assert "9 missing: scale, conv.weight" in said and "18 unexpected: 0.weight" in said
    assert "and 12 more" in said


def test_what_an_optimizer_stored_is_not_taken_for_the_net(tmp_path):
    other = nn.Sequential(*(nn.Linear(2, 2) for _ in range(9)))
    optimizer = torch.optim.Adam(other.parameters())
    other(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    torch.save({"state_dict": other.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "best.pt")
    assert "18 unexpected: 0.weight" in refusal(tmp_path / "best.pt")


def test_a_diverged_net_is_refused(tmp_path, trained):
    trained["head.bias"][0] = float("nan")
    torch.save(trained, tmp_path / "best.pt")
    assert "head.bias holds values that are no finite numbers" in refusal(tmp_path / "best.pt")


def test_a_whole_pickled_net_is_refused_with_what_to_do(tmp_path):
    torch.save(Net(), tmp_path / "net.pt")
    said = refusal(tmp_path / "net.pt")
    assert "Net" in said and "torch.save(net.state_dict(), 'weights.pt')" in said


def test_torchscript_is_refused_with_what_to_do(tmp_path):
    class Half(nn.Module):
        def forward(self, x):
            return x / 2

    torch.jit.trace(Half(), torch.ones(1)).save(str(tmp_path / "net.pt"))
    said = refusal(tmp_path / "net.pt")
    assert "TorchScript" in said and "state_dict()" in said


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("form", ["torch", "legacy torch", "pickle", "numpy"])
def test_a_hostile_file_runs_nothing(tmp_path, form, trained):
    mark = tmp_path / "ran"
    file = tmp_path / ("best.npz" if form == "numpy" else "best.pt")
    content = {"state_dict": trained, "epoch": Hostile(mark)}
    if form == "pickle":
        file.write_bytes(pickle.dumps(content))
    elif form == "numpy":
        np.savez(file, conv=np.array([Hostile(mark)], dtype=object))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "torch")
    said = refusal(file)
    assert not mark.exists() and file.name in said
    pickle.loads(pickle.dumps(Hostile(mark)))  # it would have
    assert mark.exists()


@pytest.mark.parametrize("name", ["best.pt", "best.pth", "best.safetensors", "best.npz"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 half a zip", bytes(500)])
def test_damaged_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert name in refusal(tmp_path / name)


def test_a_truncated_file_is_refused(tmp_path, trained):
    torch.save(trained, tmp_path / "best.pt")
    whole = (tmp_path / "best.pt").read_bytes()
    (tmp_path / "best.pt").write_bytes(whole[: len(whole) // 2])
    assert "best.pt" in refusal(tmp_path / "best.pt")


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], 5, {}])
def test_a_file_without_tensors_says_what_it_holds(tmp_path, content):
    torch.save(content, tmp_path / "best.pt")
    assert "holds no tensors by name" in refusal(tmp_path / "best.pt")


def test_a_zip_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "best.pt", "w") as archive:
        archive.writestr("readme.txt", "no weights")
    assert "best.pt" in refusal(tmp_path / "best.pt")
