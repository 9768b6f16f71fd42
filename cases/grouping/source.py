"""The tables as grouping again asks them, by key, and an answer kept for whoever asks it twice."""

from typing import Protocol

import numpy as np

from .tables import among, distinct, union

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


class Kept:
    """A source that is asked for each row once."""

    def __init__(self, source: Source):
        self._source = source
        self._known: dict[str, tuple[np.ndarray, Columns]] = {}

    def __getattr__(self, name: str):
        return getattr(self._source, name)

    def uses(self, accounts):
        return self._ask("uses", accounts, 0)

    def carriers(self, attributes):
        return self._ask("carriers", attributes, 1)

    def attributes(self, ids):
        return self._ask("attributes", ids, 0)

    def accounts(self, ids):
        return self._ask("accounts", ids, 0)

    def signals(self, accounts):
        return self._ask("signals", accounts, 0)

    def observers(self, groups):
        return self._ask("observers", groups, 3)

    def _ask(self, what: str, ids: np.ndarray, key: int) -> Columns:
        """The rows of these ids; key: the column in which their id is."""
        ids = distinct(ids)
        known, columns = self._known.get(what, (ids[:0], ()))
        missing = ids[~among(ids, known)]
        if len(missing) or not columns:
            rows = getattr(self._source, what)(missing)
            pairs = zip(columns, rows, strict=True) if columns else ((column,) for column in rows)
            columns = [np.concatenate(pair) for pair in pairs]
            known = union(known, missing)
            self._known[what] = known, columns
        if len(known) == len(ids):
            return columns
        mine = among(columns[key], ids)
        return [column[mine] for column in columns]
