"""Registered entries that a config names; a name that there is not is a ConfigError that says what there is."""

from __future__ import annotations

from typing import Any

from espalier import registry
from espalier.plan.explain import ConfigError
from espalier.registry import E


def known(kind: type[E], name: str, backend: str, path: list) -> E:
    """The registered entry of that name, or a ConfigError that says what there is."""
    try:
        return registry.get(kind, name, backend)
    except registry.UnknownName as unknown:
        meant = unknown.nearest or next(iter(unknown.allowed), None)
        corrected = {path[-1]: meant} if isinstance(path[-1], str) else [meant]
        raise ConfigError(
            path,
            f"there is no {kind.kind.replace('_', ' ')} {name!r} for backend {backend}",
            allowed=", ".join(unknown.allowed) or "none",
            corrected=corrected if unknown.allowed else None,
        ) from None


def model_of(study: dict[str, Any]) -> registry.Model:
    """The registered architecture of a study."""
    return registry.get(registry.Model, study["model"]["name"], study["backend"])


def prune_types_of(study: dict[str, Any]) -> list[str]:
    """The prune types that a study's net has the structure for."""
    model = model_of(study)
    return [p.name for p in registry.entries(registry.PruneType, study["backend"]).values() if model.offers(p.needs)]


def prune_type_of(study: dict[str, Any], name: str, path: list) -> registry.PruneType:
    """The registered prune type of that name, or a ConfigError if the study's net has not the structure for it."""
    backend, model = study["backend"], model_of(study)
    prune_type = known(registry.PruneType, name, backend, path)
    if model.offers(prune_type.needs):
        return prune_type
    models = [m.name for m in registry.entries(registry.Model, backend).values() if m.offers(prune_type.needs)]
    types = prune_types_of(study)
    raise ConfigError(
        path,
        f"{name} needs {prune_type.needs.replace('_', ' ')}, and {model.name} has none",
        allowed=f"{', '.join(types)} on {model.name}; {name} on {', '.join(models) or 'no registered model'}",
        corrected={"prune_type": types[0]},
    )
