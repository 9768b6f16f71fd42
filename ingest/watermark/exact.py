"""Exact one-sided p-values of a score, and their logarithms where a float ends.

The normal approximation is far off in the tails that matter here, so z is for the eye alone. Every
p of a decision is the exact upper tail of the null law, which for the discrete green list is
conservative; randomised p (uniform under the null) serves the wrong-key control and nothing else.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from .schemes import GreenList, Scheme

# How a stored result names the test that it comes from.
TEST = "exact upper tail of the scheme's null law, over distinct (context, token) pairs"
TEST_VERSION = "exact-1"
SERIES = 200_000


@dataclass(frozen=True)
class Score:
    """What n distinct pairs added up to. p may underflow to 0; log10_p does not."""

    n: int
    total: float
    expected: float
    p: float
    log10_p: float
    z: float

    @property
    def share(self) -> float | None:
        """Of a green list the share of green, of Gumbel the mean (1 under the null)."""
        return self.total / self.n if self.n else None


def score(scheme: Scheme, secret: bytes, rows: np.ndarray) -> Score:
    """The exact test of distinct (context, token) rows. The caller de-duplicated them."""
    return score_total(scheme, len(rows), float(scheme.values(secret, rows).sum()))


def score_steps(
    scheme: Scheme, secret: bytes, rows: np.ndarray, steps: int = 60
) -> list[tuple[int, float]]:
    """(n, z) as the rows add up, at most `steps` points, the last of them all rows."""
    if not len(rows):
        return []
    sums = np.cumsum(scheme.values(secret, rows))
    ends = np.unique(np.linspace(len(rows) / steps, len(rows), steps).round().astype(int))
    ends = ends[ends > 0]
    return [(int(n), round(_z(scheme, int(n), float(sums[n - 1])), 3)) for n in ends]


def score_total(scheme: Scheme, n: int, total: float) -> Score:
    """The exact test of a sum over n distinct pairs."""
    return Score(
        n=n,
        total=total,
        expected=n * (scheme.gamma if isinstance(scheme, GreenList) else 1.0),
        p=upper_tail(scheme, n, total),
        log10_p=log10_upper_tail(scheme, n, total),
        z=_z(scheme, n, total),
    )


def upper_tail(scheme: Scheme, n: int, total: float) -> float:
    """P(sum of n ≥ total) under the null: I_γ(S, n − S + 1), or Q(n, S) = Γ(n, S)/Γ(n)."""
    if n == 0 or total <= 0:
        return 1.0
    if isinstance(scheme, GreenList):
        hits = math.ceil(total)
        return float(special.betainc(hits, n - hits + 1, scheme.gamma)) if hits <= n else 0.0
    return float(special.gammaincc(n, total))


def log10_upper_tail(scheme: Scheme, n: int, total: float) -> float:
    """log10 of upper_tail; below 1e-290 by the finite sum of the law's own terms."""
    p = upper_tail(scheme, n, total)
    if p > 1e-290:
        return math.log10(p)
    if isinstance(scheme, GreenList):
        hits, gamma = math.ceil(total), scheme.gamma
        first = stats.binom.logpmf(hits, n, gamma)
        j = np.arange(hits, min(n, hits + SERIES))
        ratios = np.log(n - j) - np.log(j + 1) + math.log(gamma / (1 - gamma))
    else:  # Q(n, S) for whole n is P(Poisson(S) ≤ n − 1), summed from its largest term down
        first = stats.poisson.logpmf(n - 1, total)
        j = np.arange(n - 1, max(0, n - 1 - SERIES), -1)
        ratios = np.log(j) - math.log(total)
    terms = np.concatenate([[0.0], np.cumsum(ratios)])
    return float((first + special.logsumexp(terms)) / math.log(10))


def randomised_p(scheme: Scheme, n: int, total: float, uniform: float) -> float:
    """P(more) + uniform · P(equal): exactly uniform under the null, also for a discrete law."""
    p = upper_tail(scheme, n, total)
    if n == 0:
        return uniform
    if not isinstance(scheme, GreenList):
        return p
    more = upper_tail(scheme, n, total + 1)
    return more + uniform * (p - more)


def detectable(scheme: Scheme, n: int, alpha: float, power: float = 0.9) -> float | None:
    """The smallest true share (green list) or mean (Gumbel) that n pairs find at level alpha with
    that power; None when no strength would be found. Gumbel: the excess taken as Gamma of scale m.
    """
    if n == 0:
        return None
    if isinstance(scheme, GreenList):
        need = int(stats.binom.isf(alpha, n, scheme.gamma)) + 1  # smallest S with P(≥ S) ≤ alpha
        if need > n:
            return None
        # the share q of which P(S ≥ need) is the power
        return float(special.betaincinv(need, n - need + 1, power))
    need = float(special.gammainccinv(n, alpha))
    return need / float(special.gammainccinv(n, power))


def _z(scheme: Scheme, n: int, total: float) -> float:
    if not n:
        return 0.0
    if isinstance(scheme, GreenList):
        return (total - scheme.gamma * n) / math.sqrt(scheme.gamma * (1 - scheme.gamma) * n)
    return (total - n) / math.sqrt(n)
