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


def add_marks(layout: dict, marks: Sequence[Mark], start: datetime, end: datetime) -> None:
    """Named dashed lines, in as many rows of names as they need; makes room above the plot."""
    span = (end - start).total_seconds() or 1
    shown = sorted((m for m in marks if start <= m.at <= end), key=lambda mark: mark.at)
    rows: list[float] = []  # where the last name of each row ends, in px
    placed = []
    for mark in shown:
        at = PLOT_WIDTH * (mark.at - start).total_seconds() / span
        label = named(mark.label, 30)
        width = LETTER * len(label) + 8
        leftwards = at + width > PLOT_WIDTH
        begins = at - width if leftwards else at
        row = next((i for i, ends in enumerate(rows) if ends <= begins), len(rows))
        if row == len(rows):
            rows.append(0.0)
        rows[row] = at if leftwards else at + width
        placed.append((mark, label, row, leftwards))
    layout["margin"]["t"] += 14 * len(rows)
    for mark, label, row, leftwards in placed:
        layout["shapes"].append(
            {
                "type": "line", "xref": "x", "yref": "paper",
                "x0": moment(mark.at), "x1": moment(mark.at), "y0": 0, "y1": 1,
                "line": {"color": "--ink-2", "width": 1, "dash": "dash"},
            }
        )  # fmt: skip
        layout["annotations"].append(
            {
                "text": label, "x": moment(mark.at), "xref": "x", "y": 1, "yref": "paper",
                "yanchor": "bottom", "yshift": 14 * row,
                "xanchor": "right" if leftwards else "left", "xshift": -3 if leftwards else 3,
                "showarrow": False, "font": {"size": 11, "color": "--ink-2"},
            }
        )  # fmt: skip


def add_shades(layout: dict, shades: Sequence[Shade], start: datetime, end: datetime) -> None:
    for shade in shades:
        if shade.end <= start or shade.start >= end:
            continue
        left, right = max(shade.start, start), min(shade.end, end)
        layout["shapes"].append(
            {
                "type": "rect", "xref": "x", "yref": "paper", "layer": "below",
                "x0": moment(left), "x1": moment(right), "y0": 0, "y1": 1,
                "fillcolor": "--warn-soft", "line": {"width": 0},
            }
        )  # fmt: skip
        layout["annotations"].append(
            {
                "text": named(shade.label, 30), "x": moment(left), "xref": "x",
                "xanchor": "left", "y": 0.02, "yref": "paper", "yanchor": "bottom",
                "showarrow": False, "font": {"size": 11, "color": "--warn"},
            }
        )  # fmt: skip
