"""The parts behind a priority: numerators, denominators and windows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from cases.grouping.rarity import LIKELY
from cases.scoring import ACTIVE_DAYS, DOUBT, Day


def p_abuse_parts(chances: Sequence[float], fits: Mapping[str, str]) -> dict:
    """The mean membership of those at least likely (else of all), over how many, and what each
    innocent explanation takes off it, as scoring.p_abuse multiplies them."""
    solid = [p for p in chances if p >= LIKELY]
    over = solid or list(chances)
    return {
        "mean": sum(over) / len(over) if over else 0.0,
        "over": len(over),
        "likely": bool(solid),
        "doubts": [
            {"name": name, "fit": fit, "doubt": DOUBT[fit]}
            for name, fit in fits.items()
            if DOUBT[fit]
        ],
    }


def harm_parts(days: Iterable[Day], harm_per_day: float) -> dict:
    """Weighted tokens over the last active days, as scoring.harm_per_day divides them."""
    last = sorted({row.day for row in days})[-ACTIVE_DAYS:]
    return {
        "tokens": harm_per_day * len(last),
        "days": len(last),
        "from": last[0].isoformat() if last else None,
        "to": last[-1].isoformat() if last else None,
    }


def growth_parts(
    days: Iterable[Day], *, last_day: date | None, known_days: int, silent: Sequence[str]
) -> dict:
    """Requests of both weeks, or why growth is not known, as scoring.growth decides it."""
    if last_day is None:
        return {"why": "no activity is recorded"}
    week = timedelta(days=ACTIVE_DAYS)
    now = sum(row.requests for row in days if last_day - week < row.day <= last_day)
    before = sum(row.requests for row in days if last_day - 2 * week < row.day <= last_day - week)
    parts = {"now": now, "before": before, "to": last_day.isoformat()}
    if silent:
        parts["why"] = f"{', '.join(silent)} silent: an outage must not look like a fall"
    elif known_days < 2 * ACTIVE_DAYS:
        parts["why"] = f"{known_days} days are known, it takes {2 * ACTIVE_DAYS}"
    elif not before:
        parts["why"] = "the week before had no request"
    return parts
