"""Prune, quantize, or both? And what does 8-bit arithmetic do to the time?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from espalier.analysis import operators, registered, selections
from espalier.analysis.choices import Choice, by_validation, claims_with_drops, first
from espalier.analysis.labels import net_names
from espalier.analysis.nets import KINDS, LIMITS, NEAR
from espalier.analysis.operators import Profile
from espalier.analysis.speed import Gain, noise_of
from espalier.analysis.statistics import SEEDS
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import ONE_SEED, WITHIN_RULE, Claim, overall, tally
from espalier.columns import MIB
from espalier.registry import FindingItem, register
from espalier.report.findings.finding import PUBLISHED, Fact, Finding, fact, fact_of_claim, fact_of_times
from espalier.report.findings.words import chosen, chosen_by, comparable, listed, reference, scatter, within
from espalier.report.table import number

WAYS = dict(zip(KINDS, ("Prune", "Quantize", "Both"), strict=True))
SHOWN = 3  # kinds of operators that facts are given of
Smallest = dict[float, dict[str, Choice]]  # limit -> kind -> the smallest net


@register(FindingItem("prune_or_quantize", title="Prune, quantize, or both?", when=selections.quantized, rank=2))
def prune_or_quantize(view: StudyView) -> Finding:
    """The smallest zipped file within half a point, one and two points of dense, by pruning, quantizing, and both."""
    nets = view.compressed
    nets = nets.assign(net=net_names(nets))[~registered.exported(nets)]
    dense, caution = reference(nets)
    found = {limit: _smallest(view, nets, limit) for limit in LIMITS}
    return Finding(
        question="Prune, quantize, or both?",
        facts=_facts(found),
        n=int(nets["n"].min()),
        answer=f"{_answer_of(found[NEAR])} {within(NEAR, nets, dense)}, {_words(found[NEAR], nets)}.{caution}"
        + scatter(nets),
        evidence=" ".join(f"{within(limit, nets)}: {_words(found[limit], nets)}." for limit in LIMITS if limit != NEAR),
        definition="Of the nets that were only pruned, only quantized, and both, and are at most so many points "
        f"below {dense}: the one whose saved file is smallest, zipped. The answer is the way of the smallest that is "
        f"shown to be. {chosen_by(by_validation(view, comparable(nets)))} {WITHIN_RULE} "
        "An export as float32 counts as neither.",
    )


def _smallest(view: StudyView, nets: pd.DataFrame, limit: float) -> dict[str, Choice]:
    """By kind the smallest net within a limit; all nets are one family of claims."""
    claims = claims_with_drops(view, comparable(nets), limit)
    return {kind: first([each for each in claims if each[0].net["kind"] == kind], "smaller", limit) for kind in KINDS}


def _best(found: dict[str, Choice]) -> Claim | None:
    """The smallest net of all that is shown to be within the limit."""
    shown = [choice.shown for choice in found.values() if choice.shown is not None]
    return max(shown, key=lambda claim: claim.net["smaller"], default=None)


def _answer_of(found: dict[str, Choice]) -> str:
    """Which way makes the smallest file that is shown to be good enough; which way may make a smaller one."""
    named = [choice.named for choice in found.values() if choice.named is not None]
    best = _best(found)
    if best is None:
        if any(claim.n < SEEDS for claim in named):
            return f"{ONE_SEED.capitalize()}."
        return "None is shown to be good enough." if named else "None is good enough."
    better = [claim.net["kind"] for claim in named if claim.net["smaller"] > best.net["smaller"]]
    return (
        f"{WAYS[best.net['kind']]} is shown{f'; a smaller file by {listed(better)} cannot be told' if better else ''}."
    )


def _facts(found: Smallest) -> tuple[Fact, ...]:
    """The smallest net that is shown within each limit, and the smallest of each kind that was chosen."""
    facts = []
    for limit, choices in found.items():
        best = _best(choices)
        if best is not None:
            facts.append(fact("largest_times_smaller", best.net["smaller"], limit=limit, **_which(best)))
        for choice in choices.values():
            if (claim := choice.named) is not None:
                for name, column in (("times_smaller", "smaller"), ("zipped_bytes", "zipped_bytes")):
                    facts.append(fact(name, claim.net[column], limit=limit, **_which(claim)))
                facts.append(fact_of_claim(claim, f"prune_or_quantize, {limit:g}", **_which(claim)))
    return tuple(facts)


def _which(claim: Claim) -> dict[str, str]:
    return {"kind": claim.net["kind"], "net": claim.net["net"]}


def _words(found: dict[str, Choice], nets: pd.DataFrame) -> str:
    """The smallest net of each way in words."""
    parts = []
    for kind, choice in found.items():
        for claim in choice.both:
            size = f"{number(claim.net['zipped_bytes'] / MIB, 3)} MiB"
            parts.append(
                f"{kind}: {claim.net['net']}, {size}, {claim.net['smaller']:.1f} times smaller ({chosen(claim)})"
            )
        if not choice.both:
            parts.append(f"{kind}: {'none' if (nets['kind'] == kind).any() else 'not run'}")
    return "; ".join(parts)


@register(FindingItem("int8_speed", title="Whether int8 is slower or faster", when=selections.timed_int8, rank=2))
def int8_speed(view: StudyView) -> Finding | None:
    """The time of nets in 8-bit integers against the same nets in float32, in the same runtime."""
    times = _against_exports(view.times)
    if times.empty:
        return None
    gains, first, profiles = _gains(times), times.iloc[0], list(_profiles(view.times, times))
    schemes = dict.fromkeys(times["scheme"])
    medians = "; ".join(_medians(times[times["scheme"] == scheme]) for scheme in schemes)
    return Finding(
        question="Is int8 slower or faster than float32?",
        facts=(*gains, *(fact for each in profiles for fact in each.facts), *_published_facts(view)),
        verdict=overall(tally(fact.outcome for fact in gains if fact.outcome)),
        n=int(times.groupby("variant")["seed"].nunique().min()),
        answer="; ".join(_answer(scheme, [f for f in gains if f.of["scheme"] == scheme]) for scheme in schemes) + ".",
        evidence=f"Times float32 / int8, medians: {medians}. {first['runtime']}, threads: {first['threads']}."
        + _slow_static(times)
        + "".join(f" {each.words}" for each in profiles),
        definition="Median time of the same net exported as float32 / that of the quantized one, in the same runtime; "
        "faster or slower by more than the noise, what two copies of a net differ by in the same run; where it was not "
        "measured, that cannot be told. Of intervals over rounds the medians over the nets. What a "
        "call is spent on: of the net that is furthest from float32 in each scheme, by ONNX Runtime's own profile; "
        "LiteRT tells which operators it runs, and not how long each takes.",
        published=_published_words(view),
    )


@dataclass(frozen=True)
class _Spent:
    """What a call of a net in 8-bit integers is spent on. row: of its times; dense: of the same net in float32."""

    row: pd.Series
    own: Profile
    dense: Profile | None

    @property
    def facts(self) -> list[Fact]:
        of = {"net": self.row["net"], "scheme": self.row["scheme"], "batch_size": self.row["batch_size"]}
        left = fact("float_operators", sum(each.number for each in self.own.left_in_float), **of)
        if not self.own.timed:
            return [left]
        shares = [(each.name, self.own.share((each,))) for each in self.own.operators[:SHOWN]]
        return [left, *(fact("operator_share", share, operator=name, **of) for name, share in shares)]

    @property
    def words(self) -> str:
        """In a sentence."""
        of = f"{self.row['net']}, batch {self.row['batch_size']}"
        return f"{of[0].upper()}{of[1:]}: {operators.words(self.own, self.dense)}."


def _profiles(all_times: pd.DataFrame, times: pd.DataFrame) -> Iterator[_Spent]:
    """Of each scheme the net whose time is furthest from that in float32, if it is known what its call is spent on."""
    times = times.assign(net=net_names(times), off=np.log(times["gain"]).abs())
    for _, rows in times.groupby("scheme", sort=False):
        row = rows.loc[rows["off"].idxmax()]
        if own := operators.of(row):
            yield _Spent(row, own, operators.of_float(all_times, row))


def _against_exports(times: pd.DataFrame) -> pd.DataFrame:
    """The rows of nets in 8-bit integers, with `gain`: the time of the export of what they were made from / theirs, and
    its interval, `gain_low` and `gain_high`, where that is known. Where the export was not timed there is none, but for
    the dense net's: all dense nets of a study are of one shape."""
    exports = times[registered.exported(times)].set_index(["parent", "threads", "batch_size"])
    exports = exports.reindex(columns=["median_ms", "ratio_low", "ratio_high", "node", "baseline"])
    times = times[registered.int8(times)].reindex(columns=list(dict.fromkeys([*times, "ratio_low", "ratio_high"])))
    keys = pd.MultiIndex.from_frame(times[["parent", "threads", "batch_size"]])
    of_export = exports.reindex(keys).set_axis(times.index)
    float_ms = of_export["median_ms"].fillna(times["dense_ms"].where(times["kind"] == "quantized"))
    # An export's ratio to the baseline is 1 if it is that itself; else both ratios are uncertain, and their quotient
    # lies between those of their ends.
    itself = of_export["node"].isna() | (of_export["node"] == of_export["baseline"])
    low, high = (of_export[end].mask(itself, 1.0) for end in ("ratio_low", "ratio_high"))
    gains = {"gain": float_ms / times["median_ms"], "gain_low": times["ratio_low"] / high}
    return times.assign(**gains, gain_high=times["ratio_high"] / low).dropna(subset=["gain"])


def _gains(times: pd.DataFrame) -> list[Fact]:
    """The median gain of each scheme at each batch size."""
    columns = ["gain", "gain_low", "gain_high"]
    medians = times.groupby(["scheme", "batch_size"], sort=False)[columns].median()
    noise = float(noise_of(times).max())
    return [
        fact_of_times("times_faster", Gain(*map(float, row), noise=noise), scheme=scheme, batch_size=batch)
        for (scheme, batch), row in zip(medians.index, medians.to_numpy(), strict=True)
    ]


def _medians(times: pd.DataFrame) -> str:
    """The median gains of a scheme's nets by batch size, and how many nets these are."""
    count, gains = times["node"].nunique(), times.groupby("batch_size", sort=False)["gain"].median()
    nets = f"{count} net{'' if count == 1 else 's'}"
    return f"{times['scheme'].iloc[0]} ({nets}) {listed(f'{gain:.2f} at batch {b}' for b, gain in gains.items())}"


def _slow_static(times: pd.DataFrame) -> str:
    """Which nets were slower in int8 than in float32, of schemes that are not known to be slow, in a sentence that
    begins with a space; "" if none."""
    slow = times[(times["gain"] < 1 / noise_of(times)) & ~registered.known_to_be_slow(times)]
    if slow.empty:
        return ""
    nets = zip(net_names(slow), slow["batch_size"], slow["gain"], strict=True)
    return " Slower than in float32: " + "; ".join(f"{n}, at batch {b} {1 / g:.1f} times" for n, b, g in nets) + "."


def _answer(scheme: str, gains: list[Fact]) -> str:
    """What the times say of a scheme, by batch size."""
    parts = []
    for word, outcome in (("faster", "won"), ("slower", "lost")):
        times = [
            f"{max(f.value, 1 / f.value):.1f} times at batch {f.of['batch_size']}"
            for f in gains
            if f.value and f.outcome == outcome
        ]
        parts += [f"{word}, {listed(times)}"] if times else []
    return f"{scheme}: {' but '.join(parts) or 'cannot be told'}"


def _published_gains(view: StudyView) -> pd.DataFrame:
    """The published times of nets in 8-bit integers, with that of the same net in float32, of schemes that the study
    has too."""
    rows = pd.DataFrame() if view.published is None else view.published
    if "ms_per_image" not in rows:
        return pd.DataFrame(columns=["run", "scheme", "ms_per_image", "float_ms"])
    rows = rows[rows["ms_per_image"].notna() & rows["scheme"].isin(view.results["scheme"])]
    rows = rows.assign(backend=view.config["backend"])
    floats = rows[registered.exported(rows)].set_index("run")["ms_per_image"]
    rows = rows[registered.int8(rows)]
    return rows.assign(float_ms=rows["run"].map(floats))


def _published_facts(view: StudyView) -> list[Fact]:
    return [
        replace(
            fact("times_faster", r["float_ms"] / r["ms_per_image"], scheme=r["scheme"], run=r["run"]), source=PUBLISHED
        )
        for _, r in _published_gains(view).iterrows()
    ]


def _published_words(view: StudyView) -> str:
    return " ".join(
        f"Run {row['run']}: {row['scheme']} {row['ms_per_image']:g} ms for one image against {row['float_ms']:g}, "
        f"{row['ms_per_image'] / row['float_ms']:.1f} times slower."
        for _, row in _published_gains(view).iterrows()
    )
