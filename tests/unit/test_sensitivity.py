"""What single layers cost by being pruned: the section of a study, and a small net whose outputs are known."""

import copy

import pytest
import torch
from test_grid import built
from torch import nn

from espalier import registry
from espalier.analysis import tidy
from espalier.datasets.prepare import load as load_data
from espalier.plan import sensitivity
from espalier.plan.explain import ConfigError
from espalier.pytorch import models
from espalier.pytorch.evaluate import evaluate
from espalier.pytorch.sensitivity import scan
from espalier.run.integrity import Damaged, write_sealed

ASKED = {"prune_type": "filter_wise", "method": "mean_abs"}


def two_convs(num_classes, widths=None, width=1.0):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(4, 6, 3, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(6 * 36, num_classes),
    )  # fmt: skip


@pytest.fixture
def net(own_register, tmp_path):
    has = ("conv_chain", "convs")
    registry.register(registry.Model("two_convs", backend="pytorch", title="", has=has, channels=(1,)))(two_convs)
    torch.manual_seed(0)
    net = models.build_model("two_convs", 10)
    for place in (0, 2):  # filters score 1, 2, 3, ...
        filters = net[place].weight.data
        filters *= (torch.arange(1, len(filters) + 1) / filters.abs().mean((1, 2, 3)))[:, None, None, None]
    models.save(net, tmp_path / "net.safetensors")
    return net, tmp_path / "net.safetensors"


def test_a_layer_loses_the_filters_that_score_lowest_and_the_others_none(net, digits):
    dense, path = net
    rows = scan(path, digits(8, 1), **ASKED, ratios=[0.25, 0.5, 0.99], images=50, seed=0)["rows"]
    removed = [(row["layer"], row["channels"], row["ratio"], row["removed"]) for row in rows]
    # int(4 * 0.25), int(4 * 0.5), and of 0.99 all but one; int(6 * 0.25) is 1
    assert removed == [
        ("0", 4, 0.25, 1), ("0", 4, 0.5, 2), ("0", 4, 0.99, 3), ("2", 6, 0.25, 1), ("2", 6, 0.5, 3), ("2", 6, 0.99, 5)
    ]  # fmt: skip
    prepared = load_data(digits(8, 1))
    split = type(prepared.validation)(prepared.validation.images[:50], prepared.validation.labels[:50])
    for row in rows:  # without bias, a filter of zeros is none
        masked = copy.deepcopy(dense)
        masked.get_submodule(row["layer"]).weight.data[: row["removed"]] = 0
        assert row["top1"] == pytest.approx(evaluate(masked, split, prepared.manifest)["top1"])
        assert row["dense_top1"] == pytest.approx(evaluate(dense, split, prepared.manifest)["top1"])
        assert row["images"] == 50 and row["together"] == 1


def test_single_weights_of_a_layer_become_zero(net, digits):
    dense, path = net
    asked = {"prune_type": "weight", "method": "magnitude"}
    rows = scan(path, digits(8, 1), **asked, ratios=[0.5], images=50, seed=0)["rows"]
    # 9 * 4, 9 * 4 * 6 and 216 * 10 weights
    sizes = [("0", 36, 18), ("2", 216, 108), ("5", 2160, 1080)]
    assert [(row["layer"], row["channels"], row["removed"]) for row in rows] == sizes
    prepared = load_data(digits(8, 1))
    split = type(prepared.validation)(prepared.validation.images[:50], prepared.validation.labels[:50])
    for row in rows:
        sparse = copy.deepcopy(dense)
        weight = sparse.get_submodule(row["layer"]).weight.data
        weight[weight.abs() <= weight.abs().flatten().kthvalue(row["removed"]).values] = 0
        assert row["top1"] == pytest.approx(evaluate(sparse, split, prepared.manifest)["top1"])


def test_an_untrained_net_is_not_measured():
    chain = ["init", {"prune": {"prune_type": "filter_wise", "ratio": 0.5}}, "train_pruned"]
    made = built(["train"], chain, sensitivity=ASKED)
    assert sensitivity.roots(made.studies["a"], made.of("a", 0)) == ["a/seed0/train"]
    with pytest.raises(ConfigError, match="no chain begins with one"):
        built(chain, sensitivity=ASKED)


def test_one_job_for_each_net_that_a_chain_begins_with():
    made = built(["train", "finetune"], [{"train": {"learning_rate": 0.2}}], sensitivity=ASKED)
    study = made.studies["a"]
    assert sensitivity.roots(study, made.of("a", 0)) == ["a/seed0/train", "a/seed0/train~learning_rate=0.2"]
    assert sensitivity.how(study) == ASKED | {"ratios": [0.1, 0.25, 0.5, 0.75, 0.9], "images": 1000}
    assert sensitivity.roots(built(["train"]).studies["a"], made.of("a", 0)) == []


def test_the_nodes_of_a_study_are_the_same_with_and_without():
    assert built(["train"]).jobs == built(["train"], sensitivity=ASKED).jobs


@pytest.mark.parametrize(
    "study, place, words",
    [
        ({"sensitivity": {}}, "sensitivity.prune_type", "missing"),
        ({"sensitivity": ASKED | {"ratios": [0.5, 1]}}, "sensitivity.ratios[1]", "1 is too large"),
        ({"sensitivity": ASKED | {"ratios": []}}, "sensitivity.ratios", "too few"),
        (
            {"sensitivity": {"prune_type": "depth_wise"}, "model": {"name": "resnet50"}},
            "sensitivity.prune_type",
            "takes no channels",
        ),
        ({"sensitivity": {"prune_type": "depth_wise"}}, "sensitivity.prune_type", "vgg16_bn has none"),
        ({"sensitivity": ASKED | {"method": "magnitude"}}, "sensitivity.method", "does not go by magnitude"),
        (
            {"sensitivity": ASKED, "dataset": {"name": "digits", "size": 32, "validation": 0.0}},
            "sensitivity",
            "validation images",
        ),
        (
            {
                "sensitivity": {"prune_type": "unit"},
                "backend": "keras",
                "model": {"name": "mlp"},
                "dataset": {"name": "digits", "size": 28, "channels": 1},
            },
            "sensitivity.prune_type",
            "PyTorch",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(study, place, words):
    with pytest.raises(ConfigError) as caught:
        built(["train"], **study)
    assert str(caught.value).startswith(f"studies.a.{place}: ")
    assert words in str(caught.value).partition("\n")[0]


def test_the_rows_of_all_seeds_become_one_table(tmp_path):
    row = ASKED | {"together": 1, "channels": 4, "ratio": 0.25, "removed": 1, "images": 50, "dense_top1": 90.0}
    files = []
    for seed in (0, 1):
        node = f"s/seed{seed}/train"
        files.append(tmp_path / node / "sensitivity.json")
        rows = [row | {"node": node, "layer": layer, "top1": 80.0 + seed} for layer in ("0", "2")]
        write_sealed(files[-1], {"node": node, "rows": rows})
    tidy.collect_sensitivity(files, tmp_path / "sensitivity.csv")
    lines = (tmp_path / "sensitivity.csv").read_text().splitlines()
    assert lines[0] == "node,prune_type,method,layer,together,channels,ratio,removed,images,top1,dense_top1"
    assert lines[1] == "s/seed0/train,filter_wise,mean_abs,0,1,4,0.25,1,50,80.0,90.0" and len(lines) == 5
    files[1].write_text(files[1].read_text().replace("81.0", "91.0"))
    with pytest.raises(Damaged):
        tidy.collect_sensitivity(files, tmp_path / "sensitivity.csv")
