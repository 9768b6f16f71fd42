"""Requests by hour of the week: people rest, schedulers do not."""

from collections.abc import Sequence

from .layout import base
from .shades import key, scale, steps

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def week(counts: Sequence[Sequence[int]]) -> dict:
    """counts[d][h]: requests on weekday d (0 is Monday) in hour h, UTC."""
    limits = steps(max(max(row) for row in counts))
    layout = base(left=44)
    layout["xaxis"] = {
        "tickvals": list(range(0, 24, 3)),
        "ticktext": [f"{hour:02d}" for hour in range(0, 24, 3)],
        "showgrid": False, "zeroline": False, "fixedrange": True, "range": [-0.5, 23.5],
        "ticks": "outside", "ticklen": 3, "tickcolor": "--line-3", "linecolor": "--line-3",
    }  # fmt: skip
    layout["yaxis"] = {
        "autorange": "reversed", "tickvals": list(range(7)), "ticktext": list(DAYS),
        "showgrid": False, "zeroline": False, "fixedrange": True, "ticks": "",
    }  # fmt: skip
    data = [
        {
            "type": "heatmap",
            "x": list(range(24)),
            "y": list(range(7)),
            "z": [list(row) for row in counts],
            "zmin": 0,
            "zmax": limits[-1],
            "colorscale": scale(limits),
            "showscale": False,
            "xgap": 1,
            "ygap": 1,
            "hovertemplate": "%{y} %{x}:00 UTC<br>%{z:,} requests<extra></extra>",
        }
    ]
    return {
        "data": data,
        "layout": layout,
        "say": _say(counts),
        "key": key(limits),
        "points": 7 * 24,
    }


def _say(counts: Sequence[Sequence[int]]) -> str:
    hours = [sum(row[h] for row in counts) for h in range(24)]
    total = sum(hours)
    if not total:
        return "No request of a member is recorded."
    mean = total / 24
    # the quietest six hours in a row, over midnight too
    spans = [sum(hours[(h + i) % 24] for i in range(6)) for h in range(24)]
    quiet = min(range(24), key=lambda h: spans[h])
    share = spans[quiet] / 6 / mean
    when = f"{quiet:02d}–{(quiet + 6) % 24:02d} UTC"
    weekend = (sum(counts[5]) + sum(counts[6])) / 2
    workday = sum(map(sum, counts[:5])) / 5
    ends = ""
    if workday and weekend < 0.5 * workday:
        ends = f"; a weekend day has {100 * weekend / workday:.0f} % of a working day"
    carry = f"{100 * share:.0f} % of the mean{ends}"
    if share > 0.6:
        return f"No night: even the quietest six hours, {when}, carry {carry}."
    if share < 0.2:
        return f"A night, as people keep it: {when} carries {carry}."
    return f"Quietest at {when}, with {carry}."
