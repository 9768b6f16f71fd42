"""Comparing an account with its peers: robust scores, ranks, tails and false-discovery rates. Pure.

Everything here is one-sided: large is suspicious.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import poisson

MAD_TO_SD = 1.4826  # of a normal distribution
LEAST_SPREAD = 0.1  # of logarithms: peers that agree to a tenth don't make a giant of the eleventh
FEWEST_PEERS = 20  # a smaller group is compared with a wider one
AGE_BANDS = ((30, "under a month old"), (365, "under a year old"), (np.inf, "over a year old"))
EVERYBODY = "all accounts"


def robust_z(values: np.ndarray) -> np.ndarray:
    """(x − median) / (1.4826 MAD); the spread never counts as less than LEAST_SPREAD.

    What is not recorded (NaN) has no say in the median and gets 0.
    """
    values = np.asarray(values, dtype=float)
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values))
    middle = np.median(known)
    spread = MAD_TO_SD * np.median(np.abs(known - middle))
    return np.nan_to_num((values - middle) / max(spread, LEAST_SPREAD), nan=0.0)


def rank_p(values: np.ndarray) -> np.ndarray:
    """One-sided p by rank among the peers, oneself left out: (others as large + 1) / (others + 1).

    Exact for exchangeable accounts, ties included; never below one over the number of peers.
    """
    values = np.asarray(values, dtype=float)
    ordered = np.sort(values)
    as_large = len(values) - np.searchsorted(ordered, values, side="left")
    return as_large / len(values)


def bonferroni(*p: np.ndarray | float) -> np.ndarray:
    """The least of several p-values about one account, times their number: valid however they
    depend on each other."""
    return np.minimum(1.0, len(p) * np.minimum.reduce(np.broadcast_arrays(*p)))


def poisson_p(count: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """P(Poisson(mean) ≥ count).

    An upper bound for a sum of independent trials with chances 1 − e^(−mᵢ) and Σ mᵢ = mean, since
    each trial is at most a Poisson variable of mean mᵢ: never too small, at any count.
    """
    return np.where(np.asarray(count) <= 0, 1.0, poisson.sf(np.asarray(count) - 1, mean))


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


@dataclass(frozen=True)
class Peers:
    """Whom some accounts are compared with. words says who they are; of and among are positions:
    those that are judged by this comparison, and all that take part in it."""

    words: str
    of: np.ndarray
    among: np.ndarray


def peer_groups(plan: pd.Series, created_at: pd.Series, end) -> list[Peers]:
    """Each account once, with the narrowest group that has FEWEST_PEERS: accounts of its plan and
    age band, of its plan, or everybody."""
    age = (pd.Timestamp(end).tz_localize(None) - created_at).dt.days
    band = pd.Series("", index=plan.index)
    for limit, words in reversed(AGE_BANDS):
        band = band.where(~(age < limit), f", {words}")
    plan = plan.where(plan == "", "plan " + plan)
    left = np.ones(len(plan), dtype=bool)
    found = []
    for level in ((plan + band).str.removeprefix(", "), plan):
        for words, among in sorted(level.groupby(level).indices.items()):
            of = among[left[among]]
            if words and len(of) and len(among) >= FEWEST_PEERS:
                found.append(Peers(words, of, among))
                left[of] = False
    if left.any():
        found.append(Peers(EVERYBODY, np.flatnonzero(left), np.arange(len(plan))))
    return found
