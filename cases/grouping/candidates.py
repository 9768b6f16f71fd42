"""Candidate links as one Ibis expression, for uses that outgrow one machine.

The rules of links.ties and witnesses.py, in the words of any backend that Ibis compiles for.
What comes back is small beside the uses: stars of accounts that carry two rare values of two
domains. Poisson's tail is no SQL function, so that links.unlikely is asked of the stars afterwards.
Observations about clusters are no uses: they are few and stay where the signals are.
"""

import ibis
import ibis.expr.types as ir

from .links import ALONE_BITS, ALONE_CARRIERS, MEET, RAREST, link_bits
from .rarity import (
    CAP,
    CONTEXT_BITS,
    DOMAIN,
    FEW,
    FEW_SHARE,
    KIND_FAMILY,
    KINDS,
    WEAK_KINDS,
    M,
)
from .witnesses import EPISODE_GAP


def candidate_links(uses: ir.Table, attributes: ir.Table, accounts: ir.Table, *, prior: float):
    """One expression of the stars: a, a_episode, b, b_episode, account, bits, spread, expected,
    population. A star of one value has b = a.

    uses: account, attribute, first_at, last_at (whole seconds, −1 unknown). attributes: attribute,
    kind (a name of rarity.KINDS), carriers, population (null or NaN unknown). accounts: account,
    party, aggregate, flagged. spread counts parties, expected is how many would meet by chance.
    """
    seen = _episodes(_rare(uses, attributes))
    people = accounts.filter(~accounts["aggregate"])
    seen = seen.inner_join(people.select("account", "party", "flagged"), "account")
    place = ibis.row_number().over(
        ibis.window(
            group_by=["account", "domain"],
            order_by=[seen.bits.desc(), seen.episode > 0, seen.attribute, seen.episode],
        )
    )
    looking = seen.mutate(place=place)
    looking = looking.filter(looking.place < RAREST)
    columns = ("attribute", "episode", "domain", "worth", "carriers", "population")
    left = looking.select("account", "party", **{f"a_{c}": looking[c] for c in columns})
    right = looking.select("account", **{f"b_{c}": looking[c] for c in columns})
    pairs = left.inner_join(right, "account")
    pairs = pairs.filter(
        (pairs.a_domain != pairs.b_domain)
        & _before(pairs)
        & (pairs.a_worth + pairs.b_worth >= link_bits(prior))
    )
    least = ibis.least(pairs.a_population, pairs.b_population)
    pairs = pairs.select(
        "account", "party", "a_episode", "b_episode",
        a=pairs.a_attribute, b=pairs.b_attribute, bits=pairs.a_worth + pairs.b_worth,
        expected=pairs.a_carriers * pairs.b_carriers / least, population=least,
    )  # fmt: skip
    single = seen.filter(
        seen.flagged & (seen.bits >= ALONE_BITS) & (seen.carriers <= ALONE_CARRIERS)
    )
    single = single.select(
        "account", "party", a_episode=single.episode, b_episode=single.episode,
        a=single.attribute, b=single.attribute, bits=single.bits,
        expected=ibis.literal(0.0), population=single.population,
    )  # fmt: skip
    every = pairs.union(single.select(*pairs.columns))
    star = ("a", "a_episode", "b", "b_episode")
    spread = every.group_by(star).aggregate(spread=every.party.nunique())
    stars = every.inner_join(spread.filter(spread.spread >= MEET), star)
    return stars.select(*star, "account", "bits", "spread", "expected", "population")


def _rare(uses: ir.Table, attributes: ir.Table) -> ir.Table:
    """Uses of values that few carry and that count, with what each is worth."""
    kind = attributes.kind
    family = _by_kind(kind, {name: int(KIND_FAMILY[at]) for at, name in enumerate(KINDS)})
    domain = _by_kind(kind, {name: int(DOMAIN[KIND_FAMILY[at]]) for at, name in enumerate(KINDS)})
    cap = _by_kind(kind, {name: float(CAP[KIND_FAMILY[at]]) for at, name in enumerate(KINDS)})
    share = ibis.greatest(attributes.carriers, 2.0) / attributes.population
    values = attributes.mutate(family=family, domain=domain, bits=(M / share).log2(), cap=cap)
    known = values.carriers.notnull() & values.population.notnull()
    known &= ~values.carriers.isnan() & ~values.population.isnan() & (values.carriers > 0)
    few = values.carriers <= ibis.greatest(FEW * 1.0, values.population * FEW_SHARE)
    counts = (values.bits >= CONTEXT_BITS) & ~values.kind.isin(WEAK_KINDS)
    values = values.filter(known & few & counts)
    values = values.mutate(worth=ibis.least(values.bits, values.cap)).drop("cap", "kind", "family")
    return uses.inner_join(values, "attribute")


def _by_kind(kind: ir.StringValue, table: dict) -> ir.Value:
    return ibis.cases(*((kind == name, value) for name, value in table.items()))


def _episodes(uses: ir.Table) -> ir.Table:
    """Uses more than a week apart from all before them begin another episode of their value."""
    uses = uses.mutate(until=ibis.greatest(uses.first_at, uses.last_at))
    order = {"group_by": "attribute", "order_by": ["first_at", "account"]}
    earlier = ibis.window(rows=(None, -1), **order)
    uses = uses.mutate(ended=uses.until.max().over(earlier))
    ended = uses.ended.fill_null(-1)
    fresh = ((ended >= 0) & (uses.first_at > ended + EPISODE_GAP)).ifelse(1, 0)
    uses = uses.mutate(fresh=fresh)
    so_far = ibis.cumulative_window(**order)
    return uses.mutate(episode=uses.fresh.sum().over(so_far)).drop("until", "ended", "fresh")


def _before(pairs: ir.Table) -> ir.BooleanValue:
    """Whether a comes before b, as witnesses are numbered: values in their first episode by id,
    then the later ones by id and episode."""
    a_late, b_late = pairs.a_episode > 0, pairs.b_episode > 0
    return (~a_late & b_late) | (
        (a_late == b_late)
        & (
            (pairs.a_attribute < pairs.b_attribute)
            | ((pairs.a_attribute == pairs.b_attribute) & (pairs.a_episode < pairs.b_episode))
        )
    )
