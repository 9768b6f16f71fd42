"""Requests by account and time: load balancing shows as stripes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt

from .layout import POINTS_MAX, Mark, Shade, add_names, base, moment, named, period, time_axis
from .shades import key, scale, steps


def heat(
    start: datetime,
    hours: int,
    accounts: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    of: int,
    marks: Sequence[Mark] = (),
    shades: Sequence[Shade] = (),
) -> dict:
    """counts[i][j]: requests of accounts[i] in bin j, which covers `hours` hours.

    Rows are put in an order in which accounts that work at the same times are neighbours. `of` is
    how many members there are: these may be the busiest of them. Raises ValueError above
    POINTS_MAX cells.
    """
    bins = max((len(row) for row in counts), default=0)
    points = bins * len(counts)
    if points > POINTS_MAX:
        raise ValueError(f"{points} cells in a figure that may hold {POINTS_MAX}")
    order = in_order(counts)
    rows = [list(counts[i]) for i in order]
    names = _unlike([named(accounts[i], 18) for i in order])
    step = timedelta(hours=hours)
    end = start + step * max(bins, 1)
    limits = steps(max((max(row, default=0) for row in rows), default=0))
    layout = base(left=112)
    layout["xaxis"] = time_axis(start, end)
    layout["yaxis"] = {
        "type": "category",
        "autorange": "reversed",
        "tickvals": [names[i] for i in _some(len(names))],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }
    add_names(layout, marks, shades, start, end)
    data = [
        {
            "type": "heatmap",
            "x": [moment(start + step * i) for i in range(bins)],
            **period(start, step),
            "y": names,
            "z": rows,
            "zmin": 0,
            "zmax": limits[-1],
            "colorscale": scale(limits),
            "showscale": False,
            "xgap": 1,  # without gaps Plotly writes a style attribute, which the policy refuses
            "ygap": 1,
            "hovertemplate": "%{y}<br>%{x|%-d %b %H:%M UTC}<br>%{z:,} requests<extra></extra>",
        }
    ]
    return {
        "data": data,
        "layout": layout,
        "say": _say(rows, hours, of),
        "key": key(limits),
        "points": points,
    }


def in_order(counts: Sequence[Sequence[int]]) -> list[int]:
    """An order of the rows in which neighbours are active at the same times.

    A greedy chain by cosine, from the row whose activity lies earliest. At most some 50 rows.
    """
    lengths = [sqrt(sum(value * value for value in row)) for row in counts]
    left = [i for i, length in enumerate(lengths) if length]
    silent = [i for i, length in enumerate(lengths) if not length]

    def centre(i: int) -> float:
        return sum(j * value for j, value in enumerate(counts[i])) / sum(counts[i])

    def likeness(i: int, j: int) -> float:
        dot = sum(a * b for a, b in zip(counts[i], counts[j], strict=True))
        return dot / (lengths[i] * lengths[j])

    chain = []
    if left:
        chain.append(min(left, key=lambda i: (centre(i), i)))
        left.remove(chain[0])
    while left:
        last = chain[-1]
        chain.append(max(left, key=lambda i: (likeness(last, i), -i)))
        left.remove(chain[-1])
    return chain + silent


def _unlike(names: list[str]) -> list[str]:
    """Names as categories: two that were cut to the same text stay two rows."""
    seen: dict[str, int] = {}
    unlike = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unlike.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unlike


def _some(rows: int) -> list[int]:
    """Rows that are named: as many as have room."""
    step = max(1, -(-rows // 12))
    return list(range(0, rows, step))


def _say(rows: list[list[int]], hours: int, of: int) -> str:
    if not any(any(row) for row in rows):
        return "No request of a member is recorded in this time."
    busy = [[value > 0 for value in row] for row in rows]
    share = sum(map(sum, busy)) / max(1, sum(map(len, busy)))
    which = f"{len(rows)} busiest of {of:,} accounts" if len(rows) < of else f"{of:,} accounts"
    together = _together(busy)
    beside = [_jaccard(a, b) for a, b in pairwise(row for row in busy if any(row))]
    near = sum(beside) / len(beside) if beside else 0.0
    if together is None:
        shape = "one account: nothing to compare"
    elif together > 0.75:
        shape = "all of them in the same bins"
    elif near > 0.4 and near > 2 * together:
        # the order makes neighbours alike: only a wide gap to all others means blocks
        shape = (
            f"blocks: neighbours share {100 * near:.0f} % of their bins and any two "
            f"{100 * together:.0f} %, as pools that take turns do"
        )
    else:
        shape = f"no blocks: any two share {100 * together:.0f} % of their bins"
    unit = "an hour" if hours == 1 else f"{hours} hours"
    return f"{which}, each active in {100 * share:.0f} % of its bins of {unit}; {shape}."


def _jaccard(a: list[bool], b: list[bool]) -> float:
    either = sum(x or y for x, y in zip(a, b, strict=True))
    return sum(x and y for x, y in zip(a, b, strict=True)) / either if either else 0.0


def _together(busy: list[list[bool]]) -> float | None:
    """Jaccard likeness of a row's active bins with those of all others, on average."""
    if len(busy) < 2:
        return None
    total = [sum(column) for column in zip(*busy, strict=True)]
    likeness = []
    for row in busy:
        mine = sum(row)
        if not mine:
            continue
        shared = sum(t - 1 for t, on in zip(total, row, strict=True) if on)
        others = sum(total) - mine
        # Σ over others of |A∩B| against Σ of |A∪B|
        union = mine * (len(busy) - 1) + others - shared
        likeness.append(shared / union if union else 0.0)
    return sum(likeness) / len(likeness) if likeness else None
