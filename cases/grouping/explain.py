"""Why one account belongs: each thing that it shares with its case, and what it would be without.

The terms are the membership formula's own (see membership.py): a term or a family is withdrawn and
the sum is taken again, against the same voters.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from .membership import SLOT_FAMILY, SLOTS, Heard, Rows, Scorer, capped, domains
from .output import HELD_BITS
from .rarity import CAP, FAMILIES, KINDS, POSSIBLE_BITS, probability
from .tables import Facts, positions
from .witnesses import witnesses

TERMS = 12  # that are withdrawn one by one, the worthiest


@dataclass(frozen=True, slots=True)
class Without:
    """What the account would be. tied: by evidence of two domains still, without which nobody
    belongs whatever the bits."""

    probability: float
    tied: bool

    @property
    def leaves(self) -> bool:
        return not self.tied or self.probability < POSSIBLE


@dataclass(frozen=True, slots=True)
class Term:
    """One value, or one detector's observation about a cluster, that the account shares.

    attribute: the value's id, or group: the observation's code. shared: other organisations that
    vote in the case and carry it. carriers of population: d(v) of N, None for an observation.
    rarity: log2(0.9·N/d), or the p-value's bits. here: bits against the case's voters. adds: what
    it adds among values of its kind, after the looks. speaks: its kind is the one that counts for
    the family. without: None where it was not withdrawn.
    """

    family: str
    kind: str
    attribute: int | None
    group: int | None
    shared: int
    carriers: float | None
    population: float | None
    rarity: float
    here: float
    adds: float
    speaks: bool
    without: Without | None


@dataclass(frozen=True, slots=True)
class FamilySum:
    """bits: what counts, at most cap; raw: before it; alone: what detectors say of the account by
    itself, which counts where it is more than what is shared, and may be below 0 by calibration.
    """

    family: str
    bits: float
    raw: float
    alone: float
    cap: float
    without: Without

    @property
    def capped(self) -> bool:
        return self.raw > self.bits + 1e-9


@dataclass(frozen=True, slots=True)
class Membership:
    """prior_bits + Σ families' bits + held is the log2-odds; held ≤ 0 keeps at possible whom no
    detector flagged or who stands for many. voters: organisations that vote, its own left out."""

    account: int
    prior: float
    prior_bits: float
    families: tuple[FamilySum, ...]
    terms: tuple[Term, ...]
    held: float
    voters: int
    flagged: bool
    aggregate: bool
    tied: bool

    @property
    def bits(self) -> float:
        return self.prior_bits + sum(family.bits for family in self.families) + self.held

    @property
    def probability(self) -> float:
        return float(probability(self.bits))


POSSIBLE = float(probability(POSSIBLE_BITS))


def explain_member(
    facts: Facts, *, prior: float, account: int, voters: Collection[int]
) -> Membership:
    """The membership of an account (an id in facts) against voters (ids in facts), term by term.

    facts must hold the account's uses and signals in full, the voters' uses of its values, every
    use of those values that few carry (they divide into episodes) and every signal of the
    observations that it is part of. Raises KeyError for an account that facts do not hold.
    """
    at = int(positions(facts.account, np.array([account], dtype=np.int64))[0])
    if at < 0:
        raise KeyError(account)
    seen = witnesses(facts)
    scorer = Scorer(facts, seen, prior=prior)
    inside = positions(facts.account, np.array(sorted(voters), dtype=np.int64))
    members = Rows.single(inside[inside >= 0])
    row = Rows.single(np.array([at]))
    heard = scorer.hear(members, row)
    scores = scorer.total(row, heard)
    flagged, aggregate = bool(facts.flagged[at]), bool(facts.aggregate[at])

    def held(total: float) -> float:
        return min(0.0, HELD_BITS - total) if aggregate or not flagged else 0.0

    def would_be(bits: float, ties: np.ndarray) -> Without:
        p = float(probability(bits + held(bits)))
        return Without(p, bool(domains(ties[None])[0].sum() >= 2))

    families = []
    alone = scorer.alone(row.account)[0]
    for family in np.argsort(-scores.family_bits[0], kind="stable"):
        if scores.family_bits[0, family] == 0:
            continue
        raw, ties = scores.raw_bits[:1].copy(), scores.ties[0].copy()
        raw[0, family], ties[family] = 0.0, False
        families.append(
            FamilySum(
                FAMILIES[family],
                float(scores.family_bits[0, family]),
                float(scores.raw_bits[0, family]),
                float(alone[family]),
                float(CAP[family]),
                would_be(scorer.prior_bits + float(capped(raw).sum()), ties),
            )
        )
    terms = _terms(facts, scorer, row, heard, would_be)
    party = facts.party[members.account]
    total = float(scores.total[0])
    return Membership(
        account=account,
        prior=prior,
        prior_bits=float(scorer.prior_bits),
        families=tuple(families),
        terms=terms,
        held=held(total),
        voters=len(np.unique(party[party != facts.party[at]])),
        flagged=flagged,
        aggregate=aggregate,
        tied=bool(scores.tied[0]),
    )


def _terms(facts, scorer: Scorer, row: Rows, heard: Heard, would_be) -> tuple[Term, ...]:
    """Every term, the worthiest first; the first TERMS are withdrawn one by one."""
    seen = scorer.seen
    order, adds = heard.worth(seen)
    slot = seen.slot[heard.witness[order]]
    by_slot = np.bincount(slot, weights=adds, minlength=SLOTS)
    speaks = {}
    for place, family in enumerate(SLOT_FAMILY):
        if by_slot[place] > by_slot[speaks.get(family, place)] or family not in speaks:
            speaks[family] = place
    speaking = np.array([speaks[SLOT_FAMILY[place]] == place for place in slot], dtype=bool)
    witness = heard.witness[order]
    ranked = np.lexsort((witness, -heard.bits[order], -adds, ~speaking))
    tried = ranked[:TERMS]
    without = dict(zip(tried.tolist(), _withdrawn(scorer, row, heard, order[tried], would_be),
                       strict=True))  # fmt: skip
    terms = []
    for place in ranked.tolist():
        what, pair = int(witness[place]), int(order[place])
        value = int(seen.attribute[what])
        terms.append(
            Term(
                family=FAMILIES[seen.family[what]],
                kind=KINDS[seen.slot[what]] if value >= 0 else "",
                attribute=int(facts.attribute[value]) if value >= 0 else None,
                group=None if value >= 0 else int(facts.groups[seen.group[what]]),
                shared=int(heard.others[pair]),
                carriers=float(seen.carriers[what]) if value >= 0 else None,
                population=float(seen.population[what]) if value >= 0 else None,
                rarity=float(seen.bits[what]),
                here=float(heard.bits[pair]),
                adds=float(adds[place]),
                speaks=bool(speaking[place]),
                without=without.get(place),
            )
        )
    return tuple(terms)


def _withdrawn(scorer: Scorer, row: Rows, heard: Heard, pairs: np.ndarray, would_be):
    """For each pair what the account would be, had nobody else carried that value: all at once, a
    row a pair."""
    turns, size = len(pairs), len(heard.row)
    if not turns:
        return []
    rows = Rows(np.arange(turns), np.repeat(row.account, turns))
    turn, pair = np.divmod(np.arange(turns * size), size)
    keep = pair != pairs[turn]
    turn, pair = turn[keep], pair[keep]
    less = Heard(
        np.tile(heard.values, turns), turn, heard.witness[pair], heard.bits[pair],
        heard.others[pair],
    )  # fmt: skip
    scores = scorer.total(rows, less)
    return [
        would_be(float(total), ties) for total, ties in zip(scores.total, scores.ties, strict=True)
    ]
