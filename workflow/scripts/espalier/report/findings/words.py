"""Words that findings share."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from espalier.analysis.labels import floor_label
from espalier.analysis.nets import untouched
from espalier.analysis.statistics import Interval, Verdict
from espalier.analysis.study import StudyView
from espalier.analysis.verdicts import ONE_SEED, Claim, Contest, claim_word, claims
from espalier.report.table import number

SOME = 4  # more nets than that are not listed by name


def listed(parts: Iterable[str], none: str = "none") -> str:
    """Parts in a row.

    >>> listed(["a", "b", "c"]), listed(["a"]), listed([])
    ('a, b and c', 'a', 'none')
    """
    parts = list(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else (parts[0] if parts else none)


def percent(share: float) -> str:
    """A share between 0 and 1, "60 %", with a space that is not broken.

    >>> percent(0.0625)
    '6.25\\xa0%'
    """
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def points(limit: float) -> str:
    """Points of top-1.

    >>> points(1), points(0.5)
    ('1 point', '0.5 points')
    """
    return f"{limit:g} point{'' if limit == 1 else 's'}"


def seeds(n: int) -> str:
    """How far a comparison can be trusted."""
    return f"mean of {n} seeds" if n > 1 else ONE_SEED


def comparisons(verdicts: Iterable[Verdict | None], behind: str = "lost") -> str:
    """How many comparisons were won, and what became of the others.

    >>> comparisons([Verdict.WON, Verdict.UNDECIDED, Verdict.UNDECIDED])
    '1 of 3 comparisons (2 undecided)'
    >>> comparisons([Verdict.WON, None]), comparisons([None, None])
    ('1 of 2 comparisons (1 without a verdict)', 'no comparison with a verdict (of 2)')
    """
    verdicts = list(verdicts)
    if not any(verdicts):
        return f"no comparison with a verdict (of {len(verdicts)})"
    names = {Verdict.UNDECIDED: "undecided", Verdict.LOST: behind, None: "without a verdict"}
    others = [f"{verdicts.count(verdict)} {name}" for verdict, name in names.items() if verdict in verdicts]
    words = f"{verdicts.count(Verdict.WON)} of {len(verdicts)} comparisons"
    return words + (f" ({', '.join(others)})" if others else "")


def lead(contest: Contest) -> str:
    """A difference with its interval and the verdict: "+1.58 points [+0.70, +2.46], won"."""
    reason = contest.unfair or ONE_SEED
    return f"{_signed(contest.lead)} points{interval(contest.interval)}, {contest.verdict or reason}"


def drop(claim: Claim) -> str:
    """A drop with its bounds and the verdict: "0.79 points below, bounds of the drop [0.33, 1.25], undecided"."""
    return f"{below(claim.drop)}{interval(claim.bounds, ', bounds of the drop ')}, {claim_word(claim.verdict)}"


def chosen(claim: Claim) -> str:
    """The same of a net that was chosen by validation images. On the test images it may lose more than the limit."""
    more = claim.drop > claim.within.limit
    return drop(claim) + (f"; by validation images it is within {points(claim.within.limit)}" if more else "")


def claims_of(view: StudyView, nets: pd.DataFrame, limit: float) -> list[Claim]:
    """The claim of each net that it is at most `limit` points below its reference, all of them one family."""
    return claims((row for _, row in nets.iterrows()), limit, view.accuracy, view.reference)


def claimed(claims: list[Claim]) -> str:
    """How many claims are shown, how many are not so, and how many cannot be told; with one seed, the means."""
    verdicts = [claim.verdict for claim in claims]
    if not any(verdicts):
        near = sum(claim.drop <= claim.within.limit for claim in claims)
        return f"{near} of {len(claims)} nets by their accuracy, {ONE_SEED}"
    parts = [f"{verdicts.count(v)} {claim_word(v)}" for v in (Verdict.LOST, Verdict.UNDECIDED, None) if v in verdicts]
    return f"{verdicts.count(Verdict.WON)} of {len(claims)} nets shown" + (f", {', '.join(parts)}" if parts else "")


def chosen_by(validated: bool) -> str:
    """A sentence on what a net was chosen by. validated: whether the accuracies on validation images are known."""
    if validated:
        return "It is chosen by accuracy on the validation images; its drop is that on the test images."
    return "It is chosen by accuracy on the test images, which flatters it: that on validation images is not known."


def below(points_below: float) -> str:
    """How far a net is below another: "0.79 points below", "0.40 points above".

    >>> below(0.794), below(-0.4), below(0.0)
    ('0.79 points below', '0.40 points above', '0.00 points below')
    """
    return f"{number(abs(points_below), 2)} points {'above' if points_below < 0 else 'below'}"


def interval(of: Interval | None, name: str = " ") -> str:
    """An interval in brackets; "" where it is not known.

    >>> interval(Interval(-0.4, 1.25), ", bounds of the drop ")
    ', bounds of the drop [−0.40, +1.25]'
    """
    return "" if of is None else f"{name}[{_signed(of.low)}, {_signed(of.high)}]"


def _signed(value: float) -> str:
    return number(value, 2, signed=True)


def within(limit: float, nets: pd.DataFrame, of: str = "") -> str:
    """ "Within 1 point of dense"; where that is less than one test image, it says so."""
    words = f"Within {points(limit)}{f' of {of}' if of else ''}"
    return words + (f" ({less})" if (less := less_than_an_image(limit, nets)) else "")


def less_than_an_image(limit: float, nets: pd.DataFrame) -> str:
    """A remark on so many points of top-1 where they are less than one test image of these nets; else ""."""
    images = nets["test_images"].min() if "test_images" in nets else float("nan")
    return f"less than one of the {images:g} test images" if limit < 100 / images else ""


def scatter(nets: pd.DataFrame) -> str:
    """A sentence on how many seeds there are, and what one test image is worth; it begins with a space."""
    images = nets["test_images"].dropna() if "test_images" in nets else pd.Series(dtype=float)
    words = seeds(int(nets["n"].min()))
    if not images.empty:
        words += f"; one of the {images.iloc[0]:g} test images is {number(100 / images.iloc[0], 2)} points"
    return f" {words[0].upper()}{words[1:]}."


def reference(nets: pd.DataFrame) -> tuple[str, str]:
    """What `drop` of nets (see nets.of) is counted from, in words, and sentences on the nets that are compared with
    nothing; they begin with a space."""
    name = "dense" if (nets["reference"] == nets["dense"]).all() else "the dense net of equal epochs"
    if nets["reference_penalty"].notna().any():
        name = "the unpruned net of equal epochs and penalty"
    alone, nothing = nets["reference"].isna(), untouched(nets)
    remarks = [
        f" No dense net of equal epochs, and so not compared: {_some(nets[alone])}." if alone.any() else "",
        f" Nothing was removed, and so not compared: {_some(nets[nothing])}." if nothing.any() else "",
    ]
    return name, "".join(remarks)


def floors(nets: pd.DataFrame) -> str:
    """A sentence on the nets with layers at the least that a layer keeps, where nothing was left to choose; it begins
    with a space; "" if there are none. nets: with the column `net`, their name."""
    remarks = [f"{net['net']} ({words})" for _, net in nets.iterrows() if (words := floor_label(net))]
    return f" Nothing was left to choose in some layers: {'; '.join(remarks)}." if remarks else ""


def comparable(nets: pd.DataFrame) -> pd.DataFrame:
    """The nets that are compared with their reference: those that have one, and that something was done to."""
    return nets[nets["reference"].notna() & ~untouched(nets)]


def _some(nets: pd.DataFrame) -> str:
    """The names of a few nets, or how many there are."""
    names = list(dict.fromkeys(nets["net"])) if "net" in nets else []
    return listed(names) if 0 < len(names) <= SOME else f"{len(nets)} net{'' if len(nets) == 1 else 's'}"
