"""The view of a study: what every figure, table and finding is made of, each part computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from espalier.analysis import accuracies, labels, nets, published, speed, tidy
from espalier.analysis.accuracies import NOT_MEASURED, Accuracy
from espalier.analysis.labels import Row
from espalier.analysis.selections import Selection
from espalier.analysis.tidy import Tidy
from espalier.backends import BACKENDS
from espalier.published.entry import Published
from espalier.run.integrity import read_sealed

COUNTS = "published_counts_{}.json"  # of a backend, beside the tidy tables of a run with published nets to count


@dataclass(frozen=True)
class StudyView:
    """One study: its checked config, its part of the tidy tables, and what is computed of them.

    Frames are computed at the first use and kept; each use gets a copy of its own, so that a figure that adds a
    column changes nothing for the next one.
    """

    config: dict
    tidy: Tidy

    @property
    def name(self) -> str:
        return self.config["name"]

    @property
    def title(self) -> str:
        return self.config["title"]

    @property
    def results(self) -> pd.DataFrame:
        """One row per node (see Tidy)."""
        return self.tidy.results

    @property
    def history(self) -> pd.DataFrame:
        """One row per node and epoch."""
        return self.tidy.history

    @property
    def layers(self) -> pd.DataFrame:
        """One row per node and layer."""
        return self.tidy.layers

    @property
    def latency(self) -> pd.DataFrame:
        """One row per timed node and batch size, as measured."""
        return self.tidy.latency

    @property
    def summary(self) -> pd.DataFrame:
        """One row per layer of each net that was wrapped to be pruned while it was trained."""
        return self.tidy.summary

    @property
    def sensitivity(self) -> pd.DataFrame:
        """One row per dense net, layer and ratio; empty, if the study does not ask for it."""
        return self.tidy.sensitivity

    @property
    def outcomes(self) -> pd.DataFrame:
        """One row per node and split; empty, where predictions were not kept."""
        return self.tidy.outcomes

    @property
    def classes(self) -> pd.DataFrame:
        """One row per node and class of the test images; empty, where predictions were not kept."""
        return self.tidy.classes

    @property
    def nets(self) -> pd.DataFrame:
        """One row per net, over seeds, with its times (see nets.of and speed.with_times)."""
        return self._nets.copy(deep=False)

    @cached_property
    def by_seed(self) -> pd.DataFrame:
        """The results with their times (see speed.with_times), by variant and seed."""
        return speed.with_times(self.tidy).set_index(["variant", "seed"]).sort_index()

    @property
    def pruned(self) -> pd.DataFrame:
        """Those nets that end with pruning, or with pruning and fine-tuning."""
        return nets.pruned(self._nets)

    @property
    def compressed(self) -> pd.DataFrame:
        """Those nets that were pruned (by more than nothing), quantized, or both."""
        return nets.compressed(self._nets)

    @property
    def times(self) -> pd.DataFrame:
        """One row per timed node and batch size, against its baseline (see speed.speed_ups)."""
        return self._times.copy(deep=False)

    @property
    def setup(self) -> str:
        """What every table and figure says of itself: data, resolution, net, epochs, initial weights and seeds."""
        return labels.setup_line(self.config, self.results)

    def accuracy(self, net: Row) -> Accuracy:
        """The accuracy of a net, one of `nets`, with each seed."""
        return self._accuracies.get(str(net["variant"]), NOT_MEASURED)

    def accuracy_of(self, node: object) -> Accuracy:
        """The accuracy of a node and of the same node of other seeds; without values for no node at all (NaN)."""
        return self._accuracies.get(self.variant_of(node), NOT_MEASURED)

    def variant_of(self, node: object) -> str:
        """The variant of a node of this study; "" for no node at all (NaN)."""
        return self._variants.get(node, "")

    def reference(self, net: Row) -> Accuracy:
        """The accuracy of the net that a net is compared with; without values if there is none."""
        return self.accuracy_of(net["reference"])

    def select(self, selection: Selection) -> pd.DataFrame:
        """The results that a selection takes."""
        return selection(self.results, self.config)

    def nets_of(self, selection: Selection) -> pd.DataFrame:
        """The nets, over seeds, that a selection takes: as they are right after pruning, or at the end."""
        nodes = self.select(selection)["node"]
        return self._nets[self._nets["node"].isin(nodes) | self._nets["end"].isin(nodes)].reset_index(drop=True)

    @property
    def published(self) -> pd.DataFrame | None:
        """The published rows that the study is compared with (see published.frame); None, if it names no source."""
        return published.frame(self.config["published"]) if self.config.get("published") else None

    @property
    def source(self) -> Published | None:
        """The published study that this one is compared with; None, if it names none."""
        return published.get(self.config["published"]) if self.config.get("published") else None

    @property
    def published_by_layer(self) -> pd.DataFrame:
        """The published counts of zeros by layer (see published.by_layer); no rows, if there are none."""
        return published.by_layer(self.config.get("published"))

    def published_remark(self, finding: str) -> str:
        """What the published study says of a finding in words, where it gives no numbers; "" if nothing."""
        return self.source.remarks.get(finding, "") if self.source else ""

    @property
    def compared(self) -> pd.DataFrame:
        """The published rows, each next to the results of this study that match it (see published.compare)."""
        return self._compared.copy(deep=False)

    @cached_property
    def _accuracies(self) -> dict[str, Accuracy]:
        return accuracies.of_variants(self.tidy)

    @cached_property
    def _variants(self) -> dict[object, str]:
        """Of each node its variant."""
        return dict(zip(self.results["node"], self.results["variant"], strict=True))

    @cached_property
    def _nets(self) -> pd.DataFrame:
        return nets.of(speed.with_times(self.tidy))

    @cached_property
    def _times(self) -> pd.DataFrame:
        return speed.speed_ups(self.tidy)

    @cached_property
    def _compared(self) -> pd.DataFrame:
        return published.compare(self.config["published"], speed.with_times(self.tidy), self.config)


@dataclass(frozen=True)
class RunView:
    """A whole run: its tidy tables, and the view of each study by name, in the order of the config."""

    tidy: Tidy
    studies: dict[str, StudyView]
    counts: Sequence[dict] = ()  # of published nets, built at their published width (`Published.shapes`)

    @property
    def results(self) -> pd.DataFrame:
        """One row per node, of all studies."""
        return self.tidy.results

    @property
    def latency(self) -> pd.DataFrame:
        """One row per timed node and batch size, of all studies."""
        return self.tidy.latency


def view_of(folder: str | Path, config: dict) -> StudyView:
    """The view of one study. folder: of the tidy tables; config: the study's checked config."""
    return StudyView(config, tidy.load(folder).of(config["name"]))


def view_of_run(folder: str | Path, configs: dict[str, dict]) -> RunView:
    """The view of a run. folder: of the tidy tables; configs: the checked configs of its studies by name."""
    tables = tidy.load(folder)
    views = {name: StudyView(config, tables.of(name)) for name, config in configs.items()}
    files = [Path(folder, COUNTS.format(backend)) for backend in BACKENDS]
    counts = [row for file in files if file.exists() for row in read_sealed(file)["rows"]]
    return RunView(tables, views, counts)
