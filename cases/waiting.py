"""How long things take when some are not done yet. Pure."""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

STEPS = 20  # bins of a logarithmic scale, so that a time is told within 5 %


class Bin(NamedTuple):
    """Things that took about as long. done: that many ended then; open: had waited so long and
    were not done yet when somebody looked."""

    place: int
    done: int
    open: int


class Waiting(NamedTuple):
    """Times of `done` things that ended and `open` that wait still. None: fewer than that share had
    ended within any time that was watched, so nobody knows."""

    done: int
    open: int
    median: timedelta | None
    ninetieth: timedelta | None


def place(seconds: float) -> int:
    """The bin of a time: floor(STEPS · ln(1 + minutes)), as SQL computes it too."""
    return math.floor(STEPS * math.log1p(max(seconds, 0) / 60))


def waiting(bins: Iterable[Bin]) -> Waiting:
    """Quantiles by the product limit (Kaplan and Meier, J. Am. Stat. Assoc. 53 (1958) 457).

    Leaving out what is still open would show the quick ones only. A thing that was open in a bin is
    taken to have outlasted those that ended in it. A quantile is the middle of its bin.
    """
    rows = sorted(row for row in bins if row.done or row.open)
    at_risk = sum(row.done + row.open for row in rows)
    done, still_open = sum(row.done for row in rows), sum(row.open for row in rows)
    left = 1.0
    found: dict[float, timedelta] = {}
    for row in rows:
        left *= 1 - row.done / at_risk
        at_risk -= row.done + row.open
        for share in (0.5, 0.9):
            if share not in found and left <= 1 - share + 1e-12:
                found[share] = timedelta(minutes=math.expm1((row.place + 0.5) / STEPS))
    return Waiting(done, still_open, found.get(0.5), found.get(0.9))
