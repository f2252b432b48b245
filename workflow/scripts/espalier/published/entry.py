"""What the entry of a published study says: how the study was set up, and what the rows and columns of its CSV files
are in the results of a run. The CSV files are in report/published/; the README there says what their columns mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from espalier.columns import MIB


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What must be the same for two accuracies to be comparable. None: the source does not say.

    images: "original", or "lossy copies" of the published ones; unstated: what else the source does not say.
    """

    data: str
    resolution: int
    epochs: int | None
    weights: str | None
    width: float = 1.0
    coefficient: float | None = None  # of the penalty, where there is one
    model: str | None = None
    selection: str | None = None  # `select`: which epoch's weights a training ended with, as in the recipe
    images: str = "original"
    unstated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Value:
    """A published column: `scale` times it is the column `result` of a run's results.

    counted: whether the net's shapes determine it, so that a run can have exactly the published number. of_machine:
    whether it is a time, which on another machine is another.
    """

    name: str
    result: str
    title: str
    digits: int
    scale: float = 1.0
    counted: bool = False
    of_machine: bool = False


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The published rows of one CSV file, in the words of a run's results.

    read: the file as it is -> one row per published result, its keys named like the columns of results.csv.
    keys: the columns that a published row and a result must share, next to `where`, which holds for all rows.
    values: the columns to compare; `before` of them are those of the dense net that a row comes from.
    """

    file: str
    kind: str
    read: Callable[[pd.DataFrame], pd.DataFrame]
    where: dict[str, str]
    keys: tuple[str, ...]
    values: tuple[Value, ...]
    before: tuple[Value, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """The published nets whose shapes are known, and can be counted without any training.

    backend: that has the architecture `model`; classes: that it tells apart; prune_types: of the nets; file: a CSV file
    with a row for each pruned net. read: a row -> the keys that the published row of that net has, named like the
    columns of results.csv, and the options that the architecture is built with; no keys: the row is of the dense net.
    """

    backend: str
    model: str
    classes: int
    prune_types: tuple[str, ...]
    file: str
    read: Callable[[dict[str, str]], tuple[dict[str, str], dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published study."""

    title: str
    setup: Setup
    rows: tuple[Rows, ...]
    note: str = ""  # what a reader of its numbers must know
    test_images: int | None = None  # that its accuracies were measured on
    layers: str = ""  # the CSV file that counts zeros by layer, if there is one
    shapes: Shapes | None = None
    remarks: dict[str, str] = field(default_factory=dict)  # finding -> what the study says of it, without numbers


# Columns that several studies have.
TOP1 = Value("top1", "top1", "Top-1 (%)", 2)
TOP5 = Value("top5", "top5", "Top-5 (%)", 2)
LOSS = Value("test_loss", "test_loss", "Test loss", 4)
PARAMS = Value("params_m", "params", "Parameters (M)", 2, 1e6, counted=True)
SIZE = Value("size_mb", "h5_bytes", "File (MiB)", 2, MIB, counted=True)
ZIPPED = Value("zipped_mb", "h5_zipped_bytes", "File, zipped (MiB)", 2, MIB)
WRAPPED = replace(SIZE, result="wrapped_bytes")
FILE = replace(SIZE, result="size_bytes")  # of a quantized net: the file itself, no .h5
MS = Value("ms_per_image", "ms_per_image", "Time for one image (ms)", 1, of_machine=True)

# The columns of nets that were pruned while they were trained, by the library that the Keras studies use.
GRADUAL = {"prune_type": "weight", "method": "magnitude", "schedule": "gradual"}
