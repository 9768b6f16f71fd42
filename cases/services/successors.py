"""Who came soon after an action with what the accounts acted upon had: rows in, no writes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from scipy.special import pdtrc

from cases.grouping.rarity import FAMILY_OF_KIND, M
from cases.services.left_out import left_out

RARE = 0.01  # a value on at most one account in a hundred; how many newcomers by chance decides
DIRECT = ("template", "payment")  # one rare value is enough; of other families it takes two
SMALLEST, PARTIES = 3, 2  # accounts and organisations in a wave
CHANCE = 1e-3  # so many newcomers who carry rare values must not be chance
ACTS = ("limit", "suspend", "revoke", "verify")

ORDERS = """
SELECT e.id, min(i.finished_at) FROM cases_enforcement e
JOIN cases_enforcementitem i ON i.enforcement_id = e.id AND i.state = 'done'
WHERE e.state = 'done' AND e.kind = ANY(%s) AND e.finished_at > %s
GROUP BY e.id
"""
# what the accounts of each order carried before it and that is rare in the whole population
WORN = """
SELECT i.enforcement_id, u.attribute_id, a.kind, a.accounts, a.population, count(*)
FROM unnest(%(orders)s::bigint[], %(acted)s::timestamptz[]) o (id, acted_at)
JOIN cases_enforcementitem i ON i.enforcement_id = o.id AND i.state = 'done'
JOIN ingest_attributeuse u ON u.account_id = i.account_id
    AND (u.first_at IS NULL OR u.first_at <= o.acted_at)
JOIN ingest_attribute a ON a.id = u.attribute_id AND a.kind <> 'asn'
    AND a.id <> ALL(%(values)s)
    AND a.accounts > 0 AND a.accounts <= a.population * %(rarest)s
GROUP BY 1, 2, 3, 4, 5
"""
# newcomers after each order; a key that stands for many people is nobody's successor
FRESH = """
SELECT o.id, a.id, a.organisation, a.first_seen_at
FROM unnest(%(orders)s::bigint[], %(acted)s::timestamptz[]) o (id, acted_at)
JOIN ingest_account a ON a.first_seen_at > o.acted_at
    AND a.first_seen_at <= o.acted_at + %(days)s * interval '1 day' AND NOT a.is_aggregate
    AND a.id <> ALL(%(people)s)
WHERE NOT EXISTS (
    SELECT FROM cases_enforcementitem i WHERE i.enforcement_id = o.id AND i.account_id = a.id
)
"""
TAKEN_UP = """
SELECT f.place, u.attribute_id
FROM unnest(%s::bigint[], %s::bigint[]) f (account, place)
JOIN ingest_attributeuse u ON u.account_id = f.account
WHERE u.attribute_id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Worn:
    """A rare value that accounts acted upon carried: by how many of them, and of everybody."""

    attribute: int
    family: str
    carriers: int
    population: int
    wearers: int

    @property
    def bits(self) -> float:
        return math.log2(M * self.population / self.carriers)


@dataclass(frozen=True, slots=True)
class Newcomer:
    account: int
    party: str
    first_seen_at: datetime
    best: dict[str, Worn]  # by family


def acted_since(since: datetime) -> dict[int, datetime]:
    """Orders that ended since a moment, by key, with when their first account was acted upon."""
    with connection.cursor() as cursor:
        cursor.execute(ORDERS, [list(ACTS), since])
        return dict(cursor.fetchall())


def find_successors(
    acted: Mapping[int, datetime], *, days: int
) -> dict[int, tuple[list[Newcomer], int]]:
    """By order: its successors, by account, and how many newcomers there were in all.

    acted: when each order took effect. A constant number of queries, however many orders.
    """
    found = _newcomers(acted, days)
    return {order: (_successors(*rows), rows[1]) for order, rows in found.items()}


def _newcomers(acted: dict[int, datetime], days: int):
    """By order: newcomers who carry rare values of the accounts acted upon, how many newcomers
    there are in all, and those values. A constant number of queries."""
    out = left_out()
    asked = {
        "orders": list(acted), "acted": list(acted.values()), "days": days,
        "rarest": RARE, "people": out.accounts.tolist(), "values": out.attributes.tolist(),
    }  # fmt: skip
    worn: dict[int, dict[int, Worn]] = {}
    with connection.cursor() as cursor:
        cursor.execute(WORN, asked)
        for order, attribute, kind, carriers, population, wearers in cursor.fetchall():
            worn.setdefault(order, {})[attribute] = Worn(
                attribute, FAMILY_OF_KIND[kind], carriers, population, wearers
            )
        if not worn:
            return {}
        cursor.execute(FRESH, asked | {"orders": list(worn), "acted": [acted[o] for o in worn]})
        fresh = cursor.fetchall()
        values = sorted({attribute for found in worn.values() for attribute in found})
        cursor.execute(TAKEN_UP, [[row[1] for row in fresh], list(range(len(fresh))), values])
        carried: dict[int, dict[str, Worn]] = {}
        for place, attribute in cursor.fetchall():
            if value := worn[fresh[place][0]].get(attribute):
                best = carried.setdefault(place, {})
                held = best.get(value.family)
                if held is None or (value.bits, -attribute) > (held.bits, -held.attribute):
                    best[value.family] = value
    answer = {}
    for order, found in worn.items():
        mine = [place for place, row in enumerate(fresh) if row[0] == order]
        newcomers = [
            Newcomer(fresh[p][1], fresh[p][2] or f"\0{fresh[p][1]}", fresh[p][3], carried[p])
            for p in mine
            if p in carried
        ]
        answer[order] = (newcomers, len(mine), list(found.values()))
    return answer


def _successors(newcomers: list[Newcomer], fresh: int, worn: list[Worn]) -> list[Newcomer]:
    """Newcomers who carry a rare template or card, or rare values of two other families; nobody
    when they are too few, or no more than chance would bring."""
    chosen = [n for n in newcomers if len(n.best) > 1 or any(family in n.best for family in DIRECT)]
    if len(chosen) < SMALLEST or len({n.party for n in chosen}) < PARTIES:
        return []
    share: dict[str, float] = {}
    for value in worn:
        u = value.carriers / value.population
        share[value.family] = share.get(value.family, 0.0) + u
    by_chance = sum(share.get(family, 0.0) for family in DIRECT)
    others = [u for family, u in share.items() if family not in DIRECT]
    by_chance += (sum(others) ** 2 - sum(u * u for u in others)) / 2
    # P(X ≥ k) of a Poisson mean: that many of the newcomers carry such values by chance
    if pdtrc(len(chosen) - 1, fresh * by_chance) > CHANCE:
        return []
    return sorted(chosen, key=lambda n: n.account)
