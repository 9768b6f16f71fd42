"""Components that may become cases, cut at their weak bridges and where a person split a case."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bridges import Bridge, split
from .habits import rejoin
from .links import Ties, components
from .question import FLAGGED, PARTIES, SMALLEST, UNFLAGGED_FAMILIES, UNFLAGGED_SIZE
from .tables import Constraints, Facts, distinct
from .witnesses import Witnesses, starts


@dataclass(frozen=True, slots=True)
class Seed:
    """Accounts to begin with. component: a number that the seeds of one component share."""

    accounts: np.ndarray
    bridges: tuple[Bridge, ...]
    component: int


def seeds(
    facts: Facts, seen: Witnesses, found: Ties, constraints: Constraints
) -> tuple[list[Seed], np.ndarray, np.ndarray]:
    """(seeds, account, component) where the two columns hold every account of the components that
    were looked into."""
    label = components(found, len(facts.account))
    tied = np.flatnonzero(label >= 0)
    families = np.zeros(len(facts.account), dtype=np.int64)
    either = (1 << seen.family[found.a]) | (1 << seen.family[found.b])
    np.bitwise_or.at(families, found.account, either[found.tie])
    worth = _Worth(facts, families)
    count = int(label.max(initial=-1)) + 1
    good = worth.of_components(tied, label[tied], count)
    order = np.argsort(label[found.account], kind="stable")
    row_start = starts(label[found.account], count)
    # the weight of a star falls with its size, as FRAUDAR weighs a column
    star = np.bincount(found.tie, minlength=len(found.bits))
    weight = found.bits / np.log(star + 5.0)
    sides = [tuple(_positions(facts, side) for side in pair) for pair in constraints.apart]
    chosen: list[Seed] = []
    for component in np.flatnonzero(good):
        rows = order[row_start[component] : row_start[component + 1]]
        tie, account = found.tie[rows], found.account[rows]
        parts, bridges = split(tie, account, weight[tie], worth=worth)
        for part in rejoin(facts, seen, parts):
            mine = _bridges_of(part, bridges, tie, account)
            for piece in _keep_apart(part, sides, tie, account, weight[tie]):
                if worth(piece):
                    chosen.append(Seed(piece, mine, int(component)))
    looked = tied[good[label[tied]]]
    return chosen, looked, label[looked]


def _bridges_of(part, bridges: Sequence[Bridge], tie, account) -> tuple[Bridge, ...]:
    """The bridges that lead from a part to accounts outside it."""
    if not bridges:
        return ()
    at_part = np.isin(account, part)
    inside, outside = set(tie[at_part].tolist()), set(tie[~at_part].tolist())
    return tuple(
        bridge
        for bridge in bridges
        if not inside.isdisjoint(bridge.ties) and not outside.isdisjoint(bridge.ties)
    )


class _Worth:
    """Whether accounts could make a case at all, before anything is computed of them."""

    def __init__(self, facts: Facts, families: np.ndarray):
        self.facts, self.families = facts, families

    def __call__(self, accounts: np.ndarray) -> bool:
        facts = self.facts
        if len(accounts) < SMALLEST or len(distinct(facts.party[accounts])) < PARTIES:
            return False
        if facts.flagged[accounts].sum() >= FLAGGED:
            return True
        tied_by = int(np.bitwise_or.reduce(self.families[accounts]))
        return len(accounts) >= UNFLAGGED_SIZE and tied_by.bit_count() >= UNFLAGGED_FAMILIES

    def of_components(self, accounts: np.ndarray, label: np.ndarray, count: int) -> np.ndarray:
        """The same for every component at once."""
        facts = self.facts
        size = np.bincount(label, minlength=count)
        flagged = np.bincount(label[facts.flagged[accounts]], minlength=count)
        tied_by = np.zeros(count, dtype=np.int64)
        np.bitwise_or.at(tied_by, label, self.families[accounts])
        many = np.array([int(mask).bit_count() for mask in tied_by]) >= UNFLAGGED_FAMILIES
        space = int(facts.party.max(initial=0)) + 1
        parties = distinct(label * space + facts.party[accounts]) // space
        enough = (size >= SMALLEST) & (np.bincount(parties, minlength=count) >= PARTIES)
        return enough & ((flagged >= FLAGGED) | ((size >= UNFLAGGED_SIZE) & many))


def _keep_apart(
    part: np.ndarray, sides: Sequence[tuple[np.ndarray, np.ndarray]], tie, account, weight
) -> list[np.ndarray]:
    """Split a part that holds accounts of both sides of a person's split. Who is of neither side
    goes where its ties weigh more, ties that both sides carry aside; the left side, if the same.
    """
    pieces = [part]
    for left, right in sides:
        divided = []
        for piece in pieces:
            at_left, at_right = np.isin(piece, left), np.isin(piece, right)
            if at_left.any() and at_right.any():
                pull = _pull(piece, at_left, at_right, tie, account, weight)
                goes_right = at_right | (~at_left & (pull > 0))
                divided += [piece[~goes_right], piece[goes_right]]
            else:
                divided.append(piece)
        pieces = divided
    return pieces


def _pull(piece, at_left, at_right, tie, account, weight) -> np.ndarray:
    """For each account of the piece, how much more its ties go to the right than to the left."""
    at = np.minimum(np.searchsorted(piece, account), len(piece) - 1)
    inside = piece[at] == account
    at, tie, weight = at[inside], tie[inside], weight[inside]
    names, star = np.unique(tie, return_inverse=True)
    carriers = np.bincount(star, minlength=len(names))
    lean = at_right.astype(float) - at_left
    share = np.bincount(star, weights=lean[at], minlength=len(names)) / np.maximum(carriers, 1)
    return np.round(np.bincount(at, weights=weight * share[star], minlength=len(piece)), 9)


def _positions(facts: Facts, accounts) -> np.ndarray:
    return np.flatnonzero(np.isin(facts.account, np.array(sorted(accounts), dtype=np.int64)))
