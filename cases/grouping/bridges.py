"""Cutting a component where it hangs together by little."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array

CUT_BELOW = 0.05  # conductance: less than one tie in twenty of the smaller side crosses over
SMALLEST = 3
DENSE = 64  # accounts up to which the vector is computed outright, else by iteration
ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Bridge:
    """Ties that were cut: which, and the share of the smaller side's weight that they carried."""

    ties: tuple[int, ...]
    conductance: float
    sizes: tuple[int, int]


def split(
    tie, account, weight, *, worth: Callable[[np.ndarray], bool] = lambda accounts: True
) -> tuple[list[np.ndarray], list[Bridge]]:
    """Cut a component, given as incidences (tie, account), until no weak bridge remains.

    weight is per incidence. Each cut is the sweep over the second singular vector of the
    normalised bipartite graph, kept when its conductance is below CUT_BELOW (Cheeger's bound says
    when such a cut exists). Sides below three accounts stay where they are; a side that is not
    worth a look is dropped unsplit. Returns the accounts of each part, and the bridges.
    """
    parts, bridges, waiting = [], [], [(tie, account, weight)]
    while waiting:
        tie, account, weight = waiting.pop()
        names, local = np.unique(account, return_inverse=True)
        if not worth(names):
            continue
        if len(names) < 2 * SMALLEST:
            parts.append(names)
            continue
        stars, star = np.unique(tie, return_inverse=True)
        cut = _best_cut(local, star, weight, len(names), len(stars))
        if cut is None:
            parts.append(names)
            continue
        conductance, side, star_side = cut
        crossing = side[local] != star_side[star]
        bridges.append(
            Bridge(
                tuple(int(t) for t in stars[np.unique(star[crossing])]),
                round(float(conductance), 4),
                (int(side.sum()), int((~side).sum())),
            )
        )
        for half in (side, ~side):
            inside = half[local]
            # a star with one account left ties nobody here, but it keeps the account in the part
            waiting.append((tie[inside], account[inside], weight[inside]))
    parts.sort(key=lambda names: int(names[0]))
    return parts, bridges


def _best_cut(local, star, weight, accounts, stars):
    """(conductance, side of each account, side of each star) of a weak cut, or None."""
    degree = np.bincount(local, weights=weight, minlength=accounts)
    star_degree = np.bincount(star, weights=weight, minlength=stars)
    scaled = weight / np.sqrt(degree[local] * star_degree[star])
    matrix = csr_array((scaled, (local, star)), shape=(accounts, stars))
    vector = _second_vector(matrix, np.sqrt(degree))
    value = vector / np.sqrt(degree)
    star_value = (matrix.T @ vector) / np.sqrt(star_degree)
    position = np.concatenate([value, star_value])
    order = np.argsort(position, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    low = np.minimum(rank[local], rank[accounts + star])
    high = np.maximum(rank[local], rank[accounts + star])
    size = len(order)
    crossing = np.cumsum(
        np.bincount(low, weights=weight, minlength=size)
        - np.bincount(high, weights=weight, minlength=size)
    )
    volume = np.cumsum(np.concatenate([degree, star_degree])[order])
    members = np.cumsum(order < accounts)
    smaller = np.minimum(volume, volume[-1] - volume)
    fair = (members >= SMALLEST) & (accounts - members >= SMALLEST) & (smaller > 0)
    if not fair.any():
        return None
    conductance = np.where(fair, crossing / np.where(smaller > 0, smaller, 1), np.inf)
    best = int(np.argmin(np.round(conductance, 9)))
    if conductance[best] >= CUT_BELOW:
        return None
    below = rank <= best
    return max(conductance[best], 0.0), below[:accounts], below[accounts:]


def _second_vector(matrix: csr_array, first: np.ndarray) -> np.ndarray:
    """The second left singular vector; deterministic for a given order of rows."""
    first = first / np.linalg.norm(first)
    if matrix.shape[0] <= DENSE:
        gram = (matrix @ matrix.T).toarray() - np.outer(first, first)
        last = len(first) - 1
        return eigh(gram, subset_by_index=(last, last))[1][:, 0]
    vector = np.cos(np.arange(len(first)) * 2.399963)  # golden angle: no structure of its own
    back = matrix.T.tocsr()
    for _ in range(ROUNDS):
        before, vector = vector, matrix @ (back @ vector)
        vector -= first * (first @ vector)
        norm = np.linalg.norm(vector)
        if norm < 1e-12:
            break
        vector /= norm
        if np.abs(vector - before).max() < 1e-6:
            break
    return vector
