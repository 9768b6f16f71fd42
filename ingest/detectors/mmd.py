"""Whether the queries of some accounts, pooled, come from the law that everybody else's come from:
the kernel two-sample statistic, permuted by account. Numbers only.

    k(a, b) = exp(−‖a − b‖² / 2σ²)
    MMD²_u  = Σ_{i≠j} k(x_i, x_j) / m(m−1) + Σ_{i≠j} k(y_i, y_j) / n(n−1) − 2 Σ k(x_i, y_j) / mn

(Gretton and others 2012, lemma 6; for pooled queries Liu, Guo and Dong, arXiv 2606.05725.) Queries
of one account depend on each other, so whole accounts change sides and never single queries. The
kernel's width, and whatever embedded the queries, must not have been fitted to them: else the two
sides are not alike under the null.
"""

from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 999
WIDTH_POINTS = 2000  # at most, of which the median distance is taken
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Pooled:
    """p ≥ 1 / (permutations + 1). units and queries are of the pool, and of the reference."""

    statistic: float
    p: float
    permutations: int
    units: int
    queries: int
    reference_units: int
    reference_queries: int


def median_width(points: np.ndarray) -> float:
    """σ: the median distance of two of at most WIDTH_POINTS points, spread evenly over the rows."""
    if len(points) < 2:
        raise ValueError("a width needs two points")
    some = points[np.linspace(0, len(points) - 1, min(len(points), WIDTH_POINTS)).astype(int)]
    squares = _squares(some, some)[np.triu_indices(len(some), 1)]
    width = float(np.sqrt(np.median(squares)))
    return width if width > 0 else 1.0  # all of them the same: any width tells them apart


def unbiased_mmd(x: np.ndarray, y: np.ndarray, width: float) -> float:
    """MMD²_u of two samples (rows × dimensions), each of two rows or more."""
    owner = np.r_[np.zeros(len(x), int), np.ones(len(y), int)]
    sums = block_sums(np.vstack([x, y]), owner, width)
    sizes = np.bincount(owner).astype(float)
    return float(_statistics(sums, sizes, np.array([[1.0, 0.0]]))[0])


def pooled_test(
    vectors: np.ndarray,
    owner: np.ndarray,
    pooled: np.ndarray,
    width: float,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Pooled:
    """vectors: queries × dimensions; owner: the unit 0 … of each query; pooled: for each unit
    whether it is of the pool. Which units are of the pool is permuted among units with about as
    many queries (by powers of two), so that being busy is no difference. Exact where units of like
    size are exchangeable: P(p ≤ α) ≤ α. A unit without a counterpart in the reference never changes
    sides, which costs power only. Deterministic for a seed.
    """
    sizes = np.bincount(owner, minlength=len(pooled)).astype(float)
    sums = block_sums(vectors, owner, width)
    return test_of_sums(sums, sizes, pooled, permutations=permutations, seed=seed)


def test_of_sums(
    sums: np.ndarray,
    sizes: np.ndarray,
    pooled: np.ndarray,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Pooled:
    """pooled_test from the units' block sums and numbers of queries, for several pools of the same
    queries."""
    pooled = np.asarray(pooled, dtype=bool)
    if min(sizes[pooled].sum(), sizes[~pooled].sum()) < 2:
        raise ValueError("each side needs two queries")
    sides = np.vstack([pooled, _permuted(pooled, sizes, permutations, seed)]).astype(float)
    found = _statistics(sums, sizes, sides)
    # equal sides give equal sums only up to rounding: what is as large but for that counts
    as_large = int((found[1:] >= found[0] - 1e-12 - 1e-9 * abs(found[0])).sum())
    return Pooled(
        statistic=float(found[0]),
        p=(as_large + 1) / (permutations + 1),
        permutations=permutations,
        units=int(pooled.sum()),
        queries=int(sizes[pooled].sum()),
        reference_units=int((~pooled).sum()),
        reference_queries=int(sizes[~pooled].sum()),
    )


test_of_sums.__test__ = False  # it is no test of ours


def strata(sizes: np.ndarray) -> np.ndarray:
    """Which units may change places: 1, 2, 3–4, 5–8, 9–16 … queries."""
    return np.ceil(np.log2(np.maximum(sizes, 1.0))).astype(int)


def block_sums(vectors: np.ndarray, owner: np.ndarray, width: float) -> np.ndarray:
    """units × units: the sum of k over all pairs of their queries, a query with itself left out.
    All that a permutation of units needs."""
    order = np.argsort(owner, kind="stable")
    points, owner = np.asarray(vectors, dtype=np.float64)[order], np.asarray(owner)[order]
    units = int(owner.max()) + 1
    starts = np.searchsorted(owner, np.arange(units))
    has = np.bincount(owner, minlength=units) > 0
    sums = np.zeros((units, units))
    for first in range(0, len(points), ROWS_AT_ONCE):
        part = slice(first, first + ROWS_AT_ONCE)
        kernel = np.exp(_squares(points[part], points) / (-2.0 * width * width))
        rows = np.arange(len(kernel))
        kernel[rows, first + rows] = 0.0
        by_unit = np.zeros((len(kernel), units))
        by_unit[:, has] = np.add.reduceat(kernel, starts[has], axis=1)
        np.add.at(sums, owner[part], by_unit)
    return sums


def _permuted(pooled, sizes, permutations, seed) -> np.ndarray:
    random = np.random.default_rng(seed)
    sides = np.tile(pooled, (permutations, 1))
    kinds = strata(sizes)
    for kind in np.unique(kinds):
        mine = np.flatnonzero(kinds == kind)
        sides[:, mine] = random.permuted(sides[:, mine], axis=1)
    return sides


def _statistics(sums: np.ndarray, sizes: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """MMD²_u of each row of sides (1: of the pool, 0: of the reference)."""
    others = 1.0 - sides
    m, n = sides @ sizes, others @ sizes
    within_pool = np.einsum("pu,pu->p", sides @ sums, sides)
    within_reference = np.einsum("pu,pu->p", others @ sums, others)
    across = np.einsum("pu,pu->p", sides @ sums, others)
    return within_pool / (m * (m - 1)) + within_reference / (n * (n - 1)) - 2 * across / (m * n)


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2 * (a @ b.T)
    return np.maximum(found, 0.0)
