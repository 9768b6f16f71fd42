"""Grouping again only what news can have changed.

Within a census epoch N and every d(v) stand still, so a unit's answer (see reach.py) changes only
if the facts of an account that it looked at change, if an account takes up values of two domains
that it searches by, or if an account that ties with it comes up. What can be touched is found here
from the news outwards, and given to the same code that groups everything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .links import ties
from .output import Grouping
from .rarity import CONTEXT_BITS, DOMAIN, KIND_CODE, KIND_FAMILY, WEAK_KINDS, few, rarity_bits
from .tables import Facts, distinct
from .witnesses import later_episodes, starts, witnesses

OBSERVED = len(DOMAIN)  # stands for the domain of an observation, when accounts are counted
Columns = tuple[np.ndarray, ...]


class Source(Protocol):
    """The tables, by key. Ids are int64 arrays; what is asked for may come in any order."""

    def uses(self, accounts: np.ndarray) -> Columns:
        """(account, attribute, first, last) of everything that these accounts carry."""

    def carriers(self, attributes: np.ndarray) -> Columns:
        """(account, attribute, first, last) of everybody who carries these."""

    def attributes(self, ids: np.ndarray) -> Columns:
        """(id, kind, carriers, population)."""

    def accounts(self, ids: np.ndarray) -> Columns:
        """(id, party, aggregate)."""

    def signals(self, accounts: np.ndarray) -> Columns:
        """(account, family, p, group, bits) of what detectors said of these accounts."""

    def observers(self, groups: np.ndarray) -> Columns:
        """(account, family, p, group, bits) of these observations about clusters."""

    def mates(self, accounts: np.ndarray) -> np.ndarray:
        """Accounts that share a case with one of these, or a person's word that they are one."""

    def units(self, accounts: np.ndarray, *, bound: bool) -> np.ndarray:
        """Units that looked at these accounts; bound: only those that they are bound to."""

    def searching(self, values: np.ndarray) -> Columns:
        """(unit, value, domain) of the units that search by these values."""

    def members(self, units: np.ndarray) -> np.ndarray:
        """Accounts that are bound to these units."""

    def networks(self, attributes: np.ndarray) -> np.ndarray:
        """As Facts.networks."""


@dataclass(frozen=True, slots=True)
class Regrouped:
    """units: those whose answers this one replaces; core: the accounts that it is about."""

    answer: Grouping
    units: np.ndarray
    core: np.ndarray


def regroup(
    source: Source,
    news: np.ndarray,
    run: Callable[[Facts, np.ndarray, np.ndarray], Grouping],
    *,
    prior: float,
) -> Regrouped:
    """Group what news (ids of accounts whose facts or verdicts changed) can have touched.

    run(facts, core, ids) groups facts, in which core marks the accounts (ids) whose ties are
    complete. It is called again with more, should an answer ask for an account of a unit that was
    not thought to be touched.
    """
    changed = _changed(source, distinct(news))
    units = np.union1d(source.units(changed, bound=False), _searching(source, changed))
    core = changed
    while True:
        core, units = _closed(source, core, units)
        facts = _gather(source, core)
        inside = np.isin(facts.account, core)
        strangers = _strangers(facts, inside, prior)
        if len(strangers):
            core = np.union1d(core, strangers)
            continue
        answer = run(facts, inside, core)
        outside = np.setdiff1d(answer.reach.account[answer.reach.bound], core)
        asked = np.setdiff1d(source.units(outside, bound=True), units)
        if not len(asked):
            return Regrouped(answer, units, core)
        units = np.union1d(units, asked)


def _closed(source: Source, core, units) -> tuple[np.ndarray, np.ndarray]:
    """Every account of a case, and every unit that one of its accounts is bound to."""
    fresh = np.union1d(core, source.members(units))
    done = np.zeros(0, dtype=np.int64)
    while len(fresh):
        done = np.union1d(done, fresh)
        more = np.setdiff1d(source.units(fresh, bound=True), units)
        units = np.union1d(units, more)
        found = np.union1d(source.mates(fresh), source.members(more))
        fresh = np.setdiff1d(found, done)
    return done, units


def _changed(source: Source, news: np.ndarray) -> np.ndarray:
    """The news, and the accounts whose witnesses change with it: fellows in an observation, whose
    median moves, and carriers of a value whose episodes it may join or divide."""
    mine = source.uses(news)
    rare = _rare(source, mine[1])
    account, attribute, first, last = source.carriers(rare)
    changed = [news]
    order = np.argsort(attribute, kind="stable")
    for rows in (order, order[~np.isin(account[order], news)]):
        at = np.searchsorted(rare, attribute[rows])
        late, _ = later_episodes(
            at, first[rows], last[rows], starts(at, len(rare)), np.ones(len(rare), dtype=bool)
        )
        changed.append(account[np.isin(attribute, attribute[rows[late]])])
    group = source.signals(news)[3]
    changed.append(source.observers(distinct(group[group < 0]))[0])
    return distinct(np.concatenate(changed))


def _rare(source: Source, attributes: np.ndarray) -> np.ndarray:
    """Those of the attributes that can tie, ascending."""
    ids, kind, carriers, population = source.attributes(distinct(attributes))
    weak = np.isin(kind, [KIND_CODE[name] for name in WEAK_KINDS])
    bits = rarity_bits(np.maximum(carriers, 2), population)
    return np.sort(ids[few(carriers, population) & (bits >= CONTEXT_BITS) & ~weak])


def _searching(source: Source, accounts: np.ndarray) -> np.ndarray:
    """Units that would find one of the accounts: by values of two domains."""
    account, attribute, *_ = source.uses(accounts)
    observer, _, _, group, _ = source.signals(accounts)
    seen = group < 0
    account = np.concatenate([account, observer[seen]])
    value = np.concatenate([attribute, group[seen]])
    unit, searched, domain = source.searching(distinct(value))
    order = np.argsort(value, kind="stable")
    low = np.searchsorted(value[order], searched, side="left")
    count = np.searchsorted(value[order], searched, side="right") - low
    where = np.repeat(np.arange(len(searched)), count)
    step = np.arange(len(where)) - np.repeat(np.cumsum(count) - count, count)
    who = account[order[low[where] + step]]
    rows = np.unique(np.stack([unit[where], who, domain[where]]), axis=1)
    pairs, times = np.unique(rows[:2], axis=1, return_counts=True)
    return distinct(pairs[0][times >= 2])


def _gather(source: Source, core: np.ndarray) -> Facts:
    """The facts of core, and of whoever shares values of two domains with it.

    Of accounts that share one domain only what they share is there: it tells the episodes, and
    their signals where they share an observation with somebody: they tell its median.
    """
    mine = source.uses(core)
    rare = _rare(source, mine[1])
    near = source.carriers(rare)
    said = source.signals(core)
    observed = source.observers(distinct(said[3][said[3] < 0]))
    ids, kind, *_ = source.attributes(rare)
    order = np.argsort(ids)
    domain = DOMAIN[KIND_FAMILY[kind[order]]][np.searchsorted(ids[order], near[1])]
    pairs = np.unique(
        np.stack(
            [
                np.concatenate([near[0], observed[0]]),
                np.concatenate([domain, np.full(len(observed[0]), OBSERVED)]),
            ]
        ),
        axis=1,
    )
    names, times = np.unique(pairs[0], return_counts=True)
    # two observations of different families are two domains as well
    twice = np.union1d(names[times >= 2], observed[0])
    found = np.setdiff1d(twice, core)
    theirs = source.uses(found)
    uses = [np.concatenate(columns) for columns in zip(mine, near, theirs, strict=True)]
    known = np.union1d(core, found)
    said = source.signals(known)
    alone = [column[said[3] >= 0] for column in said]
    observed = source.observers(distinct(said[3][said[3] < 0]))
    words = [np.concatenate(columns) for columns in zip(alone, observed, strict=True)]
    passing = np.setdiff1d(np.union1d(uses[0], words[0]), known)
    account, party, aggregate = source.accounts(known)
    attribute, kind, carriers, population = source.attributes(distinct(uses[1]))
    return Facts.from_columns(
        account=np.concatenate([account, passing]),
        party=np.concatenate([party, -passing]),
        aggregate=np.concatenate([aggregate, np.zeros(len(passing), dtype=bool)]),
        attribute=attribute,
        kind=kind,
        carriers=carriers,
        population=population,
        networks=source.networks,
        use_account=uses[0],
        use_attribute=uses[1],
        use_first=uses[2],
        use_last=uses[3],
        signal_account=words[0],
        signal_family=words[1],
        signal_p=words[2],
        signal_group=words[3],
        signal_bits=words[4],
    )


def _strangers(facts: Facts, inside: np.ndarray, prior: float) -> np.ndarray:
    """Accounts outside that a star ties to one inside."""
    found = ties(facts, witnesses(facts), prior=prior, left_out=facts.aggregate)
    has_inside = np.bincount(found.tie, weights=inside[found.account], minlength=len(found.bits))
    mine = (has_inside > 0)[found.tie] & ~inside[found.account]
    return distinct(facts.account[found.account[mine]])
