"""How much is found of what there is, from labels of accounts drawn by lot. Pure.

What is missed below the threshold is Σ over strata of N·y/n, each positive weighted by the inverse
of its chance to be drawn (Horvitz and Thompson, J. Am. Stat. Assoc. 47 (1952) 663), with the
interval of cases.sampling.weighted: Wilson's limits a stratum, combined by MOVER.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cases.sampling import Interval, Stratum, weighted

NEEDED = 10  # positives among the drawn, below which an estimate would be guesswork


class Week(NamedTuple):
    """One stratum of one week: its size, how many drawn have a label, how many are positive."""

    stratum: str
    size: int
    labelled: int
    positive: int


class Recall(NamedTuple):
    """found: positives that the desk found itself; missed: those below the threshold. Without an
    estimate `recall` and its limits are None."""

    found: int
    labelled: int
    positive: int
    missed: Interval
    recall: float | None
    low: float | None
    high: float | None

    @property
    def says(self) -> str:
        if self.recall is None:
            return (
                f"Not estimable: {self.positive:,} of {self.labelled:,} labelled by lot were "
                f"found positive, and {NEEDED} are needed."
            )
        return (
            f"Recall {self.recall:.0%} (95 %: {self.low:.0%} to {self.high:.0%}): {self.found:,} "
            f"found, {self.missed.at_least:,} to {self.missed.at_most:,} missed, by "
            f"{self.labelled:,} labels drawn by lot."
        )


def recall(weeks: Iterable[Week], *, found: int) -> Recall:
    """Weeks are looks at one population: sizes are averaged, labels of a stratum are pooled."""
    sizes: dict[str, list[int]] = {}
    counts: dict[str, list[int]] = {}
    for week in weeks:
        sizes.setdefault(week.stratum, []).append(week.size)
        tally = counts.setdefault(week.stratum, [0, 0])
        tally[0] += week.labelled
        tally[1] += week.positive
    strata = [
        Stratum(max(round(sum(of) / len(of)), counts[name][0]), *counts[name], counts[name][1])
        for name, of in sizes.items()
    ]
    missed = weighted(strata)
    labelled, positive = sum(s.drawn for s in strata), sum(s.surely for s in strata)
    if positive < NEEDED or not found:
        return Recall(found, labelled, positive, missed, None, None, None)
    return Recall(
        found, labelled, positive, missed,
        found / (found + missed.estimate), found / (found + missed.high),
        found / (found + missed.low),
    )  # fmt: skip
