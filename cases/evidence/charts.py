"""The report's charts as SVG text: no script, no outside reference, the same bytes every time."""

from collections.abc import Sequence
from html import escape

WIDTH, LEFT, LINE = 640, 190, 22
BLUE, GREY = "#2f5d8a", "#5a6472"


def columns(days: Sequence[str], values: Sequence[float], *, unit: str) -> str:
    """A column for each day, from zero."""
    height, top, foot = 170, 14, 24
    most = max(values, default=0) or 1
    step = (WIDTH - 90) / max(1, len(values))
    bars = "".join(
        f'<rect x="{70 + i * step + step * 0.1:.1f}" y="{top + (1 - value / most) * height:.1f}" '
        f'width="{step * 0.8:.1f}" height="{value / most * height:.1f}" fill="{BLUE}"/>'
        for i, value in enumerate(values)
    )
    every = max(1, len(days) // 7)
    names = "".join(
        _text(70 + i * step + step / 2, top + height + 16, day, anchor="middle")
        for i, day in enumerate(days)
        if i % every == 0
    )
    axis = (
        f'<line x1="70" x2="{WIDTH - 20}" y1="{top + height}" y2="{top + height}" '
        f'stroke="{GREY}"/>'
        + _text(66, top + 8, f"{most:,.0f}", anchor="end")
        + _text(66, top + height, "0", anchor="end")
        + _text(WIDTH - 20, 10, unit, anchor="end")
    )
    return _svg(top + height + foot, bars + axis + names)


def bits(rows: Sequence[tuple[str, float]]) -> str:
    """One bar for each family of evidence, left of the line against, right of it for."""
    span = max((abs(value) for _, value in rows), default=1) or 1
    middle = LEFT + (WIDTH - LEFT - 60) / 2
    scale = (WIDTH - LEFT - 60) / 2 / span
    drawn = []
    for i, (name, value) in enumerate(rows):
        y = 8 + i * LINE
        start = middle if value >= 0 else middle + value * scale
        drawn.append(
            _text(LEFT - 8, y + 12, name[:26], anchor="end")
            + f'<rect x="{start:.1f}" y="{y}" width="{abs(value) * scale:.1f}" height="15" '
            f'fill="{BLUE if value >= 0 else GREY}"/>'
            + _text(WIDTH - 8, y + 12, f"{value:+.1f}", anchor="end")
        )
    foot = 12 + len(rows) * LINE
    line = f'<line x1="{middle}" x2="{middle}" y1="4" y2="{foot}" stroke="{GREY}"/>'
    return _svg(foot + 6, "".join(drawn) + line)


def _text(x: float, y: float, text: str, *, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" font-family="DejaVu Sans Mono, monospace" '
        f'font-size="11" fill="#1c2530">{content}</svg>'
    )
