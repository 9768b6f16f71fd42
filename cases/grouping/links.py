"""Ties between accounts, as stars: never a table of pairs, so that cost follows the rows."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import pdtrc

from .rarity import CAP, DOMAIN, POSSIBLE_BITS, log_odds
from .tables import Facts, distinct
from .witnesses import Witnesses

ALONE_BITS, ALONE_CARRIERS = 16.0, 20  # a value so rare that it links flagged accounts by itself
RAREST = 16  # of an account's values in one domain, how many look for company
MEET = 3  # parties that must carry both values: two that do are a household, not a campaign
# A pair of values that meets this often by chance ties nobody; the more parties there are, the more
# pairs of values, so that the bound falls with the population.
CHANCE, CHANCE_PARTIES = 0.25, 1_000
PAIRS_AT_ONCE = 8_000_000
BUCKETS = 1 << 24  # at most


@dataclass(frozen=True, slots=True)
class Ties:
    """Stars: tie i holds the accounts that carry both its witnesses (or the one, if a == b)."""

    a: np.ndarray
    b: np.ndarray
    bits: np.ndarray
    tie: np.ndarray  # with account: the incidences, sorted by (tie, account)
    account: np.ndarray


def link_bits(prior: float) -> float:
    """What two accounts must share: enough to make one a possible member given the other."""
    return POSSIBLE_BITS - log_odds(prior)


def ties(
    facts: Facts, seen: Witnesses, *, prior: float, left_out: np.ndarray, meet: int = MEET
) -> Ties:
    """Values of two domains that the same accounts of different parties carry, or one value that is
    very rare among flagged accounts. left_out: accounts that tie nobody (aggregates). meet: how
    many parties must carry both.
    """
    account, witness = _looking(facts, seen, left_out, meet)
    domain = DOMAIN[seen.family[witness]]
    worth = np.minimum(seen.bits, CAP[seen.family])
    needed = link_bits(prior)
    keys, who = [], []
    for low, high in _chunks(account):
        left, right = _pairs(account, low, high)
        wl, wr = witness[left], witness[right]
        good = (domain[left] != domain[right]) & (worth[wl] + worth[wr] >= needed)
        keys.append(wl[good] * len(seen.bits) + wr[good])  # witnesses ascend within an account
        who.append(account[left[good]])
    alone = seen.ties & (seen.bits >= ALONE_BITS) & (seen.carriers <= ALONE_CARRIERS)
    where, carrier = seen.of_witnesses(np.flatnonzero(alone))
    single = facts.flagged[carrier] & ~left_out[carrier]
    keys.append(np.flatnonzero(alone)[where[single]] * (len(seen.bits) + 1))
    who.append(carrier[single])
    return _stars(facts, seen, np.concatenate(keys), np.concatenate(who), worth, meet)


def _looking(facts, seen, left_out, meet) -> tuple[np.ndarray, np.ndarray]:
    """(account, witness) of what looks for company, without what cannot find any: a value on fewer
    than meet accounts, an account whose values lie in one domain."""
    start = seen.account_start
    row = np.flatnonzero(seen.ties[seen.witness])
    account = np.repeat(np.arange(len(facts.account), dtype=np.int32), np.diff(start))[row]
    witness = seen.witness[row].astype(np.int64)
    account, witness = _rarest(seen, account, witness)
    degree = np.diff(seen.node_start)
    keep = (degree[witness] >= meet) & ~left_out[account]
    account, witness = account[keep], witness[keep]
    for _ in range(2):
        domain = 1 << DOMAIN[seen.family[witness]]
        begin = np.flatnonzero(np.concatenate(([True], account[1:] != account[:-1])))
        if not len(account):
            break
        mask = np.bitwise_or.reduceat(domain, begin)
        two = np.repeat(mask & (mask - 1) != 0, np.diff(np.concatenate((begin, [len(account)]))))
        account, witness = account[two], witness[two]
        met = np.bincount(witness, minlength=len(seen.bits)) >= meet
        account, witness = account[met[witness]], witness[met[witness]]
    return account.astype(np.int64), witness


def _rarest(seen, account, witness) -> tuple[np.ndarray, np.ndarray]:
    """The RAREST of each account's values in a domain."""
    count = np.bincount(account, minlength=1)
    many = np.flatnonzero(count[account] > RAREST)
    if not len(many):
        return account, witness
    who, what = account[many], witness[many]
    domain = DOMAIN[seen.family[what]]
    order = np.lexsort((what, -seen.bits[what], domain, who))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (who[order][1:] != who[order][:-1]) | (domain[order][1:] != domain[order][:-1])
    place = np.arange(len(order))
    rank = place - np.maximum.accumulate(np.where(first, place, 0))
    keep = np.ones(len(account), dtype=bool)
    keep[many[order[rank >= RAREST]]] = False
    return account[keep], witness[keep]


def _chunks(account: np.ndarray):
    """Runs of whole accounts whose pairs fit in memory."""
    if not len(account):
        return
    start = np.flatnonzero(np.concatenate(([True], account[1:] != account[:-1])))
    size = np.diff(np.concatenate((start, [len(account)])))
    part = np.cumsum(size * (size - 1) // 2) // PAIRS_AT_ONCE
    cuts = start[np.concatenate(([True], part[1:] != part[:-1]))]
    yield from zip(cuts, np.concatenate((cuts[1:], [len(account)])), strict=True)


def _pairs(account: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Every two rows of one account, the earlier one first."""
    end = np.searchsorted(account[low:high], account[low:high], side="right") + low
    counts = end - np.arange(low, high) - 1
    left = np.repeat(np.arange(low, high), counts)
    step = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    return left, left + 1 + step


def _stars(facts, seen, key, who, worth, meet) -> Ties:
    # most pairs of values meet once: a table of counts by remainder spares their sorting
    bucket = key % min(BUCKETS, 1 << (4 * len(key) + 1).bit_length())
    often = np.bincount(bucket, minlength=1)[bucket] >= meet
    key, who = key[often], who[often]
    order = np.lexsort((who, key))
    key, who = key[order], who[order]
    fresh = np.ones(len(key), dtype=bool)
    fresh[1:] = key[1:] != key[:-1]
    unique, tie = key[fresh], np.cumsum(fresh) - 1
    parties = int(facts.party.max(initial=0)) + 1
    pairs = distinct(tie * parties + facts.party[who])
    spread = np.bincount(pairs // parties, minlength=len(unique))
    a, b = np.divmod(unique, max(len(seen.bits), 1))
    population = np.fmin(seen.population[a], seen.population[b])
    # carriers expected to meet by chance, were the two values independent
    expected = seen.carriers[a] * seen.carriers[b] / population
    expected[a == b] = 0.0
    good = (spread >= meet) & unlikely(spread, expected, population)
    renamed = np.cumsum(good) - 1
    inside = good[tie]
    bits = np.where(a == b, seen.bits[a], worth[a] + worth[b])
    return Ties(a[good], b[good], bits[good], renamed[tie[inside]], who[inside])


def unlikely(spread: np.ndarray, expected: np.ndarray, population: np.ndarray) -> np.ndarray:
    """Whether so many parties that carry two values are beyond chance, where so many are expected
    of a population (NaN: unknown, as of an observation, which is no value of chance)."""
    chance = pdtrc(np.maximum(spread - 2, 0), np.nan_to_num(expected))
    bound = np.minimum(CHANCE, CHANCE_PARTIES / np.nan_to_num(population, nan=CHANCE_PARTIES))
    return chance <= bound


def components(found: Ties, accounts: int) -> np.ndarray:
    """A label for each account; −1 for those that nothing ties."""
    tied, local = np.unique(found.account, return_inverse=True)
    size = len(tied) + len(found.bits)
    graph = coo_array(
        (np.ones(len(found.tie), dtype=np.int8), (local, len(tied) + found.tie)), shape=(size, size)
    )
    labels = np.full(accounts, -1, dtype=np.int64)
    labels[tied] = connected_components(graph, directed=False)[1][: len(tied)]
    return labels
