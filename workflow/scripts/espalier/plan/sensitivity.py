"""The section `sensitivity` of a study: how much accuracy each layer alone costs by being pruned, without training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from espalier import registry
from espalier.plan.explain import ConfigError
from espalier.plan.job import Use
from espalier.plan.keys import Table, defaults, key, limits, named
from espalier.plan.steps import STEPS
from espalier.plan.steps.step import Place, kind_of

if TYPE_CHECKING:
    from espalier.plan.job import Job

DENSE = ("train", "given")  # kinds of steps that a chain begins with, and that give a dense net worth to be measured
RATIOS = [0.1, 0.25, 0.5, 0.75, 0.9]
Share = Annotated[float, limits(exclusiveMinimum=0, exclusiveMaximum=1)]


class Sensitivity(Table):
    """Prunes each layer of the dense nets alone, by several ratios and without training, and measures top-1 on
    validation images (PyTorch; filters, channels, neurons, single weights)."""

    prune_type: Annotated[str, key("What is removed.", required=True), named(registry.PruneType)]
    method: Annotated[
        str, key("The importance score that decides what goes first; the prune type's own, if not given."),
        named(registry.Score),
    ]  # fmt: skip
    ratios: Annotated[
        list[Share],
        key("Shares of the layer's channels to remove.", default=RATIOS, minItems=1, uniqueItems=True),
    ]
    images: Annotated[int, key("Validation images to measure on, the first of them.", default=1000, minimum=1)]


def check(study: dict[str, Any], path: list) -> None:
    """Check that a study's `sensitivity` can be measured; raises ConfigError."""
    wanted = study["sensitivity"]
    if study["dataset"]["validation"] == 0:
        raise ConfigError(
            path,
            "is measured on validation images, and the data set keeps none aside",
            allowed="with dataset: {validation: ...} above 0",
        )
    if not any(kind_of(chain[0]) in DENSE for chain in study["chains"] if chain):
        raise ConfigError(
            path, "is measured of trained nets, and no chain begins with one", allowed=f"with {' or '.join(DENSE)}"
        )
    prune_type = registry.get(registry.PruneType, pruning(study, path)[0]["prune_type"], study["backend"])
    if not _by_layer(prune_type):
        able = [e.name for e in registry.entries(registry.PruneType, "pytorch").values() if _by_layer(e)]
        raise ConfigError(
            [*path, "prune_type"],
            f"{wanted['prune_type']} takes no channels, neurons or weights out of single layers of a PyTorch net",
            allowed=", ".join(able),
        )


def _by_layer(prune_type: registry.PruneType) -> bool:
    """Whether one layer alone can be pruned so."""
    return prune_type.cuts_channels or (prune_type.backend == "pytorch" and prune_type.by == ("weights",))


def pruning(study: dict[str, Any], path: list) -> tuple[dict[str, Any], set[Use]]:
    """What each layer is pruned by, prune_type and method, and the registered entries of it, checked as a step `prune`
    is; raises ConfigError."""
    given = {key: study["sensitivity"][key] for key in ("prune_type", "method") if key in study["sensitivity"]}
    kind = registry.entries(registry.PruneType, study["backend"]).get(given["prune_type"])
    amount = {"blocks": 1} if kind and "ratio" not in kind.amounts else {"ratio": 0.5}
    planned = STEPS["prune"].plan(Place(study, given | amount, path, [], {}))
    return {key: planned.params[key] for key in ("prune_type", "method")}, planned.uses


def roots(study: dict[str, Any], jobs: list[Job]) -> list[str]:
    """The nodes whose nets are measured: those that chains of the study begin with, but for untrained ones. jobs: of
    the study and a seed."""
    return [job.node for job in jobs if job.step in DENSE] if "sensitivity" in study else []


def how(study: dict[str, Any]) -> dict[str, Any]:
    """What the backend's function is called with."""
    wanted = defaults(Sensitivity) | study["sensitivity"]
    return pruning(study, [])[0] | {key: wanted[key] for key in ("ratios", "images")}
