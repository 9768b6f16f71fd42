"""Reliability: what was said of accounts beside what came of them. Who says 0.8 should be right of
eight in ten."""

from collections.abc import Sequence
from dataclasses import dataclass

from .layout import base

INTERVAL = "bars: 95 % interval (Wilson)"


@dataclass(frozen=True)
class Bin:
    """Accounts of which about the same was said: the mean of it, how many were abusive of how many,
    and the interval of that share."""

    said: float
    accounts: int
    abusive: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.abusive / self.accounts

    @property
    def fits(self) -> bool:
        return self.low <= self.said <= self.high


def reliability(bins: Sequence[Bin], *, said: str) -> dict:
    """said: what the x axis holds, such as "score"."""
    layout = base(left=40, bottom=38)
    axis = {
        "range": [-0.02, 1.02], "tickvals": [0, 0.25, 0.5, 0.75, 1], "zeroline": False,
        "gridcolor": "--line", "linecolor": "--line-3", "fixedrange": True,
    }  # fmt: skip
    layout["xaxis"] = axis | {"title": {"text": said, "standoff": 6}, "showgrid": False}
    layout["yaxis"] = axis | {"ticktext": ["0", ".25", ".5", ".75", "1"]}
    layout["shapes"] = [
        {
            "type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "layer": "below",
            "line": {"color": "--ink-3", "width": 1, "dash": "dash"},
        }
    ]  # fmt: skip
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [one.said for one in bins],
            "y": [one.share for one in bins],
            "error_y": {
                "type": "data",
                "array": [one.high - one.share for one in bins],
                "arrayminus": [one.share - one.low for one in bins],
                "color": "--s1", "thickness": 1, "width": 3,
            },
            "marker": {"color": "--s1", "size": 7},
            "customdata": [[one.abusive, one.accounts] for one in bins],
            "hovertemplate": (
                "said %{x:.2f}<br>%{customdata[0]:,} of %{customdata[1]:,} abusive"
                "<extra></extra>"
            ),
        }
    ]  # fmt: skip
    key = [{"token": "--s1", "label": f"share found abusive; {INTERVAL}"}]
    return {"data": data, "layout": layout, "say": say(bins), "key": key, "points": len(bins)}


def say(bins: Sequence[Bin]) -> str:
    """What to see: the bin that is farthest off, or that none is."""
    if not bins:
        return "No account that it spoke of was reviewed by itself yet."
    off = [one for one in bins if not one.fits]
    if not off:
        return "Within chance, what was said came true in every bin."
    worst = max(off, key=lambda one: abs(one.said - one.share))
    word = "too sure" if worst.said > worst.share else "not sure enough"
    return (
        f"{len(off)} of {len(bins)} bins lie beyond chance; the farthest said {worst.said:.2f}, "
        f"and {worst.abusive:,} of {worst.accounts:,} were abusive ({worst.share:.2f}): {word}."
    )
