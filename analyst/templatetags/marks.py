"""Small drawings inside a row: a probability, three tiers, two weeks of traffic.

The geometry is in pure functions; the tags write SVG from numbers alone, so nothing of a stranger's
can reach the markup. Tags and not templates: a queue page draws three hundred.
"""

from collections.abc import Sequence
from functools import lru_cache

from django import template
from django.utils.safestring import SafeString, mark_safe

from .desk import probability as probability_text

register = template.Library()

SPARK_WIDTH, SPARK_HEIGHT, SPARK_RIM = 84, 18, 2
MIX_WIDTH, PROBABILITY_WIDTH = 64, 48
MIX = """<svg class="mix" viewBox="0 0 64 8" role="img" aria-label="%s">\
<rect class="c" width="%.1f" height="8"/><rect class="l" x="%.1f" width="%.1f" height="8"/>\
%s</svg>"""
MIX_OUTLINE = '<rect class="p" x="%.1f" y=".5" width="%.1f" height="7"/>'


def spark_path(values: Sequence[float]) -> tuple[str, float]:
    """SVG path of a series from 0 at the foot to its largest value, and the height of its end."""
    if not values:
        return "", SPARK_HEIGHT
    if len(values) == 1:
        values = [values[0], values[0]]
    foot = SPARK_HEIGHT - SPARK_RIM
    scale = (foot - SPARK_RIM) / (max(values) or 1)
    heights = tuple([foot - scale * value if value > 0 else foot for value in values])
    return _steps(len(values)) % heights, heights[-1]


@lru_cache(maxsize=64)
def _steps(count: int) -> str:
    """The path with a place for each height: one formatting a row instead of one a day."""
    step = SPARK_WIDTH / (count - 1)
    return "M" + "L".join(f"{step * i:.0f} %.1f" for i in range(count))


def mix_widths(core: int, likely: int, possible: int) -> tuple[float, float, float]:
    """Widths of the three tiers, which fill the bar together."""
    total = core + likely + possible
    if not total:
        return 0.0, 0.0, 0.0
    share = MIX_WIDTH / total
    return core * share, likely * share, possible * share


@register.simple_tag
def spark(values: Sequence[float], mark: int | None = None) -> SafeString:
    """A line of the values; mark is the place in them where an action took effect."""
    line, end = spark_path(values)
    if not line:
        return mark_safe('<span class="dim">–</span>')
    flag = ""
    if mark is not None and len(values) > 1:
        at = SPARK_WIDTH * mark / (len(values) - 1)
        flag = f'<path class="mark" d="M{at:.0f} 0v{SPARK_HEIGHT}"/>'
    return mark_safe(
        f'<svg class="spark" viewBox="0 0 84 18" aria-hidden="true"><path class="area" '
        f'd="{line}V18H0z"/>{flag}<path d="{line}"/><circle cx="84" cy="{end:.1f}" r="2"/></svg>'
    )


@register.simple_tag
def tier_mix(core: int, likely: int, possible: int) -> SafeString:
    """One bar of three tiers, with the head counts as its name."""
    c, l, p = mix_widths(core, likely, possible)  # noqa: E741
    outline = MIX_OUTLINE % (c + l + 0.5, p - 1) if p > 1 else ""
    said = f"{core:,} core, {likely:,} likely, {possible:,} possible"
    return SafeString(MIX % (said, c, c, l, outline))


@register.simple_tag
def probability_bar(p: float | None) -> SafeString:
    """0.97 and its bar."""
    if p is None:
        return mark_safe('<span class="dim">–</span>')
    width = PROBABILITY_WIDTH * min(max(float(p), 0.0), 1.0)
    return mark_safe(
        f'<span class="prob">{probability_text(p)}'
        f'<svg viewBox="0 0 48 10" aria-hidden="true"><rect class="track" y="2" width="48" '
        f'height="6"/><rect class="fill" y="2" width="{width:.1f}" height="6"/></svg></span>'
    )


@register.filter
def few(count: float) -> str:
    """An expected count: 1,204, 3.1, 0.02, and below that < 0.01."""
    if count >= 10:
        return f"{count:,.0f}"
    return "< 0.01" if 0 < count < 0.01 else f"{count:.2g}"


@register.filter
def p_value(p: float) -> str:
    """7.5e-8, and 0.03 where that reads better."""
    if p >= 0.001:
        return f"{p:.3f}".rstrip("0").rstrip(".")
    mantissa, _, exponent = f"{p:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if p else "0"
