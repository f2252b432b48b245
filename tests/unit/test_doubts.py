"""Comparisons that a plan cannot decide are named before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from espalier.plan import grid
from espalier.plan.doubts import doubts
from espalier.run import software

PROJECT = Path(__file__).resolve().parents[2]
STUDY = {
    "backend": "keras",
    "dataset": {"name": "digits", "size": 28, "channels": 1},
    "model": {"name": "mlp"},
    "train": {"epochs": 6, "batch_size": 64, "learning_rate": 0.1, "milestones": [3], "gamma": 0.1},
    "finetune": {"epochs": 2, "learning_rate": 0.02, "milestones": []},
}
PRUNED = {"prune": {"prune_type": "unit", "ratio": 0.5}}


def found(*chains: list, **study) -> list[str]:
    config = {"seeds": [0], "studies": {"s": STUDY | study | {"chains": [list(chain) for chain in chains]}}}
    return doubts(grid.build(config))


@pytest.mark.parametrize(
    "epochs, asks",
    [
        (2, False),  # the last two epochs of the training have 0.1 * 0.1 = 0.01, below the 0.02 of fine-tuning
        (3, False),
        (4, True),  # the fourth last has 0.1
    ],
)
def test_rewinding_to_smaller_rates_than_those_of_fine_tuning(epochs, asks):
    said = found(["train", PRUNED, {"finetune": [{}, {"rewind": True, "epochs": epochs}]}])
    assert len(said) == (0 if asks else 1)
    assert asks or ("0.01" in said[0] and "0.02" in said[0])


def test_arms_that_differ_in_more_than_what_is_compared():
    glorot, normal = {"init": {"name": "glorot"}}, {"init": {"name": "normal", "stddev": 0.1}}
    (said,) = found([{"train": glorot}, PRUNED], [{"train": normal | {"epochs": 3}}, PRUNED])
    assert "init" in said and "epochs" in said
    assert found([{"train": glorot}, PRUNED], [{"train": normal}, PRUNED]) == []
    assert found(["train", PRUNED], [{"train": {"batch_size": 32}}, PRUNED]) == []  # that is what is compared


@pytest.mark.parametrize("config, number", [("cifar100", 1), ("mnist", 0), ("cifar10", 0)])
def test_the_presets(config, number):
    # cifar100 rewinds to 0.005 and fine-tunes by 0.02; the arms of mnist differ in initial weights and recipe
    said = doubts(grid.build(yaml.safe_load((PROJECT / "config" / f"{config}.yaml").read_text())))
    assert len(said) == number


def test_bf16_on_a_processor_that_has_no_instructions_for_it(tmp_path, monkeypatch):
    """By the flags of a processor with AVX2 alone, of two that have the instructions, and of an ARM that has."""
    study = {"backend": "pytorch", "model": {"name": "mlp"}, "train": STUDY["train"] | {"precision": "bf16"}}
    study |= {"finetune": {}, "device": "cpu"}
    monkeypatch.setattr(software, "CPUINFO", tmp_path / "cpuinfo")
    said = {}
    for line in ("flags : fpu avx2", "flags : avx512_bf16", "flags : amx_bf16 avx2", "Features : asimd bf16", "Hz : 1"):
        (tmp_path / "cpuinfo").write_text(f"processor : 0\n{line}\n")
        said[line] = found(["train"], **study)
    assert [bool(sentences) for sentences in said.values()] == [True, False, False, False, False]
    assert "bfloat16" in said["flags : fpu avx2"][0] and "float32" in said["flags : fpu avx2"][0]
    (tmp_path / "cpuinfo").write_text("flags : avx2\n")
    assert not found(["train"], **study | {"device": "cuda"})
    assert not found(["train"], **study | {"train": STUDY["train"]})


def test_nets_pruned_before_training_without_a_dense_net():
    chain = ["init", {"prune": {"prune_type": "weight", "method": "snip", "ratio": 0.5}}, "train_pruned"]
    study = {
        "backend": "pytorch",
        "dataset": {"name": "digits", "size": 32},
        "model": {"name": "resnet20"},
        "train": {"epochs": 2},
    }
    assert found(["train"], chain, **study) == []
    (doubt,) = found(chain, **study)
    assert "compared with no dense net" in doubt and "[train]" in doubt
