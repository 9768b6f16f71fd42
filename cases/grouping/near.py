"""What lies near some accounts: as much of the tables as can bear on their answers."""

import numpy as np

from .links import ALONE_BITS, ALONE_CARRIERS
from .membership import WITNESSES
from .rarity import (
    CONTEXT_BITS,
    DOMAIN,
    FAMILY_CODE,
    KIND_CODE,
    KIND_FAMILY,
    WEAK_KINDS,
    few,
    rarity_bits,
)
from .source import Columns, Source
from .tables import Facts, among, distinct, union
from .witnesses import EPISODE_GAP

# what is added to the domain of a value that may tie by itself; the domain of one that ties nobody
ALONE, WEAK = len(DOMAIN), -1
HOMES = [FAMILY_CODE[name] for name in ("network", "payment", "client", "registration")]


class Near:
    """Who is near an account: of core what it carries, and whoever carries a rare value of it.

    Of accounts that can neither tie nor be found, what they share is kept where it tells episodes.
    """

    def __init__(self, source: Source, core: np.ndarray):
        self.source, self.core = source, core
        self.mine = source.uses(core)
        self.rare, domain = rare_of(source, self.mine[1])
        self.near = source.carriers(self.rare)
        account, attribute, first, last = self.near
        self._at = np.searchsorted(self.rare, attribute)
        self._inside = among(account, core)
        self._domain = domain[self._at]
        self._apart = _apart(self._at, first, last, len(self.rare))[self._at]
        said = source.signals(core)
        # of observations everybody counts: they tell its median
        self.observed = source.observers(distinct(said[3][said[3] < 0]))

    def ties(self) -> Facts:
        """Facts that tell who may tie with core: by values of two domains, or by one that ties
        flagged accounts by itself."""
        strong = self._domain >= ALONE
        alone = union(self.near[0][strong], self.observed[0])
        both = self._twice(self._domain >= 0)
        return self._facts(union(both, alone), self.near[:0], union(self.core, alone))

    def everything(self) -> Facts:
        """The facts of core, and of all whom a cluster in core could find: those who carry values
        of two domains that two accounts of core carry. Of a place, card, device or mail domain that
        two of core carry every carrier is there: it may be their community."""
        several = np.bincount(self._at[self._inside], minlength=len(self.rare)) >= WITNESSES
        found = union(self._twice((self._domain >= 0) & several[self._at]), self.observed[0])
        found = found[~among(found, self.core)]
        lived_in = several[self._at] & np.isin(self._domain % ALONE, HOMES)
        return self._facts(found, self.source.uses(found), union(self.core, found), lived_in)

    def _twice(self, which: np.ndarray) -> np.ndarray:
        """Accounts outside with rows of two domains among these."""
        rows = np.flatnonzero(which & ~self._inside)
        pairs = distinct(self.near[0][rows] * ALONE + self._domain[rows] % ALONE) // ALONE
        return distinct(pairs[1:][pairs[1:] == pairs[:-1]])

    def _facts(
        self, found: np.ndarray, theirs: Columns, speak: np.ndarray, also: np.ndarray | None = None
    ) -> Facts:
        """found: accounts outside core that count, theirs: what they carry; speak: those whose
        signals count, beside the observations that core is in; also: rows of near to keep."""
        source = self.source
        keep = self._apart | among(self.near[0], found)
        keep = ~self._inside & (keep if also is None else keep | also)
        near = [column[keep] for column in self.near]
        parts = (self.mine, near, theirs) if len(theirs) else (self.mine, near)
        uses = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
        known = union(self.core, found)
        said = source.signals(speak)
        alone = [column[said[3] >= 0] for column in said]
        observed = source.observers(distinct(said[3][said[3] < 0]))
        words = [np.concatenate(columns) for columns in zip(alone, observed, strict=True)]
        passing = union(uses[0], words[0])
        passing = passing[~among(passing, known)]
        account, party, aggregate = source.accounts(known)
        nobody = np.zeros(len(passing), dtype=bool)
        everybody = zip((account, party, aggregate), (passing, -passing, nobody), strict=True)
        return Facts.from_tables(
            account=[np.concatenate(columns) for columns in everybody],
            attribute=source.attributes(distinct(uses[1])),
            use=uses,
            signal=words,
            networks=source.networks,
        )


def _apart(value: np.ndarray, first: np.ndarray, last: np.ndarray, values: int) -> np.ndarray:
    """Of each value whether its uses may lie in several episodes."""
    newest = np.full(values, -1)
    oldest = np.full(values, np.iinfo(np.int64).max)
    np.maximum.at(newest, value, first)
    last = np.maximum(last, first)
    np.minimum.at(oldest, value, np.where(last < 0, np.iinfo(np.int64).max, last))
    return newest - EPISODE_GAP > oldest


def rare_of(source: Source, attributes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(those of the attributes that few carry and that count, ascending; domain of each, −1 where
    it is weak and ties nobody, ALONE + domain where it may tie by itself)."""
    ids, kind, carriers, population = source.attributes(distinct(attributes))
    bits = rarity_bits(np.maximum(carriers, 2), population)
    domain = DOMAIN[KIND_FAMILY[kind]]
    domain[(bits >= ALONE_BITS) & (carriers <= ALONE_CARRIERS)] += ALONE
    domain[np.isin(kind, [KIND_CODE[name] for name in WEAK_KINDS])] = WEAK
    keep = np.flatnonzero(few(carriers, population) & (bits >= CONTEXT_BITS))
    keep = keep[np.argsort(ids[keep])]
    return ids[keep], domain[keep]
