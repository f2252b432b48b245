"""What a net says of each image: written by the job that measures it, read by what compares nets image by image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from espalier.run.files import whole


@dataclass(frozen=True)
class Predictions:
    """The images of a split, in the order of the data set; each array has shape (images,)."""

    label: np.ndarray  # class of the image: uint8, or uint16 if there are more than 256 classes
    predicted: np.ndarray  # class that the net gives it, of the same type
    confidence: np.ndarray  # probability of the predicted class, float32
    log_likelihood: np.ndarray  # natural logarithm of the probability of the image's own class, float32

    @property
    def correct(self) -> np.ndarray:
        """Whether each image was classified correctly."""
        return self.label == self.predicted

    @property
    def chance(self) -> float:
        """Share of the images that are of the commonest class, percent."""
        return 100 * float(np.bincount(self.label).max()) / len(self.label)


def of_logits(logits: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> Predictions:
    """What a net predicts for images whose logits (images, classes) are these; probabilities are their softmax.

    predicted: the classes that the net's accuracy was counted with, which of equal logits says which comes first.

    >>> np.exp(of_logits(np.log([[1, 3], [3, 1]]), np.array([1, 1]), np.array([1, 0])).log_likelihood).tolist()
    [0.75, 0.25]
    """
    dtype = np.uint8 if logits.shape[1] <= 256 else np.uint16
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    logarithms = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    images = np.arange(len(labels))
    return Predictions(
        label=labels.astype(dtype),
        predicted=predicted.astype(dtype),
        confidence=np.exp(logarithms[images, predicted]).astype(np.float32),
        log_likelihood=logarithms[images, labels].astype(np.float32),
    )


def write(path: str | Path, splits: Mapping[str, Predictions]) -> None:
    """Write the predictions of each split to an .npz file, whole or not at all; of the same ones the same bytes."""
    arrays = {
        f"{split}_{field.name}": getattr(predictions, field.name)
        for split, predictions in splits.items()
        for field in fields(predictions)
    }
    with whole(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read(path: str | Path) -> dict[str, Predictions]:
    """The predictions in an .npz file by split: "test", and "validation" if the data set has validation images."""
    with np.load(path, allow_pickle=False) as file:
        splits = dict.fromkeys(name.partition("_")[0] for name in file.files)
        return {
            split: Predictions(**{field.name: file[f"{split}_{field.name}"] for field in fields(Predictions)})
            for split in splits
        }
