"""What all figures share: axes, names of decisions on them, strangers' text made harmless."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

POINTS_MAX = 5000
PLOT_WIDTH = 480  # the narrowest that a figure is drawn, in px; names are set apart for it
LETTER = 6.2  # mean width of a letter at 11 px
FORMAT = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True)
class Mark:
    """A decision, an action or a release: a named dashed line."""

    at: datetime
    label: str


@dataclass(frozen=True)
class Shade:
    """A time in which a detector or the platform was silent: low counts there mean nothing."""

    start: datetime
    end: datetime
    label: str


def named(text: str, room: int = 26) -> str:
    """A stranger's text for a figure. Plotly reads tags in its labels, so none may be left."""
    text = "".join(c if c.isprintable() else "·" for c in str(text))
    if len(text) > room:
        text = text[: room - 1] + "…"
    return html.escape(text, quote=False)


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime(FORMAT)


def period(start: datetime, step: timedelta) -> dict:
    """Bins named by their start and drawn over all of their time."""
    return {
        "xperiod": step.total_seconds() * 1000,
        "xperiod0": moment(start),
        "xperiodalignment": "middle",
    }


def base(*, top: int = 8, left: int = 44, bottom: int = 24) -> dict:
    return {
        "autosize": True,
        "margin": {"t": top, "r": 4, "b": bottom, "l": left, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 11, "color": "--ink-3"},
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": {
            "bgcolor": "--raised",
            "bordercolor": "--line-2",
            "font": {"size": 11, "color": "--ink"},
        },
        "shapes": [],
        "annotations": [],
    }


def time_axis(start: datetime, end: datetime) -> dict:
    """Days as 21 Nov; Plotly's own dates would write Nov 21 and a year on a second line."""
    days = max(1, (end - start).days)
    step = max(1, round(days / 6))
    first = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if first < start:
        first += timedelta(days=1)
    ticks = [first + timedelta(days=step * i) for i in range(days // step + 1)]
    ticks = [tick for tick in ticks if tick < end]
    return {
        "type": "date",
        "range": [moment(start), moment(end)],
        "tickvals": [moment(tick) for tick in ticks],
        "ticktext": [f"{tick:%-d %b}" for tick in ticks],
        "showgrid": False,
        "zeroline": False,
        "linecolor": "--line-3",
        "ticks": "outside",
        "ticklen": 3,
        "tickcolor": "--line-3",
        "fixedrange": True,
        "hoverformat": "%-d %b %H:%M UTC",
    }


def count_axis() -> dict:
    """Counts start at zero."""
    return {
        "rangemode": "tozero",
        "gridcolor": "--line",
        "zeroline": True,
        "zerolinecolor": "--line-3",
        "fixedrange": True,
        "nticks": 5,
        "tickformat": ",d",
        "separatethousands": True,
    }


def add_names(
    layout: dict, marks: Sequence[Mark], shades: Sequence[Shade], start: datetime, end: datetime
) -> None:
    """Dashed lines and shaded times, their names in as many rows above the plot as they need."""
    names = []
    for mark in marks:
        if start <= mark.at <= end:
            layout["shapes"].append(_line(mark))
            names.append((mark.at, mark.label, "--ink-2"))
    for shade in shades:
        left, right = max(shade.start, start), min(shade.end, end)
        if left < right:
            layout["shapes"].append(_band(left, right))
            names.append((left, shade.label, "--warn"))
    span = (end - start).total_seconds() or 1
    rows: list[float] = []  # where the last name of each row ends, in px
    for at, label, colour in sorted(names):
        place = PLOT_WIDTH * (at - start).total_seconds() / span
        label = named(label, 30)
        width = LETTER * len(label) + 8
        leftwards = place + width > PLOT_WIDTH
        begins, ends = (place - width, place) if leftwards else (place, place + width)
        row = next((i for i, taken in enumerate(rows) if taken <= begins), len(rows))
        rows[row:] = [ends] if row == len(rows) else [ends, *rows[row + 1 :]]
        layout["annotations"].append(
            {
                "text": label, "x": moment(at), "xref": "x", "y": 1, "yref": "paper",
                "yanchor": "bottom", "yshift": 14 * row,
                "xanchor": "right" if leftwards else "left", "xshift": -3 if leftwards else 3,
                "showarrow": False, "font": {"size": 11, "color": colour},
            }
        )  # fmt: skip
    layout["margin"]["t"] += 14 * len(rows)


def _line(mark: Mark) -> dict:
    return {
        "type": "line", "xref": "x", "yref": "paper",
        "x0": moment(mark.at), "x1": moment(mark.at), "y0": 0, "y1": 1,
        "line": {"color": "--ink-2", "width": 1, "dash": "dash"},
    }  # fmt: skip


def _band(left: datetime, right: datetime) -> dict:
    return {
        "type": "rect", "xref": "x", "yref": "paper", "layer": "above", "opacity": 0.22,
        "x0": moment(left), "x1": moment(right), "y0": 0, "y1": 1,
        "fillcolor": "--warn", "line": {"width": 0},
    }  # fmt: skip
