"""The colour tokens as static/css/tokens.css has them, and how well text on them can be read."""

import re
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

TOKENS = Path(settings.BASE_DIR) / "static" / "css" / "tokens.css"
LINE = re.compile(r"--([\w-]+):\s+light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
GROUPS = {  # heading: prefixes of its tokens, in the order of the file
    "Surfaces and lines": ("sunken", "page", "surface", "raised", "hover", "picked", "line"),
    "Ink and meaning": ("ink", "accent", "on-accent", "bad", "warn", "good", "note", "focus"),
    "Series": ("s1", "s2", "s3", "s4", "s5", "s6"),
    "Heat": ("heat",),
}
SURFACES = ("sunken", "page", "surface", "raised", "hover", "picked")
TEXT = ("ink", "ink-2", "ink-3", "accent", "bad", "warn", "good", "note")


class Colour(NamedTuple):
    """light, dark: #rrggbb. worst: the lowest contrast of a text token on a surface; else None."""

    name: str
    light: str
    dark: str
    worst: float | None = None


def colours() -> dict[str, Colour]:
    """Every token that has two plain colours, in the order of the file."""
    found = {
        name: Colour(name, light, dark) for name, light, dark in LINE.findall(TOKENS.read_text())
    }
    return {name: one._replace(worst=_worst(one, found)) for name, one in found.items()}


def groups() -> list[tuple[str, list[Colour]]]:
    found = colours()
    return [
        (title, [one for name, one in found.items() if _belongs(name, prefixes)])
        for title, prefixes in GROUPS.items()
    ]


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, 1 to 21; text needs 4.5 (level AA)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _belongs(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}-") for prefix in prefixes)


def _worst(one: Colour, found: dict[str, Colour]) -> float | None:
    if one.name not in TEXT:
        return None
    ratios = [contrast(one.light, found[name].light) for name in SURFACES]
    return min(ratios + [contrast(one.dark, found[name].dark) for name in SURFACES])


def _luminance(colour: str) -> float:
    """Relative luminance of sRGB (WCAG 2.2, from IEC 61966-2-1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
