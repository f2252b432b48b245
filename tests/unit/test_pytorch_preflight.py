"""What a preflight finds of a net: that it can be pruned, saved, exported; or the reason why not."""

import json

import pytest
import torch
from torch import nn

from espalier import registry
from espalier.pytorch.preflight import Refused, once, preflight

FILTERS = {"prune_type": "filter_wise", "method": "l2", "ratio": "0.50", "scope": "layer"}
NEURONS = FILTERS | {"prune_type": "neuron_wise"}


def tried(digits, tmp_path, name, prunings, schemes=()):
    return preflight(
        tmp_path / "report.json", data=digits(8, 3), model={"name": name, "width": 1.0, "weights": "random"},
        prunings=prunings, schemes=schemes,
    )  # fmt: skip


def registered(function):
    registry.register(registry.Model(function.__name__, backend="pytorch", title=""))(function)


def test_it_says_what_works(own_register, digits, tmp_path):
    @registered
    def conv_and_mlp(num_classes):
        return nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.GroupNorm(2, 16), nn.ReLU(), nn.Flatten(),
            nn.Linear(16 * 36, 32), nn.ReLU(), nn.Linear(32, num_classes),
        )  # fmt: skip

    report = tried(digits, tmp_path, "conv_and_mlp", [FILTERS, NEURONS], ["static_int8", "qat_int8"])
    assert json.loads((tmp_path / "report.json").read_text()) == report
    macs = 36 * 16 * 27 + 16 * 36 * 32 + 320
    assert report["works"] and report["macs"] == macs
    by_filters, by_neurons = report["prune"]
    assert by_filters["macs"] == 36 * 8 * 27 + 8 * 36 * 32 + 320 and by_filters["actual_ratio"] == 0.5
    assert by_neurons["macs"] == 36 * 16 * 27 + 16 * 36 * 16 + 160 and by_neurons["stays"] == {}
    assert [(part["works"], part["int8_operators"]) for part in report["quantize"]] == [(True, 3), (True, 3)]


def test_it_refuses_all_that_does_not_work_in_one_message(own_register, digits, tmp_path):
    @registered
    def all_convs(num_classes):
        return nn.Sequential(nn.Conv2d(3, num_classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    with pytest.raises(Refused, match=r"preflight of all_convs: .*filter_wise: .*0 gives the classes.*neuron_wise"):
        tried(digits, tmp_path, "all_convs", [FILTERS, NEURONS])
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["works"] and [part["works"] for part in report["prune"]] == [False, False]


def test_an_amount_that_is_out_of_reach_is_found_before_the_training(own_register, digits, tmp_path):
    @registered
    def conv_and_linear(num_classes):
        return nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 32), nn.ReLU(), nn.Linear(32, num_classes)
        )

    # At least 8 filters stay: 36 * 8 * 27 + 8 * 36 * 32 + 320 of 36 * 16 * 27 + 16 * 36 * 32 + 320 MACs, 0.50466
    by_macs = {key: value for key, value in FILTERS.items() if key != "ratio"}
    assert tried(digits, tmp_path, "conv_and_linear", [by_macs | {"macs": "0.51"}])["works"]
    with pytest.raises(Refused, match=r"filter_wise: macs: 0\.40 is out of reach.* macs: 0\.5047"):
        tried(digits, tmp_path, "conv_and_linear", [by_macs | {"macs": "0.40"}])


def test_a_net_that_draws_random_numbers_or_cannot_be_built_is_refused(own_register, digits, tmp_path):
    class Noisy(nn.Sequential):
        def forward(self, x):
            return super().forward(x + torch.rand_like(x))

    @registered
    def noisy(num_classes):
        return Noisy(nn.Flatten(), nn.Linear(192, num_classes))

    @registered
    def broken(num_classes):
        raise KeyError("depth")

    with pytest.raises(Refused, match="read back"):
        tried(digits, tmp_path, "noisy", [])
    with pytest.raises(Refused, match="KeyError: 'depth'"):
        tried(digits, tmp_path, "broken", [])


def test_it_is_tried_once_for_the_same_request_and_again_for_another(own_register, digits, tmp_path):
    built = []

    @registered
    def counted(num_classes):
        built.append(num_classes)
        return nn.Sequential(nn.Flatten(), nn.Linear(192, num_classes))

    for key in ("a", "a", "b"):
        asked = {"model": {"name": "counted", "width": 1.0}, "prunings": [], "schemes": []}
        once(tmp_path / "report.json", key=key, data=digits(8, 3), **asked)
        assert len(built) == {"a": 2, "b": 4}[key]  # once new, once to read the file
