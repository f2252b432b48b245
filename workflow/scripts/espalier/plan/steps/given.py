"""The step `given`: the net as it is, with weights that were trained elsewhere, in place of `train`."""

from __future__ import annotations

from espalier import registry
from espalier.plan.explain import ConfigError
from espalier.plan.keys import Table
from espalier.plan.lookup import model_of
from espalier.plan.steps.step import Place, Planned, Step
from espalier.training.pretrained import is_file


class GivenNet(Table):
    """The step has no keys: the net and its weights are those of `model`."""


def plan(at: Place) -> Planned:
    """The study's net with the weights of its file, or those that its own function gives it."""
    _check_weights(at)
    return Planned({"model": at.study["model"]}, {"init": None, "retraining": None, "epochs": None, "select": None})


def _check_weights(at: Place) -> None:
    """A net whose weights nobody has trained is no reference for anything."""
    weights, model = at.study["model"]["weights"], model_of(at.study)
    makes_its_own = isinstance(model, registry.Imported) and ":" in model.name and weights == "random"
    if is_file(weights) or makes_its_own:
        return
    problem = "its weights are random" if weights == "random" else "its last layer is new: ImageNet has other classes"
    raise ConfigError(
        ["studies", at.study["name"], "model", "weights"],
        f"a chain begins with given, which takes {model.name} as it is, and {problem}",
        allowed="a file of weights; or chains that begin with train",
        corrected={"weights": "best.pt"},
    )


GIVEN = Step(
    kind="given",
    noun="given net",
    about=(
        "Takes the net as it is, with the weights of the file under `model`, in place of `train`.\n"
        "It is the dense net that the others of its study are compared with.\n"
        "No recipe is needed but that of the fine-tuning."
    ),
    message="reading {params.label}",
    keys=GivenNet,
    named=(),
    first=True,
    plan=plan,
    reads=("data",),
    function="given.write_model",
    runtime=10,
)
