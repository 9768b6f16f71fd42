"""The tables as grouping again reads them, in memory, and what the last answers looked at."""

import numpy as np

from cases.grouping import Facts, group
from cases.grouping.closure import regroup
from cases.grouping.rarity import FAMILY_CODE, KIND_CODE
from cases.grouping.tables import observation_code

NAN = float("nan")


class Memory:
    """Rows as Facts.from_rows takes them, and a run after each batch of news."""

    def __init__(self, *, prior, places=None):
        self.prior, self.places = prior, places or {}
        self.people, self.values, self.used, self.words = {}, {}, {}, []
        self.reach = (set(), set())  # (unit, account, bound), (unit, value, domain)
        self.clusters = {}  # first unit → clusters
        self.next_unit = 0
        self.core = []

    def facts(self) -> Facts:
        return Facts.from_rows(
            [(pk, *row) for pk, row in self.people.items()],
            [(pk, *row) for pk, row in self.values.items()],
            [(*pair, *times) for pair, times in self.used.items()],
            self.words,
            self.places,
        )

    def add(self, accounts=(), attributes=(), uses=(), signals=()) -> set[int]:
        """Store rows; returns the accounts that they are about."""
        self.people.update({pk: tuple(row) for pk, *row in accounts})
        self.values.update({pk: tuple(row) for pk, *row in attributes})
        for account, attribute, first, last in uses:
            known = self.used.get((account, attribute), (first, last))
            self.used[account, attribute] = (min(known[0], first), max(known[1], last))
        self.words += signals
        return {row[0] for row in [*uses, *signals]}

    def full(self):
        answer = group(self.facts(), prior=self.prior)
        self.reach, self.clusters, self.next_unit = (set(), set()), {}, 0
        self._remember(answer)
        return answer

    def again(self, news) -> list:
        """Group what the news can have touched; returns all clusters, as a full run would."""
        found = regroup(
            self,
            np.array(sorted(news), dtype=np.int64),
            lambda facts, core, ids: group(facts, prior=self.prior, core=core),
            prior=self.prior,
        )
        self.core = found.core
        gone = set(found.units.tolist())
        self.reach = tuple({row for row in rows if row[0] not in gone} for rows in self.reach)
        self.clusters = {unit: mine for unit, mine in self.clusters.items() if unit not in gone}
        self._remember(found.answer)
        every = [cluster for mine in self.clusters.values() for cluster in mine]
        return sorted(every, key=lambda cluster: cluster.members[0].account)

    def _remember(self, answer):
        reach, base = answer.reach, self.next_unit
        looked = zip((reach.unit + base).tolist(), reach.account.tolist(), reach.bound.tolist(),
                     strict=True)  # fmt: skip
        values = zip((reach.value_unit + base).tolist(), reach.value.tolist(),
                     reach.domain.tolist(), strict=True)  # fmt: skip
        self.reach[0].update(looked)
        self.reach[1].update(values)
        home = {account: unit for unit, account, bound in self.reach[0] if bound and unit >= base}
        for cluster in answer.clusters:
            self.clusters.setdefault(home[cluster.members[0].account], []).append(cluster)
        self.next_unit += reach.units

    # what source.Source asks

    def uses(self, accounts):
        wanted = set(accounts.tolist())
        return self._uses(lambda account, attribute: account in wanted)

    def carriers(self, attributes):
        wanted = set(attributes.tolist())
        return self._uses(lambda account, attribute: attribute in wanted)

    def _uses(self, chosen):
        rows = [(*pair, *times) for pair, times in self.used.items() if chosen(*pair)]
        return _columns(rows, 4)

    def attributes(self, ids):
        rows = [(pk, *self.values[pk]) for pk in ids.tolist()]
        return (
            ids.astype(np.int64),
            np.array([KIND_CODE[kind] for _, kind, _, _ in rows], dtype=np.int8),
            np.array([NAN if d is None else d for _, _, d, _ in rows], dtype=float),
            np.array([NAN if n is None else n for *_, n in rows], dtype=float),
        )

    def accounts(self, ids):
        names = sorted({org for org, _ in self.people.values()})
        rows = [self.people[pk] for pk in ids.tolist()]
        party = [names.index(org) if org else -pk for pk, (org, _) in zip(ids, rows, strict=True)]
        return ids, np.array(party, dtype=np.int64), np.array([a for _, a in rows], dtype=bool)

    def signals(self, accounts):
        wanted = set(accounts.tolist())
        return self._words(lambda account, group: account in wanted)

    def observers(self, groups):
        wanted = set(groups.tolist())
        return self._words(lambda account, group: group in wanted)

    def _words(self, chosen):
        rows = [
            (account, FAMILY_CODE[family], NAN if p is None else p, observation_code(key))
            for account, family, p, key in self.words
            if chosen(account, observation_code(key))
        ]
        account, family, _, code = _columns(rows, 4)
        p = np.array([row[2] for row in rows], dtype=float)
        return account, family, p, code, np.full(len(p), NAN)

    def mates(self, accounts):
        return accounts[:0]

    def units(self, accounts, *, bound):
        wanted = set(accounts.tolist())
        found = {u for u, account, mine in self.reach[0] if account in wanted and mine >= bound}
        return np.array(sorted(found), dtype=np.int64)

    def searching(self, values):
        wanted = set(values.tolist())
        return _columns([row for row in self.reach[1] if row[1] in wanted], 3)

    def members(self, units):
        wanted = set(units.tolist())
        found = {account for unit, account, bound in self.reach[0] if bound and unit in wanted}
        return np.array(sorted(found), dtype=np.int64)

    def networks(self, attributes):
        own = {pk: pk for pk, (kind, _, _) in self.values.items() if kind == "ip_prefix"}
        network = own | self.places
        return np.array([network.get(int(pk), -1) for pk in attributes], dtype=np.int64)


def _columns(rows, width):
    return tuple(np.array([row[place] for row in rows]).astype(np.int64) for place in range(width))
