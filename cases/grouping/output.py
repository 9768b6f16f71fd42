"""What grouping answers: clusters, members with their evidence, links, context."""

from dataclasses import dataclass, field

import numpy as np

from .bridges import Bridge
from .membership import Scorer, Scores
from .question import Meeting
from .rarity import FAMILIES, LIKELY_BITS, probability, tier
from .reach import Reach
from .tables import Facts
from .witnesses import Witnesses

# an account that no detector flagged, or a key that stands for many people, stays below likely
HELD_BITS = LIKELY_BITS - 0.01
CONTEXT_SHARE = 0.5  # of the members that carry a common value, for it to be shown as context


@dataclass(frozen=True, slots=True)
class Evidence:
    """One bar of the waterfall. Over a member the bits add up to its log2-odds.

    family: "prior", a family of rarity.CAPS, or "held" (what keeps it at possible). raw: before
    the cap. attribute: id of the value that is worth most; group: code of a detector's observation
    about a cluster; neither: a detector's word about the account alone. shared: other
    organisations of the case that carry it.
    """

    family: str
    bits: float
    raw: float
    attribute: int | None = None
    group: int | None = None
    shared: int = 0

    @property
    def capped(self) -> bool:
        return self.raw > self.bits + 1e-9


@dataclass(frozen=True, slots=True)
class Member:
    account: int
    probability: float
    tier: str
    flagged: bool
    aggregate: bool
    evidence: tuple[Evidence, ...]

    @property
    def bits(self) -> float:
        return sum(entry.bits for entry in self.evidence)


@dataclass(frozen=True, slots=True)
class Link:
    """The member carries a value that other organisations of the case carry. bits None: context."""

    account: int
    attribute: int
    bits: float | None
    members: int


@dataclass(frozen=True, slots=True)
class Hub:
    """A value that most members carry but that is too common, or of unknown prevalence, to tie."""

    attribute: int
    members: int


@dataclass(frozen=True, slots=True)
class Cluster:
    case: int | None
    members: tuple[Member, ...]
    links: tuple[Link, ...]
    hubs: tuple[Hub, ...]
    bridges: tuple[Bridge, ...]
    organisations: int
    meeting: Meeting | None


@dataclass(frozen=True, slots=True)
class Grouping:
    """absorbed: case numbers that no cluster took over, each with the place in clusters of the one
    that holds most of its members, or None. refused: why candidates did not become cases. reach:
    what the answer depended on."""

    method: str
    clusters: tuple[Cluster, ...]
    absorbed: dict[int, int | None]
    refused: dict[str, int]
    reach: Reach = field(compare=False)


def describe(
    facts: Facts, seen: Witnesses, scorer: Scorer, scores: Scores, stays: np.ndarray, *,
    case: int | None, bridges: tuple[Bridge, ...], meeting: Meeting | None,
) -> Cluster:  # fmt: skip
    """Put a settled cluster into words that need no arrays; stays marks its members in scores."""
    rows = np.flatnonzero(stays)
    members = tuple(_member(facts, seen, scorer, scores, row) for row in rows)
    accounts = scores.account[rows]
    links, hubs = _links(facts, seen, np.sort(accounts))
    parties = len(np.unique(facts.party[accounts]))
    return Cluster(case, members, links, hubs, bridges, parties, meeting)


def _member(facts: Facts, seen: Witnesses, scorer, scores: Scores, row: int) -> Member:
    account = scores.account[row]
    prior = float(scorer.prior_bits)
    evidence = [Evidence("prior", prior, prior)]
    for family in np.argsort(-scores.family_bits[row], kind="stable"):
        bits = float(scores.family_bits[row, family])
        if bits == 0:
            continue
        raw = float(scores.raw_bits[row, family])
        witness = int(scores.best[row, family])
        attribute = group = None
        if witness >= 0 and seen.attribute[witness] >= 0:
            attribute = int(facts.attribute[seen.attribute[witness]])
        elif witness >= 0:
            group = int(facts.groups[seen.group[witness]])
        shared = int(scores.shared[row, family]) if witness >= 0 else 0
        evidence.append(Evidence(FAMILIES[family], bits, raw, attribute, group, shared))
    flagged, aggregate = bool(facts.flagged[account]), bool(facts.aggregate[account])
    total = sum(entry.bits for entry in evidence)
    if (aggregate or not flagged) and total > HELD_BITS:
        evidence.append(Evidence("held", HELD_BITS - total, HELD_BITS - total))
    p = float(probability(sum(entry.bits for entry in evidence)))
    return Member(int(facts.account[account]), p, tier(p), flagged, aggregate, tuple(evidence))


def _links(facts: Facts, seen: Witnesses, accounts: np.ndarray):
    """Values that tie the members, and the context that most of them share."""
    row, witness = seen.of_accounts(accounts)
    attribute = seen.attribute[witness]
    real = attribute >= 0
    row, witness, attribute = row[real], witness[real], attribute[real]
    keys, first = np.unique(attribute * len(accounts) + row, return_index=True)
    value, row = np.divmod(keys, max(len(accounts), 1))
    rarity = np.where(seen.links[witness], seen.bits[witness], np.nan)[first]
    names, start, count = np.unique(value, return_index=True, return_counts=True)
    party = facts.party[accounts[row]]
    several = np.maximum.reduceat(party, start) > np.minimum.reduceat(party, start)
    common = np.isnan(rarity[start])
    hubs = []
    for place in np.flatnonzero(several & common & (count >= CONTEXT_SHARE * len(accounts))):
        hubs.append(Hub(int(facts.attribute[names[place]]), int(count[place])))
    tie = np.repeat(several & ~common, count)
    columns = (
        facts.account[accounts[row[tie]]], facts.attribute[value[tie]],
        rarity[tie], np.repeat(count, count)[tie],
    )  # fmt: skip
    links = [Link(*fields) for fields in zip(*(column.tolist() for column in columns), strict=True)]
    return tuple(links), tuple(hubs)
