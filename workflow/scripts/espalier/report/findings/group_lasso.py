"""What group lasso does to weights and filters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from espalier.analysis import registered, selections
from espalier.analysis.labels import net_names
from espalier.analysis.statistics import SEEDS, Values, Verdict, compare, correct, over_seeds
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import ONE_SEED
from espalier.analysis.zeros import zeros
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import PUBLISHED, Fact, Finding, fact
from espalier.report.findings.words import listed, reference, scatter
from espalier.report.table import number


@dataclass(frozen=True)
class Counted:
    """A net whose weights under the threshold were set to zero: its row, by seed the percentage of its weights that are
    zero, and its dead filters, of how many; none, if no convolution was counted by filter."""

    row: pd.Series
    sparsity: Values
    by_seed: Values
    filters: int

    @property
    def dead(self) -> tuple[int, ...]:
        return tuple(int(number) for number in self.by_seed.values())

    @property
    def mean_dead(self) -> float:
        return sum(self.dead) / len(self.dead) if self.dead else 0.0

    @property
    def dead_words(self) -> str:
        """The fewest and the most of a seed."""
        if not self.dead:
            return "none counted"
        return f"{' to '.join(map(str, sorted({min(self.dead), max(self.dead)})))} of {self.filters}"


@register(
    FindingItem("sparse_filters", title="What a penalty on filters makes zero", when=selections.thresholded_penalised)
)
def sparse_filters(view: StudyView) -> Finding:
    """Weights under the threshold and dead filters, after training with a penalty and without; the net without them."""
    nets = view.nets_of(selections.thresholded_penalised)
    plain, after = nets[nets["penalty"].isna()].iloc[0], nets[nets["penalty"].notna()]
    best = after.loc[after["sparsity"].idxmax()]
    one, other = (_counted(view, row) for row in (best, plain))
    verdict, word = _verdict(one, other)
    shares = f"{_percent(best)} of the parameters are under the threshold after {best['penalty']} training"
    return Finding(
        question=f"Does {best['penalty']} make weights, and whole filters, zero?",
        facts=(*_facts(one), *_facts(other), *_facts_taken_out(view), *_published_facts(view)),
        verdict=verdict,
        n=int(nets["n"].min()),
        answer=f"{word}: {shares}, {_percent(plain)} after plain training; dead filters: {one.dead_words} against "
        f"{other.dead_words}.",
        evidence=f"Threshold {best['threshold']:g}. Top-1 with those weights at zero: {number(best['top1'], 2)}, plain "
        f"{number(plain['top1'], 2)}. {_words_taken_out(view)}{scatter(nets).strip()}",
        definition="Parameters, biases too, whose absolute value is below the threshold; a filter is dead if all its "
        "weights are. Shares are means over the seeds; of dead filters the fewest and the most of a seed are given. "
        "Both count as more if they are seed by seed (Student, corrected for the two by Holm's method).",
        published=_published_words(view),
        headline=f"{shares}, {_percent(plain)} without it; dead filters: {one.dead_words}",
    )


def _counted(view: StudyView, row: pd.Series) -> Counted:
    """A net with its dead filters. Those of a net that was fine-tuned are counted right after pruning."""
    nodes = view.results[["node", "variant"]]
    filters = zeros(view).merge(nodes, on="node")
    variant = nodes.set_index("node").loc[row["node"], "variant"]
    seeds = filters[filters["variant"] == variant].groupby("seed")["dead"]
    dead = {int(str(seed)): float(number) for seed, number in seeds.sum().items()}
    nets = view.results[view.results["variant"] == variant]
    sparsity = dict(zip(nets["seed"].astype(int), nets["sparsity"].astype(float), strict=True))
    return Counted(row, sparsity, dead, int(seeds.size().iloc[0]) if dead else 0)


def _verdict(one: Counted, other: Counted) -> tuple[Verdict | None, str]:
    """Whether the penalty made more weights zero, and more whole filters: of a net trained with it, and without; None
    of one seed."""
    differences = [over_seeds(one.sparsity, other.sparsity), over_seeds(one.by_seed, other.by_seed)]
    if differences[0].n < SEEDS:
        return None, f"{ONE_SEED.capitalize()}"
    weights, filters = (each.verdict for each in correct([compare(difference) for difference in differences]))
    if weights == filters == Verdict.WON:
        return Verdict.WON, "Yes"
    if weights == Verdict.LOST:
        return Verdict.LOST, "No"
    words = "Weights yes, whole filters cannot be told" if weights == Verdict.WON else "It cannot be told"
    return Verdict.UNDECIDED, words


def _facts(counted: Counted) -> list[Fact]:
    """Sparsity in percent, top-1, and dead filters: the mean over seeds, the fewest and the most of a seed."""
    row = counted.row
    penalty = "none" if pd.isna(row["penalty"]) else row["penalty"]
    facts = [fact(name, row[name], penalty=penalty) for name in ("sparsity", "top1")]
    if counted.dead:
        dead = {"": counted.mean_dead, "_fewest": min(counted.dead), "_most": max(counted.dead)}
        facts += [fact(f"dead_filters{name}", number, penalty=penalty) for name, number in dead.items()]
        facts += [fact("filters", counted.filters, penalty=penalty)]
    return facts


def _taken_out(view: StudyView) -> pd.DataFrame:
    """The nets that dead filters were physically removed from."""
    nets = view.pruned
    nets = nets[nets["threshold"].notna() & ~registered.masked(nets)]
    return nets.assign(net=net_names(nets))


def _facts_taken_out(view: StudyView) -> list[Fact]:
    names = {"times_fewer_params": "compression", "times_fewer_macs": "speed_up", "top1_before": "before"}
    names |= {"top1": "after", "drop": "drop"}
    rows = [row for _, row in _taken_out(view).iterrows()]
    return [fact(name, row[column], net=row["net"]) for row in rows for name, column in names.items()]


def _words_taken_out(view: StudyView) -> str:
    nets = _taken_out(view)
    if nets.empty:
        return ""
    dense, _ = reference(nets)
    words = listed(
        f"{row['net']}: {row['compression']:.2f} times fewer parameters, {row['speed_up']:.2f} times fewer MACs, "
        f"top-1 {_accuracies(row)}{_against(row, dense)}"
        for _, row in nets.iterrows()
    )
    return f"With the dead filters taken out, {words}. "


def _against(row: pd.Series, dense: str) -> str:
    """The accuracy of the net's reference, if it has one."""
    top1 = row["reference_top1"]
    return " (no dense net of equal epochs)" if pd.isna(top1) else f" ({dense} {number(top1, 2)})"


def _accuracies(row: pd.Series) -> str:
    words = {"before": "right after", "after": "after fine-tuning"}
    return ", ".join(f"{number(row[key], 2)} {when}" for key, when in words.items() if pd.notna(row[key]))


def _percent(row: pd.Series) -> str:
    return f"{number(row['sparsity'], 2)} %"


def _published_rows(view: StudyView) -> pd.DataFrame:
    """The published counts of all layers together, a row for each run."""
    counts = view.published_by_layer
    counts = counts[counts["layer"] == "all"]
    return counts.assign(sparsity=100 * counts["sparse"] / counts["total"])


def _published_facts(view: StudyView) -> list[Fact]:
    facts = [fact("sparsity", row["sparsity"], run=str(row["run"])) for _, row in _published_rows(view).iterrows()]
    return [replace(sparsity, source=PUBLISHED) for sparsity in facts]


def _published_words(view: StudyView) -> str:
    return " ".join(
        f"Run {row['run']}: {row['sparsity']:.3f} % ({row['sparse']} of {row['total']})."
        for _, row in _published_rows(view).iterrows()
    )
