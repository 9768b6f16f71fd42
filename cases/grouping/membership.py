"""Who belongs to a cluster, with what probability and on what evidence: naive Bayes by family."""

from dataclasses import dataclass

import numpy as np

from .links import Witnesses
from .rarity import (
    ALONE_CAP,
    CAP,
    CONTENT,
    DOMAIN,
    FAMILIES,
    FAMILY_CODE,
    KIND_CODE,
    KIND_FAMILY,
    KINDS,
    WEAK_KINDS,
    M,
    at_least,
    log_odds,
    p_value_bits,
    several,
)
from .tables import Facts

SLOTS = len(KINDS) + len(FAMILIES)
SLOT_FAMILY = [int(family) for family in KIND_FAMILY] + list(range(len(FAMILIES)))
WEAK_SLOTS = {KIND_CODE[kind] for kind in WEAK_KINDS}
SEARCH_BITS = 3.0  # newcomers are found through witnesses worth this much, of two domains
# other organisations that must carry a value: one account, however much it shares, is one witness
WITNESSES = 2
TIE_BITS = 1.0  # what a family must be worth to count as one of the two


@dataclass(frozen=True, slots=True)
class Scores:
    """What the evidence says of each account that shares something with the cluster.

    family_bits is accounts × families, capped; raw_bits before the cap. best
    gives for each account and family the witness that is worth most, −1 for none; shared the
    number of the cluster's other parties that carry it.
    """

    account: np.ndarray
    total: np.ndarray
    family_bits: np.ndarray
    raw_bits: np.ndarray
    ties: np.ndarray  # accounts × families: which families tie it to the cluster
    best: np.ndarray
    shared: np.ndarray
    parties: int

    @property
    def tied(self) -> np.ndarray:
        """By families of two domains at least."""
        return domains(self.ties).sum(axis=1) >= 2


def domains(ties: np.ndarray) -> np.ndarray:
    """Families that tie, those of one domain as one."""
    ties = ties.copy()
    first, *more = CONTENT
    for family in more:
        ties[:, first] |= ties[:, family]
        ties[:, family] = False
    return ties


class Scorer:
    """Scores accounts against clusters over one set of facts. Pure; holds only lookups."""

    def __init__(self, facts: Facts, seen: Witnesses, *, prior: float):
        self.facts, self.seen = facts, seen
        self.prior_bits = log_odds(prior)
        self.links, self.can_tie = seen.links, seen.ties
        # how many values of each kind an account has: the more, the easier to share one by chance
        known = self.links[seen.witness] | np.isnan(seen.bits[seen.witness])
        self.values = np.bincount(
            seen.account[known] * SLOTS + seen.slot[seen.witness[known]],
            minlength=len(facts.account) * SLOTS,
        ).reshape(len(facts.account), SLOTS)
        self.alone = self._alone()

    def _alone(self) -> np.ndarray:
        """Bits of the detectors' words about an account by itself: the best of a family, paid for
        by the number of its looks."""
        facts = self.facts
        size = len(facts.account) * len(FAMILIES)
        lone = facts.signal_group < 0
        cell = facts.signal_account[lone] * len(FAMILIES) + facts.signal_family[lone]
        p = np.nan_to_num(facts.signal_p[lone], nan=1.0)
        best = np.ones(size)
        np.minimum.at(best, cell, p)
        looks = np.bincount(cell, minlength=size)
        bits = np.minimum(p_value_bits(np.minimum(1.0, best * np.maximum(looks, 1))), ALONE_CAP)
        bits = bits.reshape(len(facts.account), len(FAMILIES))
        bits[:, FAMILY_CODE["watermark"]] = 0.0
        return bits

    def score(
        self,
        members: np.ndarray,
        *,
        also: np.ndarray | None = None,
        without: np.ndarray | None = None,
    ) -> Scores:
        """Score members, also, and everybody found through what the members share.

        members vote; without: witnesses that must not count (explained away).
        """
        facts, seen = self.facts, self.seen
        votes = _Votes(facts, seen, members, self.links, without)
        search = self._telling(votes)
        found = self._found_twice(search)
        parts = [members, found] if also is None else [members, found, also]
        account = np.unique(np.concatenate(parts))
        row, witness = seen.of_accounts(account)
        at = np.searchsorted(votes.witness, witness)
        at = np.minimum(at, max(len(votes.witness) - 1, 0))
        hit = votes.witness[at] == witness if len(votes.witness) else np.zeros(len(row), bool)
        row, witness, at = row[hit], witness[hit], at[hit]
        party = facts.party[account[row]]
        # an account's own organisation has no vote
        own_voter = votes.has_party(party).astype(np.int64)
        own_carries = votes.carries(at, party).astype(np.int64)
        others = votes.count[at] - own_carries
        voters = votes.parties - own_voter
        outside = np.maximum(seen.carriers[witness] - others, 1.0)
        rest = np.maximum(seen.population[witness] - voters, outside)
        with np.errstate(divide="ignore", invalid="ignore"):
            member_rate = np.minimum(M, at_least(others) / (voters + 1.0))
            bits = np.log2(member_rate / (outside / rest))
        bits = np.where(seen.attribute[witness] >= 0, bits, seen.bits[witness])
        good = (others >= WITNESSES) & (np.nan_to_num(bits, nan=-1.0) > 0)
        row, witness, bits, others = row[good], witness[good], bits[good], others[good]
        return self._sum(account, row, witness, bits, others, votes.parties)

    def _found_twice(self, search: np.ndarray) -> np.ndarray:
        """Accounts that carry telling witnesses of two domains; one domain alone ties nobody."""
        row, account = self.seen.of_witnesses(search)
        domain = DOMAIN[self.seen.family[search]][row]
        pairs = np.unique(account * len(FAMILIES) + domain)
        names, count = np.unique(pairs // len(FAMILIES), return_counts=True)
        return names[count >= 2]

    def telling(self, members: np.ndarray, *, without: np.ndarray | None = None) -> np.ndarray:
        """The witnesses of these members that say something of whoever else carries them."""
        return self._telling(_Votes(self.facts, self.seen, members, self.links, without))

    def _telling(self, votes: "_Votes") -> np.ndarray:
        return votes.witness[
            (votes.worth(self.seen) >= SEARCH_BITS)
            & (votes.count >= WITNESSES)
            & self.can_tie[votes.witness]
        ]

    def _sum(self, account, row, witness, bits, others, parties) -> Scores:
        size, families = len(account), len(FAMILIES)
        cell = row * SLOTS + self.seen.slot[witness]
        order = np.lexsort((witness, -bits, cell))
        sorted_cell = cell[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = sorted_cell[1:] != sorted_cell[:-1]
        place = np.arange(len(order))
        rank = place - np.maximum.accumulate(np.where(first, place, 0))
        values = self.values[account[row], self.seen.slot[witness]][order]
        worth = several(bits[order], rank, values)
        total = np.bincount(sorted_cell, weights=worth, minlength=size * SLOTS)
        total = total.reshape(size, SLOTS)
        ties = np.zeros((size, families))
        # kinds of one family are nested or depend on each other: the strongest speaks for all
        shared_bits = np.zeros((size, families))
        for slot, family in enumerate(SLOT_FAMILY):
            np.maximum(shared_bits[:, family], total[:, slot], out=shared_bits[:, family])
            if slot not in WEAK_SLOTS:
                np.maximum(ties[:, family], total[:, slot], out=ties[:, family])
        raw = np.maximum(shared_bits, self.alone[account])
        capped = np.minimum(raw, CAP)
        said, alike = CONTENT
        fuller = np.where(capped[:, said] >= capped[:, alike], said, alike)
        weaker = np.where(fuller == said, alike, said)
        rows = np.arange(size)
        room = CAP[said] - capped[rows, fuller]
        capped[rows, weaker] = np.minimum(capped[rows, weaker], room)
        best = np.full((size, families), -1)
        shared = np.zeros((size, families), dtype=np.int64)
        order = np.lexsort((-witness, bits))  # the worthiest last, so that it stays
        family = self.seen.family[witness]
        best[row[order], family[order]] = witness[order]
        shared[row[order], family[order]] = others[order]
        return Scores(
            account,
            self.prior_bits + capped.sum(axis=1),
            capped,
            raw,
            ties >= TIE_BITS,
            best,
            shared,
            parties,
        )


class _Votes:
    """What the members of a cluster carry, counted in organisations."""

    def __init__(self, facts, seen, members, links, without):
        row, witness = seen.of_accounts(members)
        usable = links[witness]
        if without is not None and len(without):
            usable &= ~np.isin(witness, without)
        row, witness = row[usable], witness[usable]
        self._space = int(facts.party.max(initial=0)) + 1
        self._pairs = np.unique(witness * self._space + facts.party[members[row]])
        self.witness, self.count = np.unique(self._pairs // self._space, return_counts=True)
        self._party = np.unique(facts.party[members])
        self.parties = len(self._party)

    def worth(self, seen) -> np.ndarray:
        """Bits of each witness to somebody new."""
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.minimum(M, at_least(self.count) / (self.parties + 1.0))
            outside = np.maximum(seen.carriers[self.witness] - self.count, 1.0)
            rest = np.maximum(seen.population[self.witness] - self.parties, outside)
            bits = np.log2(rate / (outside / rest))
        return np.where(seen.attribute[self.witness] >= 0, bits, seen.bits[self.witness])

    def has_party(self, party: np.ndarray) -> np.ndarray:
        return _within(self._party, party)

    def carries(self, at: np.ndarray, party: np.ndarray) -> np.ndarray:
        if not len(self.witness):
            return np.zeros(len(party), dtype=bool)
        return _within(self._pairs, self.witness[at] * self._space + party)


def _within(ordered: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    if not len(ordered):
        return np.zeros(len(wanted), dtype=bool)
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return ordered[at] == wanted
