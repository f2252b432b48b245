"""How nets are given pixels: Keras's names for it, in the keys of a data set that they stand for."""

from __future__ import annotations

from typing import Any

from espalier.plan.explain import ConfigError

KEYS = ("mean", "std", "order")
# Those of keras.applications.imagenet_utils.preprocess_input, of pixels between 0 and 1. `caffe` takes the means of
# ImageNet's blue, green and red from pixels between 0 and 255, and divides by nothing.
MODES: dict[str, dict[str, Any]] = {
    "caffe": {"mean": [channel / 255 for channel in (103.939, 116.779, 123.68)], "std": 1 / 255, "order": "bgr"},
    "tf": {"mean": 0.5, "std": 0.5},
    "torch": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}


def spelt_out(config: dict[str, Any]) -> dict[str, Any]:
    """The config with `preprocessing` of its data sets replaced by what it stands for (in place), and without `order:
    rgb`, which is the usual one. Raises ConfigError where it is given beside that, or for an order of grey images."""
    for name, study in config["studies"].items():
        dataset, path = study["dataset"], ["studies", name, "dataset"]
        mode = dataset.pop("preprocessing", None)
        if mode and (beside := [key for key in KEYS if key in dataset]):
            raise ConfigError(
                [*path, "preprocessing"],
                f"{mode} says what {' and '.join(beside)} are, and they are given too",
                allowed=f"preprocessing, or {', '.join(KEYS)}",
            )
        dataset |= MODES.get(mode, {})
        if dataset.get("order") == "rgb":
            del dataset["order"]
        if "order" in dataset and dataset.get("channels") == 1:
            raise ConfigError(
                [*path, "preprocessing" if mode else "order"],
                "is of the channels blue, green and red, and the images are grey (channels: 1)",
                allowed="channels: 3, or another one",
            )
    return config
