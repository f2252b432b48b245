"""Building a net that a function of the user's own makes, and finding out whether it can be used."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from espalier.imports import CLASSES, PIXELS, ImportFailed, in_words

PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")  # activations that turn logits into something else


def own_net(pixels: Any, num_classes: int, *, made: Callable[..., Any], **options: Any) -> Any:
    """The logits that a function of the user's own makes of the normalised pixels.

    made: gets `pixels`, the input tensor, and `num_classes`, if it has parameters of these names, and returns the
    logits; without `pixels` it returns a functional or sequential model. Raises ImportFailed for anything else.
    """
    parameters = inspect.signature(made).parameters.values()
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    names = {p.name for p in parameters}
    given = {key: value for key, value in ((PIXELS, pixels), (CLASSES, num_classes)) if key in names}
    given |= {CLASSES: num_classes} if takes_any else {}
    try:
        logits = made(**given, **options)
        if PIXELS not in names:
            logits = _connected(logits, pixels, made.__name__)
    except ImportFailed:
        raise
    except Exception as error:
        raise ImportFailed(f"{made.__name__} does not make a net: {in_words(error)}") from error
    _check_logits(logits, made.__name__, num_classes)
    return logits


def _connected(model: Any, pixels: Any, name: str) -> Any:
    """The output of a model's layers for other pixels: each layer is a layer of the new net, with new weights."""
    from espalier.keras.runtime import keras

    if not isinstance(model, keras.Model):
        raise ImportFailed(f"{name} has no parameter {PIXELS} and returns {type(model).__name__}, not a Keras model")
    if any(isinstance(layer, keras.Model) for layer in model.layers):
        raise ImportFailed(f"{name}: a model within the model is not supported: put its layers into the model itself")
    if not isinstance(model, keras.Sequential):
        return keras.models.clone_model(model, input_tensors=pixels).output
    features = pixels
    for layer in model.layers:
        features = type(layer).from_config(layer.get_config())(features)
    return features


def _check_logits(logits: Any, name: str, num_classes: int) -> None:
    """Raise ImportFailed for outputs that are not the logits of the classes."""
    if isinstance(logits, list | tuple | dict):
        raise ImportFailed(f"{name} returns {len(logits)} outputs, not one: return the logits alone")
    shape = tuple(getattr(logits, "shape", ()))
    wanted = (1, 2) if num_classes == 2 else (num_classes,)
    if len(shape) != 2 or shape[1] not in wanted:
        raise ImportFailed(f"{name} returns {shape or type(logits).__name__}, not (images, {num_classes}) logits")
    layer = getattr(getattr(logits, "node", None), "layer", None)
    activation = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__.lower())
    if activation in PROBABILITIES:
        raise ImportFailed(
            f"{name} ends with {activation}, and nets return logits: leave it out (activation=None), the weights stay "
            "the same"
        )
