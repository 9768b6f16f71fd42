"""How surprising it is that two accounts write so alike, in bits, by each one's own measure.

An account is as near to another as strangers seldom are. With r the share of strangers that are as
near, the likelihood ratio of "one operator" against "strangers" is taken as a·r^(a−1): a Beta(a, 1)
law of r for the pairs of one operator, whose accounts do much else besides, against the uniform
one. Far apart speaks against.
"""

import copy

import numpy as np

from ingest.detectors.likeness import Likeness

A = 0.35  # half of an operator's pairs are then among the nearest 14 % of strangers
LEVELS = np.array([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0])
LEVEL_BITS = np.log2(A * LEVELS ** (A - 1))
LEAST_LIKENESS = 0.15  # cosine; below it even the nearest stranger is no company


class Nearness:
    """likeness of accounts, with each one's quantiles among strangers of other organisations."""

    def __init__(self, likeness: Likeness, party: np.ndarray, strangers: np.ndarray):
        self.likeness, self.party = likeness, party
        like = likeness.against(strangers)
        like[party[strangers][None, :] == party[:, None]] = np.nan
        like[:, likeness.counts[strangers] == 0] = np.nan
        self.told = (likeness.counts > 0) & ~np.isnan(like).all(axis=1)
        like[~self.told] = 0.0
        grid = np.nanquantile(like, 1 - LEVELS[:-1], axis=1, method="higher").T
        self.grid = np.maximum(grid, LEAST_LIKENESS)  # accounts × levels, falling
        self.order = np.arange(len(party))  # whose content each account has
        self._columns: dict[int, np.ndarray] = {}

    def threshold(self, rate: float) -> np.ndarray:
        """The likeness that so many of an account's strangers reach; rate: one of LEVELS. Infinite
        for who wrote nothing."""
        return np.where(self.told, self.grid[:, int(np.flatnonzero(rate == LEVELS)[0])], np.inf)

    def shuffled(self, seed: int) -> "Nearness":
        """The same accounts with one another's content, as it would be if what they write had
        nothing to do with what they share."""
        other = copy.copy(self)
        other.order = np.random.default_rng(seed).permutation(len(self.party))
        other.told = self.told[other.order]
        return other

    def bits(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """For pairs of positions: the mean of both directions, 0 where either wrote nothing."""
        a, b = self.order[one], self.order[other]
        there = self._bits(self.likeness.of_pairs(a, b), a)
        back = self._bits(self.likeness.of_pairs(b, a), b)
        return np.where(self.told[one] & self.told[other], (there + back) / 2, 0.0)

    def against(self, columns: np.ndarray) -> np.ndarray:
        """accounts × columns, in bits, from the side of the accounts; their own organisation and
        whoever wrote nothing is nan."""
        content = self.order[columns]
        new = np.array([c for c in content.tolist() if c not in self._columns], dtype=int)
        if len(new):
            like = self.likeness.against(new)
            rows = np.repeat(np.arange(len(like)), like.shape[1])
            told = self._bits(like.ravel(), rows).reshape(like.shape).astype(np.float16)
            self._columns |= {c: told[:, n] for n, c in enumerate(new.tolist())}
        found = np.stack([self._columns[c] for c in content.tolist()], axis=1)
        found = found.astype(np.float32)[self.order]
        found[self.party[:, None] == self.party[columns][None, :]] = np.nan
        found[:, ~self.told[columns]] = np.nan
        found[~self.told] = np.nan
        return found

    def _bits(self, like: np.ndarray, owner: np.ndarray) -> np.ndarray:
        level = np.full(len(like), len(LEVELS) - 1, dtype=np.int8)
        for place in range(self.grid.shape[1] - 1, -1, -1):
            level[like >= self.grid[owner, place]] = place
        return LEVEL_BITS[level]
