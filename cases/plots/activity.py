"""Requests over time, stacked by tier or by account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .layout import (
    POINTS_MAX,
    Mark,
    Shade,
    add_names,
    base,
    count_axis,
    moment,
    named,
    period,
    time_axis,
)


@dataclass(frozen=True)
class Series:
    """One layer of the stack: requests per bin, with the CSS token of its colour."""

    name: str
    values: Sequence[int]
    token: str


def activity(
    start: datetime,
    hours: int,
    series: Sequence[Series],
    *,
    marks: Sequence[Mark] = (),
    shades: Sequence[Shade] = (),
) -> dict:
    """Stacked bars: bin i covers `hours` hours from start + i × hours. All series are equally long.

    Raises ValueError above POINTS_MAX points.
    """
    bins = max((len(s.values) for s in series), default=0)
    points = bins * len(series)
    if points > POINTS_MAX:
        raise ValueError(f"{points} points in a figure that may hold {POINTS_MAX}")
    step = timedelta(hours=hours)
    end = start + step * max(bins, 1)
    starts = [moment(start + step * i) for i in range(bins)]
    layout = base()
    layout |= {"barmode": "stack", "bargap": 0, "hovermode": "x unified"}
    layout["xaxis"], layout["yaxis"] = time_axis(start, end), count_axis()
    add_names(layout, marks, shades, start, end)
    totals = [sum(column) for column in zip(*(s.values for s in series), strict=True)]
    data = [
        {
            "type": "bar",
            "name": named(s.name),
            "x": starts,
            "y": list(s.values),
            **period(start, step),
            "marker": {"color": s.token, "line": {"width": 0}},
            "hovertemplate": "%{y:,}",
        }
        for s in series
    ]
    return {
        "data": data,
        "layout": layout,
        "say": _say(hours, bins, totals),
        "key": [{"token": s.token, "label": s.name} for s in series],
        "points": points,
    }


def _say(hours: int, bins: int, totals: list[int]) -> str:
    if not sum(totals):
        return "No request of a member is recorded in this time."
    unit = "an hour" if hours == 1 else f"{hours} hours" if hours < 24 else "a day"
    if hours > 24:
        unit = f"{hours // 24} days"
    peak = max(totals)
    busy = sum(1 for total in totals if total)
    third = max(1, len(totals) // 3)
    before, after = sum(totals[:third]), sum(totals[-third:])
    if before and after > 1.25 * before:
        trend = f"it grows: the last third carries {after / before:.1f} times the first"
    elif before and after < before / 1.25:
        trend = f"it shrinks: the last third carries {100 * after / before:.0f} % of the first"
    elif before:
        trend = "it holds steady from first to last"
    else:
        trend = "nothing in the first third"
    rest = "" if busy == bins else f", {bins - busy} of {bins} bins are silent"
    return f"Up to {peak:,} requests in {unit}; {trend}{rest}."
