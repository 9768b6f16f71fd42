"""From seeds to members: those who belong vote, until those who vote are those who belong.

Who is possibly a member votes as well. Were it only those more likely than not, a campaign of weak
ties would lose its voters round by round, since each who goes takes his word for the others along.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .membership import Rows, Scorer, belongs
from .question import SMALLEST
from .seeds import Seed
from .tables import Facts

ROUNDS = 8
KEPT = 0.5  # of a seed that growth may not lose


@dataclass(frozen=True, slots=True)
class Grown:
    """members: the accounts of every seed that stands, numbered as the seeds are. alive: whether it
    does. bound: whom each seed took or, were they free, would have taken, in any round."""

    members: Rows
    alive: np.ndarray
    bound: Rows


def grow(
    facts: Facts, scorer: Scorer, seeds: Sequence[Seed], barred: Sequence[np.ndarray]
) -> Grown:
    """Grow all seeds at once. What a cut took apart stays apart: an account that one seed brought
    along does not join another, unless its own dissolves. barred: for each seed accounts that a
    person's split keeps out of it.

    A seed dissolves when fewer than SMALLEST accounts are left, or when it drifts away from the
    accounts that it began with.
    """
    size = len(facts.account)
    begun = Rows.of(
        np.repeat(np.arange(len(seeds)), [len(seed.accounts) for seed in seeds]),
        np.concatenate([seed.accounts for seed in seeds]) if seeds else np.zeros(0, dtype=np.int64),
        size,
    )
    closed = Rows.of(
        np.repeat(np.arange(len(seeds)), [len(accounts) for accounts in barred]),
        np.concatenate(barred) if seeds else np.zeros(0, dtype=np.int64),
        size,
    ).key(size)
    bound: list[Rows] = []
    every = np.ones(len(seeds), dtype=bool)
    members, alive = _vote(facts, scorer, begun, every, closed, bound)
    # whom a dissolved seed held is free: seeds that asked for such accounts grow once more
    dissolved = begun.account[~alive[begun.cluster]]
    asked = _join(bound, size)
    again = np.zeros(len(seeds), dtype=bool)
    again[asked.cluster[np.isin(asked.account, dissolved)]] = True
    again &= alive
    if again.any():
        free = begun[alive[begun.cluster]]
        regrown, stands = _vote(facts, scorer, free, again, closed, bound)
        members = _join([members[~again[members.cluster]], regrown], size)
        alive = np.where(again, stands, alive)
    return Grown(members, alive, _join(bound, size))


def _vote(facts, scorer, begun: Rows, which: np.ndarray, closed, bound) -> tuple[Rows, np.ndarray]:
    """(members, stands) of the seeds that are asked for; begun are the seeds that hold accounts."""
    size, count = len(facts.account), len(which)
    owner = np.full(size, -1)
    owner[begun.account] = begun.cluster
    begun = begun[which[begun.cluster]]
    alive = which.copy()
    settled: list[Rows] = []
    members = begun
    for turn in range(ROUNDS):
        if not len(members):
            break
        scores = scorer.score(members)
        fits = belongs(facts, scores) & ~facts.aggregate[scores.account]
        if len(closed):
            fits &= ~np.isin(scores.rows.key(size), closed)
        whose = owner[scores.account]
        taken = fits & (whose >= 0) & (whose != scores.cluster)
        bound.append(scores.rows[fits])
        now = scores.rows[fits & ~taken]
        enough = np.bincount(now.cluster, minlength=count) >= SMALLEST
        alive &= enough | (np.bincount(members.cluster, minlength=count) == 0)
        moved = _moved(members, now, size, count)
        still = enough & ~moved if turn < ROUNDS - 1 else enough
        settled.append(now[still[now.cluster]])
        members = now[(enough & moved)[now.cluster]] if turn < ROUNDS - 1 else now[:0]
    rows = _join(settled, size)
    kept = np.bincount(rows.cluster[np.isin(rows.key(size), begun.key(size))], minlength=count)
    alive &= kept >= KEPT * np.bincount(begun.cluster, minlength=count)
    return rows[alive[rows.cluster]], alive


def _moved(before: Rows, now: Rows, size: int, count: int) -> np.ndarray:
    """Which clusters changed from one round to the next."""
    moved = np.zeros(count, dtype=bool)
    key, other = before.key(size), now.key(size)
    moved[before.cluster[~np.isin(key, other, assume_unique=True)]] = True
    moved[now.cluster[~np.isin(other, key, assume_unique=True)]] = True
    return moved


def _join(parts: Sequence[Rows], size: int) -> Rows:
    if not parts:
        return Rows(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    return Rows.of(
        np.concatenate([part.cluster for part in parts]),
        np.concatenate([part.account for part in parts]),
        size,
    )
