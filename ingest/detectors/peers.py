"""Comparing an account with its peers: robust scores, ranks and false-discovery rates. Pure."""

import numpy as np

MAD_TO_SD = 1.4826  # of a normal distribution
LEAST_SPREAD = 0.1  # of logarithms: peers that agree to a tenth don't make a giant of the eleventh


def robust_z(values: np.ndarray) -> np.ndarray:
    """(x − median) / (1.4826 MAD); the spread never counts as less than LEAST_SPREAD."""
    middle = np.median(values)
    spread = MAD_TO_SD * np.median(np.abs(values - middle))
    return (values - middle) / max(spread, LEAST_SPREAD)


def rank_p(values: np.ndarray) -> np.ndarray:
    """One-sided p by rank among the peers, oneself left out: (others as large + 1) / (others + 1).

    Exact for exchangeable accounts, ties included; never below one over the number of peers.
    """
    values = np.asarray(values, dtype=float)
    ordered = np.sort(values)
    as_large = len(values) - np.searchsorted(ordered, values, side="left")
    return as_large / len(values)


def q_values(p: np.ndarray) -> np.ndarray:
    """Benjamini–Hochberg: the false-discovery rate at which each p would be called."""
    p = np.asarray(p, dtype=float)
    if not len(p):
        return p
    order = np.argsort(p)
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(raised[::-1])[::-1]
    return np.minimum(q, 1.0)
