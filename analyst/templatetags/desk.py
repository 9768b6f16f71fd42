"""Formatting only. Times are UTC; numbers as people read them."""

from datetime import UTC, datetime, timedelta

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html

register = template.Library()
register.filter("intcomma", intcomma)

# Characters that change how neighbours are shown, or hide: an attacker's name may hold them.
UNSEEN = {
    *range(0x00, 0x20), 0x7F, *range(0x80, 0xA0), 0xAD, 0x061C, *range(0x200B, 0x2010),
    *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
}  # fmt: skip
SHOWN = {code: f"‹U+{code:04X}›" for code in UNSEEN - {0x0A}}


@register.simple_tag
def icon(name: str, label: str = "") -> str:
    """An icon of the sprite; with a label it stands for a word, else it repeats one."""
    href = f"{static('icons.svg')}#i-{name}"
    if label:
        return format_html(
            '<svg class="i" role="img" aria-label="{}"><use href="{}"/></svg>', label, href
        )
    return format_html('<svg class="i" aria-hidden="true"><use href="{}"/></svg>', href)


@register.filter
def plain(text) -> str:
    """Text of a stranger with unseen characters made visible, as ‹U+202E›."""
    return str(text or "").translate(SHOWN)


@register.filter
def person(user) -> str:
    """M. Okafor, or the login where no name is known."""
    if user is None:
        return ""
    if user.first_name and user.last_name:
        return f"{user.first_name[0]}. {user.last_name}"
    return user.get_full_name() or user.get_username()


@register.filter
def moment(at: datetime | None) -> str:
    """24 Nov 2026 09:42 UTC."""
    return f"{at.astimezone(UTC):%-d %b %Y %H:%M} UTC" if at else "–"


@register.filter
def day(at: datetime | None) -> str:
    """24 Nov, with the year where it is not this one."""
    if not at:
        return "–"
    form = "%-d %b" if at.year == timezone.now().year else "%-d %b %Y"
    return at.strftime(form)


@register.filter
def short(number) -> str:
    """1,284 · 46.2 M · 1.3 G: three figures that a column can hold."""
    if number is None:
        return "–"
    number = float(number)
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(number) >= size:
            scaled = number / (1e3 if unit == " k" else size)
            return f"{scaled:,.1f}{unit}" if abs(scaled) < 100 else f"{scaled:,.0f}{unit}"
    return f"{number:,.0f}"


@register.filter
def millions(number) -> str:
    """46.2: millions, for a column whose head says so."""
    return "–" if number is None else f"{float(number) / 1e6:,.1f}"


@register.filter
def signed_percent(share) -> str:
    """+25 %, −8 %; unknown is –."""
    if share is None:
        return "–"
    rounded = round(100 * share)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else ''}{abs(rounded):,} %"


@register.filter
def signed_bits(bits) -> str:
    """+4.8, −11.6."""
    return f"{'−' if bits < 0 else '+'}{abs(bits):.1f}"


@register.filter
def probability(p) -> str:
    """0.97; never 1.00 or 0.00, which nobody can know."""
    if p is None:
        return "–"
    if 0.995 <= p < 1:
        return f"{min(p, 0.999):.3f}"
    return f"{min(max(float(p), 0.0), 1.0):.2f}"


@register.filter
def age(at: datetime | None) -> str:
    """34 d, 5 h, 12 min."""
    if not at:
        return "–"
    seconds = (timezone.now() - at).total_seconds()
    if seconds >= 86_400:
        return f"{seconds // 86_400:.0f} d"
    return f"{seconds // 3600:.0f} h" if seconds >= 3600 else f"{max(seconds, 0) // 60:.0f} min"


@register.filter
def lasting(span: timedelta | None) -> str:
    """34 d, 5.2 h, 12 min: how long something took."""
    if span is None:
        return "–"
    minutes = span.total_seconds() / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    size, unit = (1440, "d") if minutes >= 48 * 60 else (60, "h")
    return f"{minutes / size:,.{1 if minutes < 10 * size else 0}f} {unit}"


@register.filter
def share(value: float | None) -> str:
    """62 %; a little is not nothing, and nearly all is not all."""
    if value is None:
        return "–"
    if 0 < value < 0.01:
        return "under 1 %"
    percent = 99 if 0.99 < value < 1 else round(100 * value)
    return f"{percent:,} %"
