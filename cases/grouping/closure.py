"""Grouping again only what news can have changed.

Within a census epoch N and every d(v) stand still, so a unit's answer (see reach.py) changes only
if the facts of an account that it looked at change, if an account takes up values of two domains
that it searches by, or if an account that ties with it comes up. What can be touched is found here
from the news outwards, and given to the same code that groups everything.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .links import ties
from .membership import WITNESSES
from .near import Near, rare_of
from .output import Grouping
from .reach import ANY
from .source import Kept, Source
from .tables import Facts, among, distinct, positions, union
from .witnesses import later_episodes, starts, witnesses


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
    not thought to be touched, or let newcomers vote who share a value that nobody looked up.
    """
    source = Kept(source)
    changed = _changed(source, distinct(news))
    units = union(source.units(changed, bound=False), _searching(source, changed))
    around = Around(source, prior)
    around.add(changed, units)
    while True:
        facts, inside = around.facts()
        answer = run(facts, inside, around.core)
        bound = distinct(answer.reach.account[answer.reach.bound])
        outside = bound[~among(bound, around.core)]
        asked = source.units(outside, bound=True)
        asked = asked[~among(asked, around.units)]
        unread = _unread(source, around.core, outside)
        if not len(asked) and not len(unread):
            return Regrouped(answer, around.units, around.core)
        around.add(unread, asked)


class Around:
    """Accounts, and with them every account whose answer can hang on theirs. core: ids of those
    whose ties are complete; units: what is remembered of them."""

    def __init__(self, source: Source, prior: float):
        self._source, self._prior = source, prior
        self.core = self.units = np.zeros(0, dtype=np.int64)

    def add(self, accounts: np.ndarray, units: np.ndarray) -> None:
        """Take in accounts and units, every account of a case with one of them, and every unit
        that one of them is bound to."""
        source = self._source
        self.units = union(self.units, units)
        fresh = self._new(accounts, source.members(units))
        while len(fresh):
            self.core = union(self.core, fresh)
            more = source.units(fresh, bound=True)
            more = more[~among(more, self.units)]
            self.units = union(self.units, more)
            fresh = self._new(source.mates(fresh), source.members(more))

    def _new(self, *parts: np.ndarray) -> np.ndarray:
        found = union(*parts)
        return found[~among(found, self.core)]

    def facts(self) -> tuple[Facts, np.ndarray]:
        """(facts, mask of core among their accounts), once nobody outside ties with core."""
        while True:
            near = Near(self._source, self.core)
            facts = near.ties()
            strangers = _strangers(facts, among(facts.account, self.core), self._prior)
            if not len(strangers):
                facts = near.everything()
                return facts, among(facts.account, self.core)
            self.add(strangers, self.units[:0])


def _changed(source: Source, news: np.ndarray) -> np.ndarray:
    """The news, and the accounts whose witnesses change with it: fellows in an observation, whose
    median moves, and carriers of a value whose episodes it may join or divide."""
    mine = source.uses(news)
    rare, _ = rare_of(source, mine[1])
    account, attribute, first, last = source.carriers(rare)
    changed = [news]
    order = np.argsort(attribute, kind="stable")
    for rows in (order, order[~among(account[order], news)]):
        at = np.searchsorted(rare, attribute[rows])
        late, _ = later_episodes(
            at, first[rows], last[rows], starts(at, len(rare)), np.ones(len(rare), dtype=bool)
        )
        changed.append(account[among(attribute, distinct(attribute[rows[late]]))])
    group = source.signals(news)[3]
    changed.append(source.observers(distinct(group[group < 0]))[0])
    return distinct(np.concatenate(changed))


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
    units, which = np.unique(unit[where], return_inverse=True)
    people, whom = np.unique(who, return_inverse=True)
    rows = distinct((which * len(people) + whom) * (ANY + 1) + domain[where])
    pairs = rows // (ANY + 1)
    twice = pairs[1:][pairs[1:] == pairs[:-1]]
    return distinct(units[twice // max(len(people), 1)])


def _strangers(facts: Facts, inside: np.ndarray, prior: float) -> np.ndarray:
    """Accounts outside that a star ties to one inside."""
    found = ties(facts, witnesses(facts), prior=prior, left_out=facts.aggregate)
    has_inside = np.bincount(found.tie, weights=inside[found.account], minlength=len(found.bits))
    mine = (has_inside > 0)[found.tie] & ~inside[found.account]
    return distinct(facts.account[found.account[mine]])


def _unread(source: Source, core: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Those of the accounts outside that share a rare value with another of them, or with the only
    account of core that carries it: as they vote, such a value finds accounts that are not there.
    """
    if not len(outside):
        return outside
    account, attribute, *_ = source.uses(outside)
    rare, domain = rare_of(source, attribute)
    rare = rare[domain >= 0]
    theirs = _count(rare, attribute)
    ours = _count(rare, source.uses(core)[1])
    unread = rare[(ours < WITNESSES) & (ours + theirs >= WITNESSES)]
    return distinct(account[among(attribute, unread)])


def _count(values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """How often each of the ascending values is found."""
    at = positions(values, found)
    return np.bincount(at[at >= 0], minlength=len(values))
