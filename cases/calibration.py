"""What a detector's score is worth, from accounts that people reviewed one by one. Pure.

A score becomes P(abusive | score) among the reviewed, by Platt's sigmoid or by isotonic regression,
and that a likelihood ratio: log-odds of the curve less the log-odds of the reviewed themselves, so
that how many of either class happened to be reviewed drops out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import log2

import numpy as np
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, xlogy

PRIOR, PLATT, ISOTONIC = "prior", "platt", "isotonic"
FEWEST = 50  # reviewed accounts of each class, below which the stated priors hold
FOLDS = 5
BINS = 10
LEAST = 10  # accounts in a bin: fewer tell no share
EDGE = 1e-3  # scores are kept this far from 0 and 1, where log-odds have no end


@dataclass(frozen=True, slots=True)
class Curve:
    """score → bits. parameters of platt: slope, intercept; of isotonic: score and p, ascending; of
    both: base (log2-odds of the classes) and most (the most bits that so few accounts can show).
    """

    method: str
    parameters: Mapping

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """P(abusive) among accounts like the reviewed."""
        return expit((self.bits(scores) + self.parameters["base"]) / np.log2(np.e))

    def bits(self, scores: np.ndarray) -> np.ndarray:
        """log2 of the likelihood ratio; never falls as the score rises."""
        scores = np.asarray(scores, dtype=float)
        said = self.parameters
        if self.method == PLATT:
            odds = (said["slope"] * _log_odds(scores) + said["intercept"]) * np.log2(np.e)
        elif self.method == ISOTONIC:
            p = np.interp(scores, said["score"], said["p"])
            with np.errstate(divide="ignore"):
                odds = np.log2(p) - np.log2(1 - p)
        else:
            raise ValueError(f"no curve: {self.method}")
        return np.clip(odds - said["base"], -said["most"], said["most"])


@dataclass(frozen=True, slots=True)
class Measured:
    """How probabilities fared on accounts that they were not fitted to."""

    brier: float
    ece: float
    bins: list[dict]  # {low, high, mean, accounts, abusive}, of about as many accounts each


@dataclass(frozen=True, slots=True)
class Fit:
    """curve None: too few reviewed accounts of either class. measured: by method, out of fold, and
    under "base rate" what saying the same of everybody would score."""

    curve: Curve | None
    abusive: int
    innocent: int
    measured: dict[str, Measured] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.curve.method if self.curve else PRIOR


def fit(scores: Sequence[float], abusive: Sequence[bool], accounts: Sequence[str]) -> Fit:
    """The method whose probabilities have the lower Brier score out of fold; Platt's on a tie.

    accounts: their names, from which the folds follow, so that a fit can be repeated. One row each.
    """
    x = np.asarray(scores, dtype=float)
    y = np.asarray(abusive, dtype=bool)
    ones, zeros = int(y.sum()), int((~y).sum())
    if min(ones, zeros) < FEWEST:
        return Fit(None, ones, zeros)
    fold = folds(accounts, y)
    measured = {}
    for method in (PLATT, ISOTONIC):
        p = np.empty(len(x))
        for number in range(FOLDS):
            out = fold == number
            p[out] = curve(x[~out], y[~out], method).probability(x[out])
        measured[method] = measure(p, y)
    best = min((PLATT, ISOTONIC), key=lambda method: measured[method].brier)
    measured["base rate"] = measure(np.full(len(y), y.mean()), y)
    return Fit(curve(x, y, best), ones, zeros, measured)


def folds(accounts: Sequence[str], abusive: np.ndarray) -> np.ndarray:
    """A fold for each account, by its name alone, each class dealt out evenly."""
    fold = np.empty(len(accounts), dtype=np.int64)
    rank = [blake2b(name.encode(), digest_size=8).digest() for name in accounts]
    for value in (False, True):
        mine = sorted(np.flatnonzero(abusive == value), key=lambda i: (rank[i], accounts[i]))
        fold[mine] = np.arange(len(mine)) % FOLDS
    return fold


def curve(x: np.ndarray, y: np.ndarray, method: str) -> Curve:
    """Fit one method to scores and classes, both of which must be there."""
    ones, zeros = int(y.sum()), int((~y).sum())
    # no likelihood ratio beyond what so many accounts can show: none seen in n may be one in n + 1
    said = {"base": log2(ones / zeros), "most": log2(min(ones, zeros) + 1)}
    fitted = _platt(x, y) if method == PLATT else _isotonic(x, y)
    return Curve(method, said | fitted)


def measure(p: np.ndarray, y: np.ndarray) -> Measured:
    """Brier score, and the expected calibration error over up to BINS bins of as many accounts."""
    bins, ece = [], 0.0
    order = np.argsort(p, kind="stable")
    for place in np.array_split(order, max(1, min(BINS, len(order) // LEAST))):
        mean, share = float(p[place].mean()), float(y[place].mean())
        ece += len(place) / len(p) * abs(mean - share)
        bins.append(
            {
                "low": round(float(p[place].min()), 4),
                "high": round(float(p[place].max()), 4),
                "mean": round(mean, 4),
                "accounts": len(place),
                "abusive": int(y[place].sum()),
            }
        )
    return Measured(float(((p - y) ** 2).mean()), float(ece), bins)


def _platt(x: np.ndarray, y: np.ndarray) -> dict:
    """A sigmoid over the score's log-odds, with Platt's (1999) smoothed targets, which keep it
    finite where the classes part; a falling one is refused."""
    ones, zeros = y.sum(), (~y).sum()
    target = np.where(y, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    z = _log_odds(x)

    def loss(line):
        p = np.clip(expit(line[0] * z + line[1]), 1e-12, 1 - 1e-12)
        slant = p - target
        value = -(xlogy(target, p) + xlogy(1 - target, 1 - p)).sum()
        return value, np.array([(slant * z).sum(), slant.sum()])

    start = np.array([0.0, np.log(ones / zeros)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return {"slope": round(float(found.x[0]), 6), "intercept": round(float(found.x[1]), 6)}


def _isotonic(x: np.ndarray, y: np.ndarray) -> dict:
    score, where = np.unique(x, return_inverse=True)
    weight = np.bincount(where)
    share = np.bincount(where, weights=y) / weight
    p = isotonic_regression(share, weights=weight).x
    # of a level stretch its ends say all
    inner = np.zeros(len(p), dtype=bool)
    inner[1:-1] = (p[1:-1] == p[:-2]) & (p[1:-1] == p[2:])
    return {"score": score[~inner].tolist(), "p": np.clip(p[~inner], 0.0, 1.0).tolist()}


def _log_odds(scores: np.ndarray) -> np.ndarray:
    inside = np.clip(scores, EDGE, 1 - EDGE)
    return np.log(inside) - np.log1p(-inside)
