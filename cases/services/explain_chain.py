"""How two members of a case hang together, by its stored links."""

from dataclasses import dataclass

from django.db.models import F

from cases.grouping.chain import Step, shortest_chain
from cases.models import Case, Link
from cases.services.group_copy import copy_out
from ingest.models import Account, Attribute

LINKS_READ = 200_000  # the rarest of a case; 5,000 members with forty ties each
ALSO = 5  # further values that a step names

LINKS = """
SELECT account_id::bigint, attribute_id::bigint, bits FROM cases_link
WHERE case_id = {case} AND bits > 0
ORDER BY bits DESC, attribute_id, account_id LIMIT {limit}
"""
MEMBERS = """
SELECT m.account_id::bigint,
       CASE WHEN a.organisation = '' THEN -a.id
            ELSE hashtextextended(a.organisation, 0) & 9223372036854775807 END
FROM cases_member m JOIN ingest_account a ON a.id = m.account_id
WHERE m.case_id = {case} AND m.left_at IS NULL
  AND (m.verdict <> 'out' OR m.account_id IN ({start}, {end}))
"""


@dataclass(frozen=True)
class Hop:
    """One step: both accounts carry attribute, None where one organisation owns both. also: what
    else both carry, the rarest first; more: how many further values."""

    start: Account
    end: Account
    attribute: Attribute | None
    bits: float
    also: list[Attribute]
    more: int


@dataclass(frozen=True)
class Chain:
    """hops: None where no stored tie leads there. cut: only the rarest LINKS_READ were read."""

    start: Account
    end: Account
    hops: list[Hop] | None
    links: int
    cut: bool

    @property
    def ties(self) -> int:
        """Steps over a value: those inside one organisation are none."""
        return sum(hop.attribute is not None for hop in self.hops or [])

    @property
    def weakest(self) -> float | None:
        return min((hop.bits for hop in self.hops or [] if hop.attribute), default=None)


def chain_between(case: Case, *, start: Account, end: Account) -> Chain:
    """The shortest chain of ties between two members; who was ruled out stands in none but at its
    ends. Six queries at any size, and no more than LINKS_READ links."""
    links = copy_out(LINKS.format(case=case.pk, limit=LINKS_READ + 1), "iif")
    cut = len(links[0]) > LINKS_READ
    account, attribute, bits = (column[:LINKS_READ] for column in links)
    members, party = copy_out(MEMBERS.format(case=case.pk, start=start.pk, end=end.pk), "ii")
    steps = shortest_chain(
        account, attribute, bits, members=members, party=party, start=start.pk, end=end.pk
    )
    hops = None if steps is None else _hops(case, steps)
    return Chain(start, end, hops, len(account), cut)


def _hops(case: Case, steps: list[Step]) -> list[Hop]:
    named = {pk for step in steps for pk in (step.start, step.end)}
    accounts = Account.objects.in_bulk(named)
    carried: dict[int, dict[int, Attribute]] = {pk: {} for pk in named}
    links = Link.objects.filter(case=case, account__in=named, bits__gt=0)
    for link in links.select_related("attribute__census").order_by(F("bits").desc(), "attribute"):
        carried[link.account_id][link.attribute_id] = link.attribute
    hops = []
    for step in steps:
        other = carried[step.end]
        both = {pk: value for pk, value in carried[step.start].items() if pk in other}
        value = both.pop(step.attribute, None) if step.attribute else None
        also = list(both.values())
        hops.append(
            Hop(
                accounts[step.start], accounts[step.end], value, step.bits,
                also[:ALSO], max(len(also) - ALSO, 0),
            )
        )  # fmt: skip
    return hops
