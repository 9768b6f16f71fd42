"""Who belongs to a cluster, with what probability and on what evidence: naive Bayes by family.

All clusters are scored at once: a cluster is a number, and every row says which it is of.
"""

from dataclasses import dataclass

import numpy as np

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
    POSSIBLE_BITS,
    WEAK_KINDS,
    M,
    at_least,
    log_odds,
    p_value_bits,
    paid,
    several,
)
from .tables import Facts, distinct
from .witnesses import Witnesses

SLOTS = len(KINDS) + len(FAMILIES)
SLOT_FAMILY = [int(family) for family in KIND_FAMILY] + list(range(len(FAMILIES)))
WEAK_SLOTS = {KIND_CODE[kind] for kind in WEAK_KINDS}
SEARCH_BITS = 3.0  # newcomers are found through witnesses worth this much, of two domains
# other organisations that must carry a value: one account, however much it shares, is one witness
WITNESSES = 2
UNFLAGGED_BITS = 0.0  # of whom no detector flagged: even odds
TIE_BITS = 1.0  # what a family must be worth to count as one of the two
NOBODY = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """Accounts of clusters: two columns, sorted by (cluster, account), each pair once."""

    cluster: np.ndarray
    account: np.ndarray

    @classmethod
    def of(cls, cluster, account, accounts: int) -> "Rows":
        pairs = distinct(np.asarray(cluster, dtype=np.int64) * accounts + account)
        return cls(*np.divmod(pairs, max(accounts, 1)))

    @classmethod
    def single(cls, accounts: np.ndarray) -> "Rows":
        """One cluster, number 0."""
        accounts = distinct(accounts)
        return cls(np.zeros(len(accounts), dtype=np.int64), accounts)

    def __len__(self):
        return len(self.account)

    def __getitem__(self, keep) -> "Rows":
        return Rows(self.cluster[keep], self.account[keep])

    def key(self, accounts: int) -> np.ndarray:
        return self.cluster * accounts + self.account


@dataclass(frozen=True, slots=True)
class Scores:
    """What the evidence says of each account that shares something with its cluster.

    family_bits is rows × families, capped; raw_bits before the cap. best gives for each row and
    family the witness that is worth most, −1 for none; shared the number of the cluster's other
    parties that carry it.
    """

    rows: Rows
    total: np.ndarray
    family_bits: np.ndarray
    raw_bits: np.ndarray
    ties: np.ndarray  # rows × families: which families tie it to the cluster
    best: np.ndarray
    shared: np.ndarray

    @property
    def account(self) -> np.ndarray:
        return self.rows.account

    @property
    def cluster(self) -> np.ndarray:
        return self.rows.cluster

    @property
    def tied(self) -> np.ndarray:
        """By families of two domains at least."""
        return domains(self.ties).sum(axis=1) >= 2

    def __getitem__(self, keep) -> "Scores":
        return Scores(
            self.rows[keep], self.total[keep], self.family_bits[keep], self.raw_bits[keep],
            self.ties[keep], self.best[keep], self.shared[keep],
        )  # fmt: skip


def belongs(facts: Facts, scores: Scores) -> np.ndarray:
    """Which rows are members: tied by two domains and possible at least. Whom no detector flagged
    comes in where it is more likely a member than not."""
    needed = np.where(facts.flagged[scores.account], POSSIBLE_BITS, UNFLAGGED_BITS)
    return (scores.total >= needed) & scores.tied


def domains(ties: np.ndarray) -> np.ndarray:
    """Families that tie, those of one domain as one."""
    ties = ties.copy()
    first, *more = CONTENT
    for family in more:
        ties[:, first] |= ties[:, family]
        ties[:, family] = False
    return ties


def capped(raw: np.ndarray) -> np.ndarray:
    """rows × families of bits under their caps: each family's own, and one for all content, which
    the fuller of its families fills first."""
    bits = np.minimum(raw, CAP)
    said, alike = CONTENT
    fuller = np.where(bits[:, said] >= bits[:, alike], said, alike)
    weaker = np.where(fuller == said, alike, said)
    every = np.arange(len(bits))
    bits[every, weaker] = np.minimum(bits[every, weaker], CAP[said] - bits[every, fuller])
    return bits


@dataclass(frozen=True, slots=True)
class Heard:
    """Witnesses that rows share with their cluster's voters: by pair the row, the witness, its bits
    in that cluster and how many other parties carry it; values by row × slot, as in SLOTS."""

    values: np.ndarray
    row: np.ndarray
    witness: np.ndarray
    bits: np.ndarray
    others: np.ndarray

    def worth(self, seen: Witnesses) -> tuple[np.ndarray, np.ndarray]:
        """(pairs in the order of their slots, the worthiest first; what each adds): after paying
        for the looks, and for those of its kind before it."""
        cell = self.row * SLOTS + seen.slot[self.witness]
        order = np.lexsort((self.witness, -self.bits, cell))
        cell = cell[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = cell[1:] != cell[:-1]
        place = np.arange(len(order))
        rank = place - np.maximum.accumulate(np.where(first, place, 0))
        gain = paid(self.bits[order], rank, self.values[cell])
        best = np.lexsort((self.witness[order], -gain, cell))
        adds = np.empty(len(order))
        adds[best] = several(gain[best], rank)
        return order, adds


class Scorer:
    """Scores accounts against clusters over one set of facts, and keeps what it looked at."""

    def __init__(self, facts: Facts, seen: Witnesses, *, prior: float):
        self.facts, self.seen = facts, seen
        self.prior_bits = log_odds(prior)
        self.looked: list[Rows] = []  # accounts scored, by cluster
        self.searched: list[tuple[np.ndarray, np.ndarray]] = []  # (cluster, witness)
        # the same, of communities that a question counted: see communities.py
        self.lived_in: list[tuple[np.ndarray, np.ndarray]] = []
        self._cells, self._alone = self._words()

    def _words(self) -> tuple[np.ndarray, np.ndarray]:
        """(account × families + family, bits) of the detectors' words about an account by itself:
        of a calibrated family what its best score is worth, of any other its best p-value, paid for
        by the number of its looks."""
        facts = self.facts
        speaks = facts.signal_family != FAMILY_CODE["watermark"]
        cell = facts.signal_account * len(FAMILIES) + facts.signal_family
        calibrated = speaks & ~np.isnan(facts.signal_bits)
        scored, where = np.unique(cell[calibrated], return_inverse=True)
        worth = np.full(len(scored), -np.inf)
        np.maximum.at(worth, where, facts.signal_bits[calibrated])
        worth = np.clip(worth, -ALONE_CAP, CAP[scored % len(FAMILIES)])
        lone = speaks & ~calibrated & (facts.signal_group < 0)
        cell = cell[lone]
        cells, where, looks = np.unique(cell, return_inverse=True, return_counts=True)
        best = np.ones(len(cells))
        np.minimum.at(best, where, np.nan_to_num(facts.signal_p[lone], nan=1.0))
        bits = np.minimum(p_value_bits(np.minimum(1.0, best * looks)), ALONE_CAP)
        cells, bits = np.concatenate([cells, scored]), np.concatenate([bits, worth])
        order = np.argsort(cells)
        return cells[order], bits[order]

    def alone(self, account: np.ndarray) -> np.ndarray:
        """accounts × families: what detectors say of each by itself, in bits."""
        cell = (account[:, None] * len(FAMILIES) + np.arange(len(FAMILIES))).ravel()
        bits = np.zeros(len(cell))
        if len(self._cells):
            at = np.minimum(np.searchsorted(self._cells, cell), len(self._cells) - 1)
            bits = np.where(self._cells[at] == cell, self._alone[at], 0.0)
        return bits.reshape(len(account), len(FAMILIES))

    def score(
        self, members: Rows, *, also: Rows | None = None, without: np.ndarray = NOBODY,
        newcomers: bool = True,
    ) -> Scores:  # fmt: skip
        """Score members, also, and everybody found through what the members share.

        members vote; without: what must not count (explained away), as cluster × witnesses +
        witness, ascending. Without newcomers only members and also are scored, and nothing is kept
        of the look.
        """
        facts, seen = self.facts, self.seen
        size = len(facts.account)
        votes = _Votes(facts, seen, members, without)
        parts = [members.key(size)]
        if newcomers:
            parts.append(self._found_twice(votes).key(size))
        if also is not None:
            parts.append(also.key(size))
        keys = distinct(np.concatenate(parts))
        rows = Rows(*np.divmod(keys, max(size, 1)))
        if newcomers:
            self.looked.append(rows)
            self.searched.append((votes.cluster[votes.telling], votes.witness[votes.telling]))
        return self.total(rows, self._hear(rows, votes))

    def hear(self, members: Rows, rows: Rows) -> "Heard":
        """What rows carry that so many of the members carry too, nothing scored yet."""
        return self._hear(rows, _Votes(self.facts, self.seen, members, NOBODY))

    def _hear(self, rows: Rows, votes: "_Votes") -> "Heard":
        facts, seen = self.facts, self.seen
        row, witness = seen.of_accounts(rows.account)
        values = self._values(len(rows), row, witness)
        cluster = rows.cluster[row]
        at, hit = votes.find(cluster, witness)
        row, witness, at, cluster = row[hit], witness[hit], at[hit], cluster[hit]
        party = facts.party[rows.account[row]]
        # an account's own organisation has no vote
        others = votes.count[at] - votes.carries(at, party)
        voters = votes.parties[cluster] - votes.has_party(cluster, party)
        bits = _worth(seen, witness, others, voters)
        good = (others >= WITNESSES) & (np.nan_to_num(bits, nan=-1.0) > 0)
        return Heard(values, row[good], witness[good], bits[good], others[good])

    def telling(self, members: Rows, *, without: np.ndarray = NOBODY) -> np.ndarray:
        """The witnesses of one cluster that say something of whoever else carries them."""
        votes = _Votes(self.facts, self.seen, members, without)
        return votes.witness[votes.telling]

    def _found_twice(self, votes: "_Votes") -> Rows:
        """Accounts that carry telling witnesses of two domains; one domain alone ties nobody."""
        search = np.flatnonzero(votes.telling)
        row, account = self.seen.of_witnesses(votes.witness[search])
        cluster = votes.cluster[search][row]
        domain = DOMAIN[self.seen.family[votes.witness[search]]][row]
        size, families = max(len(self.facts.account), 1), len(FAMILIES)
        pairs = distinct((cluster * size + account) * families + domain)
        keys, count = _runs(pairs // families)
        return Rows(*np.divmod(keys[count >= 2], size))

    def _values(self, rows: int, row: np.ndarray, witness: np.ndarray) -> np.ndarray:
        """How many values of each kind an account has: the more, the easier to share one."""
        known = self.seen.links[witness] | np.isnan(self.seen.bits[witness])
        cell = row[known] * SLOTS + self.seen.slot[witness[known]]
        return np.bincount(cell, minlength=rows * SLOTS)

    def total(self, rows: Rows, heard: "Heard") -> Scores:
        """The sum over what was heard of rows, by the formula."""
        size, families = len(rows), len(FAMILIES)
        row, witness, bits, others = heard.row, heard.witness, heard.bits, heard.others
        order, worth = heard.worth(self.seen)
        cell = row[order] * SLOTS + self.seen.slot[witness[order]]
        total = np.bincount(cell, weights=worth, minlength=size * SLOTS).reshape(size, SLOTS)
        ties = np.zeros((size, families))
        # kinds of one family are nested or depend on each other: the strongest speaks for all
        shared_bits = np.zeros((size, families))
        for slot, family in enumerate(SLOT_FAMILY):
            np.maximum(shared_bits[:, family], total[:, slot], out=shared_bits[:, family])
            if slot not in WEAK_SLOTS:
                np.maximum(ties[:, family], total[:, slot], out=ties[:, family])
        alone = self.alone(rows.account)
        raw = np.where(shared_bits > 0, np.maximum(shared_bits, alone), alone)
        within = capped(raw)
        best = np.full((size, families), -1)
        shared = np.zeros((size, families), dtype=np.int64)
        order = np.lexsort((-witness, bits))  # the worthiest last, so that it stays
        family = self.seen.family[witness]
        best[row[order], family[order]] = witness[order]
        shared[row[order], family[order]] = others[order]
        total = self.prior_bits + within.sum(axis=1)
        return Scores(rows, total, within, raw, ties >= TIE_BITS, best, shared)


def _worth(seen: Witnesses, witness, carriers, voters) -> np.ndarray:
    """Bits of a witness that so many of so many voting parties carry."""
    outside = np.maximum(seen.carriers[witness] - carriers, 1.0)
    rest = np.maximum(seen.population[witness] - voters, outside)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.minimum(M, at_least(carriers) / (voters + 1.0))
        bits = np.log2(rate / (outside / rest))
    return np.where(seen.attribute[witness] >= 0, bits, seen.bits[witness])


class _Votes:
    """What the members of each cluster carry, counted in organisations."""

    def __init__(self, facts: Facts, seen: Witnesses, members: Rows, without: np.ndarray):
        self._nodes = len(seen.bits)
        self._space = int(facts.party.max(initial=0)) + 1
        row, witness = seen.of_accounts(members.account)
        usable = seen.links[witness]
        row, witness = row[usable], witness[usable]
        key = members.cluster[row] * self._nodes + witness
        if len(without):
            at = np.minimum(np.searchsorted(without, key), len(without) - 1)
            counts = without[at] != key
            row, key = row[counts], key[counts]
        self._pairs = distinct(key * self._space + facts.party[members.account[row]])
        self._keys, self.count = _runs(self._pairs // self._space)
        self.cluster, self.witness = np.divmod(self._keys, max(self._nodes, 1))
        clusters = int(members.cluster.max(initial=-1)) + 1
        self._party = distinct(members.cluster * self._space + facts.party[members.account])
        self.parties = np.bincount(self._party // self._space, minlength=clusters)
        worth = _worth(seen, self.witness, self.count, self.parties[self.cluster])
        self.telling = (worth >= SEARCH_BITS) & (self.count >= WITNESSES) & seen.ties[self.witness]

    def find(self, cluster, witness) -> tuple[np.ndarray, np.ndarray]:
        """(place of each pair, whether it is there)."""
        return _find(self._keys, cluster * self._nodes + witness)

    def has_party(self, cluster, party) -> np.ndarray:
        return _find(self._party, cluster * self._space + party)[1].astype(np.int64)

    def carries(self, at, party) -> np.ndarray:
        if not len(self._keys):
            return np.zeros(len(party), dtype=np.int64)
        return _find(self._pairs, self._keys[at] * self._space + party)[1].astype(np.int64)


def _runs(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(each value, how often) of an ascending array."""
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    start = np.flatnonzero(fresh)
    return ordered[start], np.diff(np.concatenate((start, [len(ordered)])))


def _find(ordered: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not len(ordered):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return at, ordered[at] == wanted
