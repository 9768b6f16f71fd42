"""What a case offers to split off: parts that hang on one value, or that come loose."""

from dataclasses import dataclass

from cases.models import Case, Link, Member
from cases.services.group_words import attribute_name, plural, prevalence
from cases.subclusters import Part, parts_of
from ingest.models import Attribute


@dataclass(frozen=True, slots=True)
class Offer:
    """A part with the words that a person decides by."""

    part: Part
    members: int
    why: str
    inside: str

    @property
    def key(self) -> str:
        return self.part.key

    @property
    def is_bridge(self) -> bool:
        return self.part.bridge is not None


def offers_of(case: Case) -> list[Offer]:
    """The parts that the case's links offer, in three queries."""
    current = Member.objects.current().filter(case=case).values("account")
    links = Link.objects.filter(case=case, bits__isnull=False, account__in=current)
    parts = parts_of(links.values_list("account_id", "attribute_id", "bits"))
    named = {value for part in parts for value, _ in part.inside}
    named |= {part.bridge for part in parts if part.bridge}
    attributes = Attribute.objects.in_bulk(named)
    return [_offer(part, attributes) for part in parts]


def members_of_offer(case: Case, key: str) -> list[int]:
    """The members of an offer, by key; none when the case has moved on and offers it no more."""
    part = next((offer.part for offer in offers_of(case) if offer.key == key), None)
    if part is None:
        return []
    members = Member.objects.current().filter(case=case, account__in=part.accounts)
    return list(members.order_by("pk").values_list("pk", flat=True))


def _offer(part: Part, attributes) -> Offer:
    if part.bridge is not None:
        bridge = attributes[part.bridge]
        why = f"Only {attribute_name(bridge)} holds them to the rest, {prevalence(bridge)}."
    elif part.threshold:
        why = (
            f"They come loose once values shared by more than 1 in "
            f"{2**part.threshold / 0.9:,.0f} accounts are left aside."
        )
    else:
        why = "No shared value that ties holds them to the rest."
    inside = ", ".join(
        f"{attribute_name(attributes[value])} on {count:,}" for value, count in part.inside
    )
    return Offer(part, len(part.accounts), why, inside or plural(0, "value"))
