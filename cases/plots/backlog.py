"""The desk's work over time: what came, what was decided, what is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from .layout import base, count_axis, moment, period, time_axis

DAY = timedelta(days=1)


@dataclass(frozen=True)
class WorkDay:
    """A day in UTC. opened: new or back again; left: open at its end."""

    day: date
    opened: int
    decided: int
    left: int


def backlog(days: Sequence[WorkDay]) -> dict:
    """Bars of what came and what was decided beside the line of what was open at each day's end."""
    layout = base()
    layout |= {"barmode": "group", "bargap": 0.25, "hovermode": "x unified"}
    starts = [datetime.combine(one.day, time(), UTC) for one in days]
    if days:
        layout["xaxis"] = time_axis(starts[0], starts[-1] + DAY)
    layout["yaxis"] = count_axis()
    series = [
        ("opened", "--s1", [one.opened for one in days]),
        ("decided", "--s3", [one.decided for one in days]),
    ]
    data = [
        {
            "type": "bar", "name": name, "x": [moment(at) for at in starts], "y": counts,
            "marker": {"color": token, "line": {"width": 0}}, "hovertemplate": "%{y:,}",
        } | (period(starts[0], DAY) if days else {})
        for name, token, counts in series
    ]  # fmt: skip
    data.append(
        {
            "type": "scatter", "mode": "lines", "name": "open at the day’s end",
            "x": [moment(at) for at in starts], "y": [one.left for one in days],
            "line": {"color": "--ink", "width": 1.5, "shape": "hvh"}, "hovertemplate": "%{y:,}",
        } | (period(starts[0], DAY) if days else {})
    )  # fmt: skip
    key = [{"token": token, "label": name} for name, token, _ in series]
    key.append({"token": "--ink", "label": "open at the day’s end"})
    return {
        "data": data, "layout": layout, "say": say(days), "key": key, "points": 3 * len(days),
    }  # fmt: skip


def say(days: Sequence[WorkDay]) -> str:
    if not days or not any(one.opened or one.decided or one.left for one in days):
        return "No case was open in this time."
    first, last = days[0], days[-1]
    before = first.left - first.opened + first.decided
    opened, decided = sum(one.opened for one in days), sum(one.decided for one in days)
    moved = last.left - before
    trend = (
        "is where it was" if not moved else f"{'grew' if moved > 0 else 'shrank'} by {abs(moved):,}"
    )
    return (
        f"{opened:,} came and {decided:,} were decided: the backlog {trend}, to {last.left:,} open."
    )
