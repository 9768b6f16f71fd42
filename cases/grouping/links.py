"""Ties between accounts, as stars: never a table of pairs, so that cost follows the rows."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import pdtrc

from .rarity import (
    CAP,
    CONTEXT_BITS,
    DOMAIN,
    FAMILIES,
    FAMILY_CODE,
    KIND_CODE,
    KIND_FAMILY,
    KINDS,
    POSSIBLE_BITS,
    WEAK_KINDS,
    log_odds,
    p_value_bits,
    rarity_bits,
)
from .tables import Facts

EPISODE_GAP = 7 * 86_400  # uses further apart than this do not overlap: an address moves on
ALONE_BITS, ALONE_CARRIERS = 16.0, 20  # a value so rare that it links flagged accounts by itself
RAREST = 16  # of an account's values in one family, how many look for company
MEET = 3  # parties that must carry both values: two that do are a household, not a campaign
CHANCE = 0.25  # a pair of values that meets this often by chance ties nobody
PAIRS_AT_ONCE = 8_000_000


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What can tie accounts: a value during one episode of use, or one cluster observation.

    slot is the kind of attribute, or len(KINDS) + family for a detector's observation about a
    cluster. carrier arrays are sorted by (account, witness); node_* give the same by witness.
    """

    attribute: np.ndarray  # position in facts, −1 for an observation
    group: np.ndarray  # position in facts.groups, −1 for an attribute
    slot: np.ndarray
    family: np.ndarray
    carriers: np.ndarray
    population: np.ndarray
    bits: np.ndarray  # rarity, or the p-value's; NaN unknown
    account: np.ndarray
    witness: np.ndarray
    account_start: np.ndarray
    node_account: np.ndarray
    node_start: np.ndarray

    @property
    def links(self) -> np.ndarray:
        """Which witnesses count: known to be rare enough."""
        return np.nan_to_num(self.bits, nan=0.0) >= CONTEXT_BITS

    @property
    def ties(self) -> np.ndarray:
        """Which of them may be one of the two that tie."""
        return self.links & ~np.isin(self.slot, [KIND_CODE[kind] for kind in WEAK_KINDS])

    def of_accounts(self, accounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row of accounts, witness) of everything that these accounts carry."""
        return _ranges(self.account_start, accounts, self.witness)

    def of_witnesses(self, witnesses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row of witnesses, account) of everybody who carries them."""
        return _ranges(self.node_start, witnesses, self.node_account)


def _ranges(start: np.ndarray, rows: np.ndarray, content: np.ndarray):
    counts = start[rows + 1] - start[rows]
    total = int(counts.sum())
    where = np.repeat(np.arange(len(rows)), counts)
    shift = np.repeat(start[rows] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
    return where, content[np.arange(total) + shift]


def witnesses(facts: Facts) -> Witnesses:
    """Split each value into episodes of overlapping use, and add the cluster observations."""
    episode, fresh = _episodes(facts)
    attribute = facts.use_attribute[fresh]
    grouped = facts.signal_group >= 0
    families = len(FAMILIES)
    codes, where = np.unique(
        facts.signal_group[grouped] * families + facts.signal_family[grouped], return_inverse=True
    )
    values = len(attribute)
    bits = np.concatenate(
        [
            rarity_bits(np.maximum(facts.carriers[attribute], 2), facts.population[attribute]),
            _group_bits(facts.signal_p[grouped], where, codes),
        ]
    )
    kind = facts.kind[attribute].astype(np.int64)
    family = np.concatenate([KIND_FAMILY[kind], codes % families])
    nothing = np.full(len(codes), -1)
    account = np.concatenate([facts.use_account[episode[1]], facts.signal_account[grouped]])
    witness = np.concatenate([episode[0], values + where])
    count = len(facts.account)
    pairs = np.unique(account * (len(bits) + 1) + witness)
    account, witness = np.divmod(pairs, len(bits) + 1)
    by_node = np.argsort(witness, kind="stable")
    nan = np.full(len(codes), np.nan)
    return Witnesses(
        attribute=np.concatenate([attribute, nothing]),
        group=np.concatenate([np.full(values, -1), codes // families]),
        slot=np.concatenate([kind, len(KINDS) + codes % families]),
        family=family,
        carriers=np.concatenate([facts.carriers[attribute], nan]),
        population=np.concatenate([facts.population[attribute], nan]),
        bits=np.where(family == FAMILY_CODE["watermark"], 0.0, bits),
        account=account,
        witness=witness,
        account_start=np.searchsorted(account, np.arange(count + 1)),
        node_account=account[by_node],
        node_start=np.searchsorted(witness[by_node], np.arange(len(bits) + 1)),
    )


def _episodes(facts: Facts):
    """((episode of each use, use), first use of each episode), uses by attribute and time.

    A use of unknown time belongs to the value's first episode.
    """
    order = np.lexsort((facts.use_first, facts.use_attribute))
    attribute = facts.use_attribute[order]
    first = facts.use_first[order]
    last = np.maximum(facts.use_last[order], first)
    if not len(order):
        return (order, order), order
    span = int(last.max()) + EPISODE_GAP + 2
    seen = np.maximum.accumulate(last + attribute * span) - attribute * span
    new = np.ones(len(order), dtype=bool)
    same = attribute[1:] == attribute[:-1]
    new[1:] = ~same | ((seen[:-1] >= 0) & (first[1:] > seen[:-1] + EPISODE_GAP))
    return (np.cumsum(new) - 1, order), order[new]


def _group_bits(p: np.ndarray, where: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """An observation counts once, by the median of its members' p-values."""
    bits = np.zeros(len(codes))
    worth = p_value_bits(p)
    order = np.lexsort((worth, where))
    start = np.searchsorted(where[order], np.arange(len(codes) + 1))
    middle = (start[:-1] + start[1:] - 1) // 2
    if len(codes):
        bits = worth[order][middle]
    return bits


@dataclass(frozen=True, slots=True)
class Ties:
    """Stars: tie i holds the accounts that carry both its witnesses (or the one, if a == b)."""

    a: np.ndarray
    b: np.ndarray
    bits: np.ndarray
    tie: np.ndarray  # with account: the incidences, sorted by tie
    account: np.ndarray


def link_bits(prior: float) -> float:
    """What two accounts must share: enough to make one a possible member given the other."""
    return POSSIBLE_BITS - log_odds(prior)


def ties(facts: Facts, seen: Witnesses, *, prior: float, left_out: np.ndarray) -> Ties:
    """Values of two domains that the same accounts of different parties carry, or one value that is
    very rare among flagged accounts. left_out: accounts that tie nobody (aggregates).
    """
    links = seen.ties
    usable = links[seen.witness] & ~left_out[seen.account]
    account, witness = seen.account[usable], seen.witness[usable]
    family = DOMAIN[seen.family[witness]]
    worth = np.minimum(seen.bits, CAP[seen.family])
    order = np.lexsort((-seen.bits[witness], family, account))
    account, witness, family = account[order], witness[order], family[order]
    place = np.arange(len(account))
    new = np.ones(len(account), dtype=bool)
    new[1:] = (account[1:] != account[:-1]) | (family[1:] != family[:-1])
    rank = place - np.maximum.accumulate(np.where(new, place, 0))
    # an account all of whose ties lie in one family has no second witness
    families = np.bincount(account[new], minlength=len(facts.account))
    keep = (rank < RAREST) & (families[account] >= 2)
    account, witness, family = account[keep], witness[keep], family[keep]

    needed = link_bits(prior)
    found_keys, found_accounts = [], []
    for low, high in _chunks(account):
        end = np.searchsorted(account[low:high], account[low:high], side="right") + low
        counts = end - np.arange(low, high) - 1
        left = np.repeat(np.arange(low, high), counts)
        step = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        right = left + 1 + step
        wl, wr = witness[left], witness[right]
        good = (family[left] != family[right]) & (worth[wl] + worth[wr] >= needed)
        wl, wr, left = wl[good], wr[good], left[good]
        found_keys.append(np.minimum(wl, wr) * len(seen.bits) + np.maximum(wl, wr))
        found_accounts.append(account[left])
    key = np.concatenate(found_keys) if found_keys else np.zeros(0, dtype=np.int64)
    who = np.concatenate(found_accounts) if found_accounts else np.zeros(0, dtype=np.int64)

    alone = links & (seen.bits >= ALONE_BITS) & ~(seen.carriers > ALONE_CARRIERS)
    alone &= seen.attribute >= 0
    single = alone[seen.witness] & facts.flagged[seen.account] & ~left_out[seen.account]
    key = np.concatenate([key, seen.witness[single] * (len(seen.bits) + 1)])
    who = np.concatenate([who, seen.account[single]])
    return _stars(facts, seen, key, who, worth)


def _chunks(account: np.ndarray):
    """Runs of whole accounts whose pairs fit in memory."""
    if not len(account):
        return
    start = np.flatnonzero(np.concatenate(([True], account[1:] != account[:-1])))
    size = np.diff(np.concatenate((start, [len(account)])))
    part = np.cumsum(size * (size - 1) // 2) // PAIRS_AT_ONCE
    cuts = start[np.concatenate(([True], part[1:] != part[:-1]))]
    yield from zip(cuts, np.concatenate((cuts[1:], [len(account)])), strict=True)


def _stars(facts, seen, key, who, worth) -> Ties:
    unique, tie, count = np.unique(key, return_inverse=True, return_counts=True)
    keep = count[tie] >= MEET
    tie, who = tie[keep], who[keep]
    parties = int(facts.party.max(initial=0)) + 1
    pairs = np.unique(tie * parties + facts.party[who])
    spread = np.bincount(pairs // parties, minlength=len(unique))
    a, b = np.divmod(unique, len(seen.bits)) if len(unique) else (unique, unique)
    # carriers expected to meet by chance, were the two values independent
    meet = seen.carriers[a] * seen.carriers[b] / np.fmin(seen.population[a], seen.population[b])
    chance = np.where(np.isnan(meet) | (a == b), 0.0, pdtrc(np.maximum(spread - 2, 0), meet))
    good = (spread >= MEET) & (chance <= CHANCE)
    renamed = np.cumsum(good) - 1
    inside = good[tie]
    tie, who = renamed[tie[inside]], who[inside]
    order = np.lexsort((who, tie))
    bits = np.where(a == b, seen.bits[a], worth[a] + worth[b])
    return Ties(a[good], b[good], bits[good], tie[order], who[order])


def components(found: Ties, accounts: int) -> np.ndarray:
    """A label for each account; −1 for those that nothing ties."""
    size = accounts + len(found.bits)
    graph = coo_array(
        (np.ones(len(found.tie), dtype=np.int8), (found.account, accounts + found.tie)),
        shape=(size, size),
    )
    labels = connected_components(graph, directed=False)[1][:accounts].astype(np.int64)
    tied = np.zeros(accounts, dtype=bool)
    tied[found.account] = True
    return np.where(tied, labels, -1)
