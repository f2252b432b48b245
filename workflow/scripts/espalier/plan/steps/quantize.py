"""The step `quantize`: export a net to the runtime that it is deployed with, quantized by a scheme.

It is the last step of a chain: an ONNX file of a PyTorch net, a TFLite file of a Keras net. It computes on the CPU: so
do the runtimes, and so does quantization-aware training, for whose gradients TensorFlow has no deterministic GPU
kernels (FakeQuantWithMinMaxVarsGradient).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from espalier import registry
from espalier.plan.explain import ConfigError
from espalier.plan.keys import Table, defaults, key, named
from espalier.plan.lookup import known
from espalier.plan.steps import finetune
from espalier.plan.steps.step import Place, Planned, Step, kind_of

TRAINING = ("epochs", "learning_rate")  # keys of schemes that train
ASKED = {
    "calibration": "calibrator",
    "percentile": "calibrator",
    "keep_float": "keep_float",
}  # by parameters of schemes


class Quantize(Table):
    """The keys of that step in chains. It is the last step of its chain."""

    scheme: Annotated[
        str,
        key(
            "How the net is quantized. PyTorch nets become ONNX files, Keras nets TFLite files; float32 is the export "
            "alone.",
            required=True,
        ),
        named(registry.Scheme),
    ]
    calibration_images: Annotated[
        int, key("Training images that static quantization takes its ranges from.", default=128, minimum=1)
    ]
    calibration: Annotated[
        Literal["minmax", "entropy", "percentile"],
        key(
            "How static quantization of PyTorch nets takes the range of an activation from its values: minmax, the "
            "smallest and the largest; entropy, the range that loses least by the Kullback-Leibler divergence; "
            "percentile, the one that holds `percentile` of the values.",
            default="minmax",
        ),
    ]
    percentile: Annotated[
        float,
        key(
            "calibration percentile: percent of an activation's values that its range holds.",
            default=99.999, minimum=90, exclusiveMaximum=100,
        ),
    ]  # fmt: skip
    keep_float: Annotated[
        int,
        key(
            "Static quantization of PyTorch nets: so many layers stay in float, those whose quantization alone changes "
            "the logits of the calibration images most. The record names them.",
            default=0,
            minimum=0,
        ),
    ]
    epochs: Annotated[
        int,
        key("qat_int8: epochs of training, instead of those of `finetune`.", minimum=1, examples=[2]),
    ]
    learning_rate: Annotated[
        float,
        key("qat_int8: learning rate, instead of that of `finetune`.", exclusiveMinimum=0, examples=[0.01]),
    ]


def check_place(chain: list, number: int, path: list) -> None:
    """The last step of its chain."""
    if number + 1 < len(chain):
        raise ConfigError(
            path,
            f"quantize is followed by {kind_of(chain[number + 1])}: a quantized file is not trained or pruned further",
            allowed="quantize as the last step of a chain",
            corrected=[[*chain[:number], *chain[number + 1 :], chain[number]]],
        )


def plan(at: Place) -> Planned:
    """The scheme, and what it needs: calibration images, a recipe."""
    given, usual = at.given, defaults(Quantize)
    scheme = known(registry.Scheme, given["scheme"], at.backend, [*at.path, "scheme"])
    _check_training(scheme, at)
    _check_calibration(scheme, at)
    _check_asked(scheme, at)
    params: dict[str, Any] = {"scheme": scheme.name}
    columns: dict[str, Any] = {"scheme": scheme.name}
    uses = {("scheme", scheme.name, at.backend)}
    if scheme.calibrated:
        params["calibration_images"] = given.get("calibration_images", usual["calibration_images"])
    params |= {key: given[key] for key in ASKED if given.get(key, usual[key]) != usual[key]}
    if scheme.trains:
        trained = finetune.inside(at, **{key: given[key] for key in TRAINING if key in given})
        _check_penalty(trained.recipe.penalty, at)
        params["recipe"] = trained.recipe.params()
        columns |= {key: trained.columns[key] for key in ("epochs", "select")}
        uses |= trained.uses
    # A default that is spelt out makes no other node.
    own = {key: value for key, value in given.items() if key not in ASKED or value != usual[key]}
    return Planned(params, columns, uses, own)


def _check_training(scheme: registry.Scheme, at: Place) -> None:
    """How it is trained, of a scheme that trains only."""
    there = [key for key in TRAINING if key in at.given]
    if scheme.trains or not there:
        return
    able = [e.name for e in registry.entries(registry.Scheme, at.backend).values() if e.trains]
    raise ConfigError(
        at.path,
        f"{scheme.name} trains nothing, and {there[0]} is given",
        allowed=f"epochs and learning_rate with a scheme that trains: {', '.join(able) or 'none'}",
        corrected={"quantize": {k: v for k, v in at.given.items() if k not in there}},
    )


def _check_penalty(penalty: str | None, at: Place) -> None:
    """No penalty on the scales of batch norms: these are folded into convs before the net is trained further."""
    if penalty and registry.get(registry.Penalty, penalty, at.backend).of == "scales":
        raise ConfigError(
            [*at.path, "scheme"],
            f"{at.given['scheme']} folds batch norms into convs, and {penalty}, which stays on, is of their scales",
            allowed="a fine-tuning without that penalty (keep_penalty: false), or another scheme",
            corrected={"scheme": "static_int8"},
        )


def _check_calibration(scheme: registry.Scheme, at: Place) -> None:
    """How many images, of a scheme that is calibrated only."""
    if "calibration_images" in at.given and not scheme.calibrated:
        raise ConfigError(
            at.path,
            f"{scheme.name} needs no calibration, and calibration_images are given",
            allowed="calibration_images with a scheme that is calibrated",
            corrected={"quantize": {k: v for k, v in at.given.items() if k != "calibration_images"}},
        )


def _check_asked(scheme: registry.Scheme, at: Place) -> None:
    """Of how it is calibrated and which layers it leaves in float, what its function takes."""
    able = registry.entries(registry.Scheme, at.backend).values()
    for name, parameter in ASKED.items():
        if name in at.given and parameter not in inspect.signature(scheme.function).parameters:
            others = [e.name for e in able if parameter in inspect.signature(e.function).parameters]
            raise ConfigError(
                at.path,
                f"{scheme.name} of backend {at.backend} has no {name}",
                allowed=f"{name} with {', '.join(others) or 'a scheme of backend pytorch'}",
                corrected={"quantize": {k: v for k, v in at.given.items() if k != name}},
            )
    if "percentile" in at.given and at.given.get("calibration") != "percentile":
        raise ConfigError(
            [*at.path, "percentile"],
            f"{at.given['percentile']}, but the calibration is {at.given.get('calibration', 'minmax')}",
            allowed="percentile with calibration: percentile",
            corrected={"calibration": "percentile", "percentile": at.given["percentile"]},
        )


def words(columns: dict[str, Any]) -> Iterator[str]:
    """The scheme."""
    if columns["scheme"]:
        yield columns["scheme"]


QUANTIZE = Step(
    kind="quantize",
    runtime=30,
    noun="quantization",
    about=(
        "Exports a net to a file for another runtime, ONNX of a PyTorch net, TFLite of a Keras net, and "
        "quantizes it.\n"
        "It is the last step of its chain.\n"
        "The scheme `float32` is the export alone: what the quantized files are compared with, in the same "
        "runtime."
    ),
    message="quantizing {params.label}",
    keys=Quantize,
    named=("scheme",),
    check_place=check_place,
    plan=plan,
    words=words,
    reads=("parent", "data"),
    device=False,
    function="quantize.quantize_model",
    measure="profile_exported.measure_model",
    measured_with=("parent",),
)
