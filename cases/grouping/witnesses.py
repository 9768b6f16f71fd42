"""What can tie accounts: values during an episode of use, and observations about clusters."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from .rarity import (
    CONTEXT_BITS,
    FAMILIES,
    FAMILY_CODE,
    KIND_CODE,
    KIND_FAMILY,
    KINDS,
    WEAK_KINDS,
    few,
    p_value_bits,
    rarity_bits,
)
from .tables import Facts

EPISODE_GAP = 7 * 86_400  # uses further apart than this do not overlap: an address moves on


@dataclass(frozen=True, slots=True)
class Witnesses:
    """A value during one episode of use, or one cluster observation.

    Numbered: values in their first episode by position, later episodes, observations. slot is the
    kind of attribute, or len(KINDS) + family for a detector's observation about a cluster.
    witness ascends within each account, node_account within each witness.
    """

    attribute: np.ndarray  # position in facts, −1 for an observation
    group: np.ndarray  # position in facts.groups, −1 for an attribute
    slot: np.ndarray
    family: np.ndarray
    carriers: np.ndarray
    population: np.ndarray
    bits: np.ndarray  # rarity, or the p-value's; NaN unknown
    links: np.ndarray  # counts: known to be rare enough
    ties: np.ndarray  # may be one of the two that tie, or that find a newcomer: few carry it
    account_start: np.ndarray
    witness: np.ndarray
    node_start: np.ndarray
    node_account: np.ndarray

    def of_accounts(self, accounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row of accounts, witness) of everything that these accounts carry."""
        return ranges(self.account_start, accounts, self.witness)

    def of_witnesses(self, witnesses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row of witnesses, account) of everybody who carries them."""
        return ranges(self.node_start, witnesses, self.node_account)


def ranges(start: np.ndarray, rows: np.ndarray, content: np.ndarray):
    """(place in rows, content) of what lies between start[row] and start[row + 1]."""
    counts = start[rows + 1] - start[rows]
    ends = np.cumsum(counts)
    where = np.repeat(np.arange(len(rows)), counts)
    shift = np.repeat(start[rows] - (ends - counts), counts)
    return where, content[np.arange(len(shift)) + shift].astype(np.int64)


def starts(sorted_codes: np.ndarray, size: int) -> np.ndarray:
    """Where each code's run begins, and at the end the length."""
    return np.concatenate(([0], np.cumsum(np.bincount(sorted_codes, minlength=size))))


def witnesses(facts: Facts) -> Witnesses:
    """Split each value into episodes of overlapping use, and add the cluster observations."""
    values, accounts = len(facts.attribute), len(facts.account)
    start = starts(facts.use_attribute, values)
    rarely = few(facts.carriers, facts.population)
    late, episode = later_episodes(
        facts.use_attribute, facts.use_first, facts.use_last, start, rarely
    )
    later = facts.use_attribute[late[np.unique(episode, return_index=True)[1]]]
    observed, codes, bits = _observations(facts)
    keep = np.ones(len(facts.use_account), dtype=bool)
    keep[late] = False
    of_value = np.concatenate([np.arange(values), later])
    kind = facts.kind[of_value].astype(np.int64)
    rare = np.maximum(facts.carriers[of_value], 2)
    bits = np.concatenate([rarity_bits(rare, facts.population[of_value]), bits])
    family = np.concatenate([KIND_FAMILY[kind], codes % len(FAMILIES)])
    slot = np.concatenate([kind, len(KINDS) + codes % len(FAMILIES)])
    nothing, nan = np.full(len(codes), -1), np.full(len(codes), np.nan)
    links = (bits >= CONTEXT_BITS) & (family != FAMILY_CODE["watermark"])
    weak = np.isin(slot, [KIND_CODE[name] for name in WEAK_KINDS])
    ties = links & ~weak & np.concatenate([rarely[of_value], np.ones(len(codes), dtype=bool)])
    order = np.lexsort((facts.use_account[late], episode))
    node_account = np.concatenate(
        [facts.use_account[keep] if len(late) else facts.use_account,
         facts.use_account[late][order], observed[1]]
    )  # fmt: skip
    count = np.concatenate(
        [
            np.diff(start) - np.bincount(facts.use_attribute[late], minlength=values),
            np.bincount(episode, minlength=len(later)),
            np.bincount(observed[0], minlength=len(codes)),
        ]
    )
    node_start = np.concatenate(([0], np.cumsum(count)))
    by_account = csr_array(
        (np.ones(len(node_account), dtype=np.int8), node_account, node_start),
        shape=(len(bits), accounts),
    ).tocsc()
    return Witnesses(
        attribute=np.concatenate([of_value, nothing]),
        group=np.concatenate([np.full(len(of_value), -1), codes // len(FAMILIES)]),
        slot=slot,
        family=family,
        carriers=np.concatenate([facts.carriers[of_value], nan]),
        population=np.concatenate([facts.population[of_value], nan]),
        bits=np.where(family == FAMILY_CODE["watermark"], 0.0, bits),
        links=links,
        ties=ties,
        account_start=by_account.indptr.astype(np.int64),
        witness=by_account.indices,
        node_start=node_start,
        node_account=node_account,
    )


def later_episodes(attribute, first, last, start, rarely) -> tuple[np.ndarray, np.ndarray]:
    """(uses that lie in a later episode than their value's first, number of that episode).

    The uses are sorted by value, start says where each value's begin. A use of unknown time belongs
    to the first episode. A value that many carry (not rarely) is always in use: it is not split.
    """
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    used = np.flatnonzero(np.diff(start) > 0)
    if not len(used):
        return nothing
    last = np.maximum(last, first)
    newest = np.maximum.reduceat(first, start[used])
    oldest = np.minimum.reduceat(np.where(last < 0, np.iinfo(np.int64).max, last), start[used])
    apart = used[rarely[used] & (newest - EPISODE_GAP > oldest)]
    if not len(apart):
        return nothing
    where, row = ranges(start, apart, np.arange(len(first)))
    order = np.lexsort((first[row], where))
    row, where = row[order], where[order]
    begin, end = first[row], last[row]
    span = int(end.max()) + EPISODE_GAP + 2
    seen = np.maximum.accumulate(end + where * span) - where * span
    new = np.zeros(len(row), dtype=bool)
    same = where[1:] == where[:-1]
    new[1:] = same & (seen[:-1] >= 0) & (begin[1:] > seen[:-1] + EPISODE_GAP)
    number = np.cumsum(new)
    base = number[np.concatenate(([True], ~same))]
    late = number > base[where]
    return row[late], np.unique(number[late], return_inverse=True)[1]


def _observations(facts: Facts):
    """((observation, account) pairs, code of each observation, its bits). A code is the group's
    position × families + family; an observation counts once, by the median of its p-values.
    """
    families = len(FAMILIES)
    grouped = facts.signal_group >= 0
    key = facts.signal_group[grouped] * families + facts.signal_family[grouped]
    codes, where = np.unique(key, return_inverse=True)
    worth = p_value_bits(facts.signal_p[grouped])
    order = np.lexsort((worth, where))
    start = starts(where, len(codes))
    middle = (start[:-1] + start[1:] - 1) // 2
    bits = worth[order][middle] if len(codes) else np.zeros(0)
    pairs = np.unique(where * len(facts.account) + facts.signal_account[grouped])
    return np.divmod(pairs, max(len(facts.account), 1)), codes, bits
