"""Small drawings and words of a case's page. Formatting only; strangers' text is escaped here."""

from collections.abc import Mapping, Sequence

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from cases.models import Link

from .desk import plain, signed_bits

register = template.Library()

BAR, GAP, FOOT, PER_BIT = 5, 2, 12.5, 1.4
KIND_WORDS = {
    "ip": "address",
    "ip_prefix": "prefix",
    "asn": "network",
    "payment": "card",
    "email_domain": "mail domain",
    "registration": "pattern",
    "device": "device",
    "user_agent": "client",
    "template": "template",
    "harness": "harness",
    "partner_token": "partner token",
}


@register.simple_tag
def toned_icon(name: str, tone: str = "") -> str:
    """An icon that repeats a word, in the tone of its line."""
    href = f"{static('icons.svg')}#i-{name}"
    return format_html('<svg class="i {}" aria-hidden="true"><use href="{}"/></svg>', tone, href)


@register.simple_tag
def tier_mark(tier: str) -> str:
    """● core: the icons of the sprite are named like the tiers."""
    href = f"{static('icons.svg')}#i-{tier}"
    return format_html(
        '<span class="tier"><svg class="i" aria-hidden="true"><use href="{}"/></svg>{}</span>',
        href,
        tier,
    )


@register.simple_tag
def family_bars(evidence: Sequence[Mapping], families: Sequence[str]) -> str:
    """One bar a family, in the same place in every row; what is against points down."""
    bits: dict[str, float] = {}
    for row in evidence:
        if row.get("family") != "prior" and isinstance(row.get("bits"), int | float):
            bits[row["family"]] = bits.get(row["family"], 0.0) + row["bits"]
    bars, says = [], []
    for place, family in enumerate(families):
        value = bits.get(family)
        if value is None:
            continue
        says.append(f"{family} {signed_bits(value)}")
        height = max(min(abs(value) * PER_BIT, FOOT - 1 if value >= 0 else 3.5), 0.8)
        top = FOOT - height if value >= 0 else FOOT
        bars.append(
            f'<rect class="{"f1" if value >= 0 else "f2"}" x="{place * (BAR + GAP)}" '
            f'y="{top:.1f}" width="{BAR}" height="{height:.1f}"/>'
        )
    width = len(families) * (BAR + GAP) - GAP
    return format_html(
        '<svg class="chart bars" viewBox="0 0 {} 16" role="img" aria-label="bits: {}">'
        '<path class="axis" d="M0 12.5h{}"/>{}</svg>',
        width,
        plain(", ".join(says)) or "none",
        width,
        mark_safe("".join(bars)),  # numbers and our own class names alone
    )


@register.filter
def tie_name(link: Link) -> str:
    """card range 7, template T-88: a template's text is a prompt's, so it stays masked."""
    attribute = link.attribute
    if attribute.kind == "template":
        return f"template T-{attribute.pk}"
    return attribute.label or f"{KIND_WORDS.get(attribute.kind, attribute.kind)} {attribute.value}"


@register.filter
def tie_title(link: Link) -> str:
    """How rare, how many members, how many bits."""
    attribute = link.attribute
    if attribute.accounts and attribute.population:
        rare = f"1 in {round(attribute.population / attribute.accounts):,} accounts"
    else:
        rare = "how rare it is, is not known"
    bits = "it adds nothing to a tie" if link.bits is None else f"{link.bits:.1f} bits"
    return f"{tie_name(link)}: {rare}, {bits}; {link.members:,} members carry it"


@register.filter
def leaves(doubt: float) -> str:
    """What a doubt leaves of a probability: 0.97 of .03."""
    return f"{1 - doubt:.2f}"
