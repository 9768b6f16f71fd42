"""How much it matters: harm, growth, extraction and priority from rows; no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

REASONING_WEIGHT = 2.0  # a reasoning token is what a distiller wants most; it counts twice
ACTIVE_DAYS = 7
TREND_DAYS = 14
MILLION = 1_000_000
P1, P2 = 30.0, 10.0  # priority from which a case is P1, P2
DUE = {"P1": timedelta(days=1), "P2": timedelta(days=3), "P3": timedelta(days=7)}
# What a benign explanation leaves of P(abuse), by how it fits: stated, until verdicts calibrate it.
DOUBT = {
    "fits": 0.6,
    "fits in part": 0.10,
    "not ruled out": 0.03,
    "not tested": 0.01,
    "does not fit": 0.0,
}


@dataclass(frozen=True, slots=True)
class Day:
    """An account's day. None: not recorded (it is never 0). missing: hours without tokens."""

    account: int
    day: date
    requests: int
    output: int | None
    reasoning: int | None
    hours: int
    missing: int


@dataclass(frozen=True, slots=True)
class Priority:
    value: float
    p_abuse: float
    harm_per_day: float
    growth: float | None

    @property
    def says(self) -> str:
        text = f"{self.p_abuse:.2f} × {self.harm_per_day / MILLION:,.1f} M tokens a day"
        if self.growth is None:
            return text + "; growth not known"
        return text + f" × {1 + max(self.growth, 0):.2f}"


def weigh(output: int | None, reasoning: int | None) -> float:
    """Tokens as harm: output, in which reasoning (part of it) counts REASONING_WEIGHT times."""
    output = output or 0
    return output + (REASONING_WEIGHT - 1) * min(reasoning or 0, output)


def harm_per_day(days: Iterable[Day], chance: Mapping[int, float]) -> float:
    """Weighted output tokens a day over the last seven active days, each account by the
    probability that it belongs."""
    by_day: dict[date, float] = {}
    for row in days:
        worth = weigh(row.output, row.reasoning) * chance.get(row.account, 0.0)
        by_day[row.day] = by_day.get(row.day, 0.0) + worth
    last = sorted(by_day)[-ACTIVE_DAYS:]
    return sum(by_day[day] for day in last) / len(last) if last else 0.0


def growth(
    days: Iterable[Day], *, last_day: date, known_days: int, silent: bool = False
) -> float | None:
    """Requests of the last seven days over the seven before, minus 1.

    None when fewer than 14 days are known, when the earlier week is empty, or when a detector is
    silent: an outage must not look like a fall.
    """
    if silent or known_days < 2 * ACTIVE_DAYS:
        return None
    now = before = 0
    for row in days:
        age = (last_day - row.day).days
        if 0 <= age < ACTIVE_DAYS:
            now += row.requests
        elif age < 2 * ACTIVE_DAYS:
            before += row.requests
    return now / before - 1 if before else None


def trend(days: Iterable[Day], *, last_day: date) -> list[float]:
    """Requests a day over the 14 days that end with last_day."""
    counts = [0.0] * TREND_DAYS
    for row in days:
        age = (last_day - row.day).days
        if 0 <= age < TREND_DAYS:
            counts[TREND_DAYS - 1 - age] += row.requests
    return counts


def extraction(days: Sequence[Day], chance: Mapping[int, float], core: frozenset[int]) -> dict:
    """Output tokens taken, as a range: core only, weighted by probability, all members."""
    known = [row for row in days if row.output is not None]
    return {
        "core": sum(row.output for row in known if row.account in core),
        "weighted": round(sum(row.output * chance.get(row.account, 0.0) for row in known)),
        "all": sum(row.output for row in known),
        "since": min((row.day for row in days), default=None),
        "hours_known": sum(row.hours - row.missing for row in days),
        "hours_missing": sum(row.missing for row in days),
    }


def p_abuse(chances: Sequence[float], fits: Iterable[str]) -> float:
    """P(abuse) = mean membership of those at least likely × Π (1 − doubt) over the explanations.

    Without likely members, the mean of all. An explanation leaves a doubt by how it fits (DOUBT).
    """
    solid = [p for p in chances if p >= 0.70] or list(chances)
    answer = sum(solid) / len(solid) if solid else 0.0
    for fit in fits:
        answer *= 1 - DOUBT[fit]
    return answer


def priority(p_abuse: float, harm_per_day: float, growth: float | None) -> Priority:
    """P(abuse) × millions of tokens a day × (1 + growth), growth floored at 0 so that a steady
    campaign stays where it is."""
    factor = 1 + max(growth or 0.0, 0.0)
    return Priority(p_abuse * harm_per_day / MILLION * factor, p_abuse, harm_per_day, growth)


def level(value: float) -> str:
    return "P1" if value >= P1 else "P2" if value >= P2 else "P3"


def due_at(value: float, opened_at: datetime) -> datetime:
    return opened_at + DUE[level(value)]
