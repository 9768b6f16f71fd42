"""Evidence in words. A prompt's text is not among them: a template is named by its number."""

from collections.abc import Mapping, Sequence

from cases.grouping import Evidence, Member
from ingest.models import Attribute

LONGEST = 60
NAMES = {
    "ip": "address {}", "ip_prefix": "network {}", "asn": "network operator {}",
    "payment": "payment card {}", "email_domain": "mail domain {}",
    "registration": "registration pattern {}", "device": "device {}", "user_agent": "client {}",
    "harness": "harness {}", "partner_token": "partner token {}",
}  # fmt: skip


def plural(count: int, noun: str) -> str:
    some = noun if count == 1 else noun + ("es" if noun.endswith("s") else "s")
    return f"{count:,} {some}"


def list_words(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts) or "nothing of known rarity"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def odds_words(p: float) -> str:
    """0.94, 0.998; never 1.00, which nobody can know."""
    return f"{min(p, 0.999):.3f}" if p >= 0.995 else f"{p:.2f}"


def attribute_name(attribute: Attribute) -> str:
    """What a person calls it. Values are strangers' text: cut short, never markup."""
    if attribute.kind == Attribute.Kind.TEMPLATE:
        return f"template T-{attribute.pk}"
    text = attribute.label or attribute.value
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return NAMES[attribute.kind].format(text)


def prevalence(attribute: Attribute) -> str:
    if attribute.accounts is None or not attribute.population:
        return "prevalence not known"
    one_in = attribute.population / max(attribute.accounts, 1)
    return f"on {attribute.accounts:,} of {attribute.population:,} accounts (1 in {one_in:,.0f})"


def why(entry: Evidence, member: Member, attributes: Mapping[int, Attribute]) -> str:
    """One bar of the waterfall, in words."""
    if entry.family == "prior":
        return f"Before any evidence: 1 account in {1 + 2**-entry.bits:,.0f} belongs"
    if entry.family == "held":
        return (
            "It stands for many people: held at possible"
            if member.aggregate
            else "No detector has flagged it, it came in by its ties: held at possible"
        )
    others = plural(entry.shared, "other organisation")
    if entry.attribute is not None:
        attribute = attributes[entry.attribute]
        name = attribute_name(attribute)
        cap = f"; {entry.raw:.1f} bits before the cap" if entry.capped else ""
        return (
            f"{name[:1].upper()}{name[1:]} shared with {others} of the case, "
            f"{prevalence(attribute)}{cap}"
        )
    if entry.group is not None:
        return f"A detector saw it together with {others} of the case"
    if entry.bits < 0:
        return "So low a score was commoner among reviewed accounts that are innocent"
    return "A detector's word about this account alone"
