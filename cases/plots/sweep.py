"""Who has covered what of a sweep: one row an account or a template, one column some slot values in
the order in which they were first asked for. A list that is divided shows as cells that no other
row has; one that everybody goes through, as full columns."""

from collections.abc import Sequence

from .layout import POINTS_MAX, base, named
from .shades import key, scale, steps


def sweep(
    rows: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    values: int,
    say: str,
    what: str = "requests",
) -> dict:
    """counts[i][j]: of rows[i] in bin j; each bin is as many of the `values` slot values as the
    others. Raises ValueError above POINTS_MAX cells."""
    bins = max((len(row) for row in counts), default=0)
    points = bins * len(counts)
    if points > POINTS_MAX:
        raise ValueError(f"{points} cells in a figure that may hold {POINTS_MAX}")
    limits = steps(max((max(row, default=0) for row in counts), default=0))
    layout = base(left=112, bottom=34)
    layout["xaxis"] = {
        "title": {
            "text": "slot values, in the order of their first use",
            "standoff": 6,
            "font": {"size": 11, "color": "--ink-3"},
        },
        "range": [-0.5, max(bins, 1) - 0.5],
        "tickvals": _ticks(bins),
        "ticktext": [f"{_first(place, bins, values):,}" for place in _ticks(bins)],
        "showgrid": False,
        "zeroline": False,
        "linecolor": "--line-3",
        "fixedrange": True,
    }
    places = list(range(len(rows)))
    some = places[:: max(1, -(-len(places) // 12))]
    layout["yaxis"] = {
        "autorange": "reversed",
        "tickvals": some,
        "ticktext": [named(rows[place], 18) for place in some],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }
    data = [
        {
            "type": "heatmap",
            "x": list(range(bins)),
            "y": places,
            "text": [[named(name, 40)] * bins for name in rows],
            "z": [list(row) for row in counts],
            "zmin": 0,
            "zmax": limits[-1],
            "colorscale": scale(limits),
            "showscale": False,
            "xgap": 1,  # without gaps Plotly writes a style attribute, which the policy refuses
            "ygap": 1,
            "hovertemplate": "%{text}<br>%{z:,} " + what + "<extra></extra>",
        }
    ]
    return {"data": data, "layout": layout, "say": say, "key": key(limits), "points": points}


def _ticks(bins: int) -> list[int]:
    step = max(1, -(-bins // 6))
    return list(range(0, bins, step))


def _first(place: int, bins: int, values: int) -> int:
    return place * values // max(bins, 1) + 1
