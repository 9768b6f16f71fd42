"""Whether accounts divide the values of a slot among them: they avoid what another has asked. Pure.

Overlap is the share of values that two accounts or more asked for. Chance is what it would be had
each request come from any of these accounts, each as busy as it is: the accounts' names are dealt
anew over the requests. Under that null the p-value is exact. It says nothing where no value comes
again, for then every dealing gives the same; and customers of one product who each send texts of
their own divide them too.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

DEALS = 999
MOST_REQUESTS = 20_000  # of which the overlap is dealt anew: more are thinned evenly


@dataclass(frozen=True)
class Division:
    """overlap and chance are shares of the values; p is of an overlap as small. entropy, in nats,
    is of the requests over the values."""

    accounts: int
    values: int
    requests: int
    again: int  # values that were asked for more than once
    overlap: float
    chance: float
    p: float
    entropy: float


def division(
    account: np.ndarray, value: np.ndarray, count: np.ndarray, *, deals: int = DEALS, seed: int = 0
) -> Division | None:
    """Of rows (account, value) with how many requests each. None without two accounts and a value.
    Deterministic for a seed."""
    account = np.unique(account, return_inverse=True)[1]
    value = np.unique(value, return_inverse=True)[1]
    if not len(account) or account.max() == 0:
        return None
    who, what = np.repeat(account, count), np.repeat(value, count)
    if len(who) > MOST_REQUESTS:
        some = np.random.default_rng(seed).choice(len(who), MOST_REQUESTS, replace=False)
        who, what = who[some], what[some]
    order = np.argsort(what, kind="stable")
    who, what = who[order], what[order]
    values, starts, sizes = np.unique(what, return_index=True, return_counts=True)
    observed = _shared(who[None, :], starts)[0]
    found = np.empty(deals, dtype=int)
    rng, rows = np.random.default_rng(seed), max(1, 2_000_000 // len(who))
    for first in range(0, deals, rows):
        some = np.tile(who, (min(rows, deals - first), 1))
        found[first : first + len(some)] = _shared(rng.permuted(some, axis=1), starts)
    share = sizes / sizes.sum()
    return Division(
        accounts=int(account.max()) + 1,
        values=len(values),
        requests=int(count.sum()),
        again=int((sizes > 1).sum()),
        overlap=float(observed / len(values)),
        chance=float(expected_shared(np.bincount(who), sizes) / len(values)),
        p=float((1 + (found <= observed).sum()) / (deals + 1)),
        entropy=float(-(share * np.log(share)).sum()),
    )


def expected_shared(busy: np.ndarray, sizes: np.ndarray) -> float:
    """How many values two accounts or more ask for when the accounts (with so many requests each)
    are dealt anew over values of these sizes: Σ 1 − Σ_a C(n_a, c) / C(N, c)."""
    total, busy = float(busy.sum()), busy[busy > 0].astype(float)
    shared = 0.0
    for size, many in zip(*np.unique(sizes, return_counts=True), strict=True):
        able = busy[busy >= size]
        alone = np.exp(_log_choose(able, size) - _log_choose(total, size)).sum()
        shared += many * (1 - min(1.0, alone))
    return shared


def _log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _shared(who: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Of each row of names (requests in the order of their values): values with two names."""
    least = np.minimum.reduceat(who, starts, axis=1)
    return (least != np.maximum.reduceat(who, starts, axis=1)).sum(axis=1)
