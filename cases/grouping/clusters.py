"""From facts to clusters: tie, cut, grow, question, and say who belongs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .bridges import Bridge, split
from .links import Ties, Witnesses, components, ties, witnesses
from .membership import Scorer
from .output import Grouping
from .question import (
    FLAGGED,
    PARTIES,
    SMALLEST,
    UNFLAGGED_FAMILIES,
    UNFLAGGED_SIZE,
    question,
)
from .settle import Draft, conclude
from .tables import Facts, Previous

METHOD = "rarity-1"
ROUNDS = 8
KEPT = 0.5  # of a seed that growth may not lose


@dataclass(frozen=True, slots=True)
class _Seed:
    accounts: np.ndarray
    bridges: tuple[Bridge, ...]


def group(facts: Facts, *, prior: float, previous: Iterable[Previous] = ()) -> Grouping:
    """Find the candidate campaigns in facts.

    prior is the probability that an account belongs to one given campaign before any evidence.
    previous are the cases as they stand; a cluster takes over the case that it overlaps most, and
    what a person said of its members holds. The answer depends on the facts alone, not on the
    order of their rows.
    """
    previous = sorted(previous, key=lambda case: case.number)
    seen = witnesses(facts)
    scorer = Scorer(facts, seen, prior=prior)
    found = ties(facts, seen, prior=prior, left_out=facts.aggregate)
    refused: dict[str, int] = {}
    seeds = list(_seeds(facts, seen, found))
    standing = []
    for members, bridges in _grow_apart(facts, scorer, seeds):
        if members is None:
            problem, meeting = "fell apart when its members were scored", None
        else:
            problem, meeting = question(facts, seen, scorer, members)
        if problem:
            refused[problem] = refused.get(problem, 0) + 1
        else:
            standing.append(Draft(members, bridges, meeting))
    return conclude(facts, seen, scorer, standing, previous, refused, method=METHOD)


def _seeds(facts: Facts, seen: Witnesses, found: Ties) -> Iterable[_Seed]:
    """Components that may become cases, cut at their weak bridges."""
    label = components(found, len(facts.account))
    order = np.argsort(label[found.account], kind="stable")
    of_row = label[found.account][order]
    names, start = np.unique(of_row, return_index=True)
    size = np.bincount(label[label >= 0], minlength=int(label.max(initial=0)) + 1)
    flagged = np.bincount(label[(label >= 0) & facts.flagged], minlength=len(size))
    families = _families(seen, found, len(facts.account))
    # the weight of a star falls with its size, as FRAUDAR weighs a column
    star = np.bincount(found.tie, minlength=len(found.bits))
    weight = found.bits / np.log(star + 5.0)

    def worth(accounts: np.ndarray) -> bool:
        if len(accounts) < SMALLEST or len(np.unique(facts.party[accounts])) < PARTIES:
            return False
        if facts.flagged[accounts].sum() >= FLAGGED:
            return True
        tied_by = np.bitwise_or.reduce(families[accounts])
        return len(accounts) >= UNFLAGGED_SIZE and int(tied_by).bit_count() >= UNFLAGGED_FAMILIES

    for name, low, high in zip(names, start, np.append(start, len(order))[1:], strict=True):
        if size[name] < SMALLEST or (flagged[name] < FLAGGED and size[name] < UNFLAGGED_SIZE):
            continue
        rows = np.sort(order[low:high])
        tie = found.tie[rows]
        parts, bridges = split(tie, found.account[rows], weight[tie], worth=worth)
        for accounts in parts:
            inside = set(tie[np.isin(found.account[rows], accounts)].tolist()) if bridges else ()
            yield _Seed(accounts, tuple(b for b in bridges if not set(b.ties).isdisjoint(inside)))


def _families(seen: Witnesses, found: Ties, accounts: int) -> np.ndarray:
    """For each account the families of what ties it, as bits of a number."""
    either = (1 << seen.family[found.a]) | (1 << seen.family[found.b])
    mask = np.zeros(accounts, dtype=np.int64)
    np.bitwise_or.at(mask, found.account, either[found.tie])
    return mask


def _grow_apart(facts: Facts, scorer: Scorer, seeds: Sequence[_Seed]):
    """(members or None, bridges) of each seed. What a cut took apart stays apart: an account that
    one seed brought along does not join another, unless its own dissolves.
    """
    alive = [True] * len(seeds)
    grown: list[np.ndarray | None] = [None] * len(seeds)
    for _ in range(2):
        owner = np.full(len(facts.account), -1)
        for place, seed in enumerate(seeds):
            if alive[place]:
                owner[seed.accounts] = place
        for place, seed in enumerate(seeds):
            if alive[place]:
                grown[place] = _grow(facts, scorer, seed.accounts, owner, place)
        alive = [members is not None for members in grown]
    return zip(grown, [seed.bridges for seed in seeds], strict=True)


def _grow(
    facts: Facts, scorer: Scorer, seed: np.ndarray, owner: np.ndarray, place: int
) -> np.ndarray | None:
    """Let the seed's members vote until those who belong are those who vote. None: it dissolves,
    or drifts away from the accounts that it began with.
    """
    members = np.sort(seed)
    for _ in range(ROUNDS):
        scores = scorer.score(members)
        free = (owner[scores.account] == place) | (owner[scores.account] < 0)
        votes = free & ~facts.aggregate[scores.account]
        now = scores.account[(scores.total >= 0) & scores.tied & votes]
        if len(now) < SMALLEST:
            return None
        if np.array_equal(now, members):
            break
        members = now
    if len(np.intersect1d(members, seed)) < KEPT * len(seed):
        return None
    return members
