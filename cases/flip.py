"""What would flip a case: evidence that falls away, or an innocent explanation that holds. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cases.grouping import Member
from cases.grouping.membership import TIE_BITS, capped, domains
from cases.grouping.output import HELD_BITS
from cases.grouping.question import SMALLEST
from cases.grouping.rarity import CORE_BITS, FAMILIES, FAMILY_CODE, POSSIBLE_BITS, probability
from cases.scoring import DOUBT, p_abuse

EVEN = 0.5  # P(abuse) under which a case is more likely innocent than not
AT_ONCE = 3  # families that are withdrawn together, where fewer flip nothing
VALUES, VALUE_SHARE = 5, 0.1  # values that are withdrawn: on so many members at least
HOLDS = "fits"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The case as it would be. core, members: head counts; expected: Σ probability of them."""

    p_abuse: float
    core: int
    members: int
    expected: float

    def under(self, now: "Outcome") -> bool:
        """Under even odds, or without a core of a case's smallest size where it had one."""
        return self.p_abuse < EVEN <= now.p_abuse or self.core < SMALLEST <= now.core


@dataclass(frozen=True, slots=True)
class Flip:
    """what: names of families or of an explanation, or the id of a value. members: whom it
    touches. flips: takes the case under."""

    what: tuple[str | int, ...]
    members: int
    outcome: Outcome
    flips: bool


@dataclass(frozen=True, slots=True)
class Flips:
    """now: the case as it stands. families: each withdrawn alone. sets: the smallest that flip.
    values: bounds, see flips. benign: each explanation, did it hold."""

    now: Outcome
    families: tuple[Flip, ...]
    sets: tuple[Flip, ...]
    values: tuple[Flip, ...]
    benign: tuple[Flip, ...]


def flips(members: Sequence[Member], fits: Mapping[str, str]) -> Flips:
    """Take evidence away from every member by the formula, and the scoring again.

    fits: how each innocent explanation fits, by its name. Votes stand as they are: a family that
    falls away takes its bits and nobody's vote, and who is then tied by one domain alone leaves.
    Values are bounds: a member whose strongest of a family the value is loses the whole family, so
    that at least so many stay, and in the core; of P(abuse), a mean over who stays, it is none.
    """
    case = _Bits(members, tuple(fits.values()))
    now = case.outcome(np.zeros((1, len(FAMILIES)), dtype=bool))
    here = [int(code) for code in np.flatnonzero((case.raw > 0).any(axis=0))]
    alone = [_withdrawn(case, now, (code,)) for code in here]
    sets = [flip for flip in alone if flip.flips]
    for size in range(2, AT_ONCE + 1):
        if sets:
            break
        tried = (_withdrawn(case, now, codes) for codes in combinations(here, size))
        sets = [flip for flip in tried if flip.flips]
    order = {"key": lambda flip: (flip.outcome.p_abuse, flip.outcome.core, flip.what)}
    return Flips(
        now,
        tuple(sorted(alone, **order)),
        tuple(sorted(sets, **order))[:AT_ONCE],
        tuple(_values(case, members, now)),
        tuple(sorted(_benign(now, fits), key=lambda flip: flip.what)),
    )


class _Bits:
    """The members' evidence as arrays."""

    def __init__(self, members: Sequence[Member], fits: Sequence[str]):
        self.fits = fits
        self.raw = np.zeros((len(members), len(FAMILIES)))
        self.ties = np.zeros(self.raw.shape, dtype=bool)
        self.prior = np.zeros(len(members))
        for row, member in enumerate(members):
            for entry in member.evidence:
                if entry.family == "prior":
                    self.prior[row] = entry.bits
                elif entry.family in FAMILY_CODE:
                    code = FAMILY_CODE[entry.family]
                    self.raw[row, code] = entry.raw
                    shared = entry.attribute is not None or entry.group is not None
                    self.ties[row, code] = shared and entry.raw >= TIE_BITS
        self.held = np.array([not m.flagged or m.aggregate for m in members], dtype=bool)
        # whom a person or a wave put in is tied by no two domains to begin with
        self.untied = domains(self.ties).sum(axis=1) < 2

    def outcome(self, gone: np.ndarray) -> Outcome:
        """gone: members (or one row for all) × families that are withdrawn."""
        total = self.prior + capped(np.where(gone, 0.0, self.raw)).sum(axis=1)
        total = np.where(self.held, np.minimum(total, HELD_BITS), total)
        tied = domains(self.ties & ~gone).sum(axis=1) >= 2
        stay = (total >= POSSIBLE_BITS) & (tied | self.untied)
        chances = probability(total[stay])
        return Outcome(
            p_abuse(chances.tolist(), self.fits),
            int((total[stay] >= CORE_BITS).sum()),
            int(stay.sum()),
            float(chances.sum()),
        )


def _withdrawn(case: _Bits, now: Outcome, codes: tuple[int, ...]) -> Flip:
    gone = np.zeros((1, len(FAMILIES)), dtype=bool)
    gone[0, list(codes)] = True
    outcome = case.outcome(gone)
    touched = int((case.raw[:, list(codes)] != 0).any(axis=1).sum())
    names = tuple(FAMILIES[code] for code in codes)
    return Flip(names, touched, outcome, outcome.under(now))


def _values(case: _Bits, members: Sequence[Member], now: Outcome) -> list[Flip]:
    strongest: dict[int, list[tuple[int, int]]] = {}
    for row, member in enumerate(members):
        for entry in member.evidence:
            if entry.attribute is not None and entry.family in FAMILY_CODE:
                place = (row, FAMILY_CODE[entry.family])
                strongest.setdefault(entry.attribute, []).append(place)
    common = Counter({value: len(places) for value, places in strongest.items()})
    found = []
    for value, count in sorted(common.items(), key=lambda item: (-item[1], item[0]))[:VALUES]:
        if count < max(2, VALUE_SHARE * len(members)):
            break
        gone = np.zeros(case.raw.shape, dtype=bool)
        gone[tuple(np.array(strongest[value]).T)] = True
        outcome = case.outcome(gone)
        flips = outcome.core < SMALLEST <= now.core
        found.append(Flip((value,), count, outcome, flips))
    return found


def _benign(now: Outcome, fits: Mapping[str, str]) -> list[Flip]:
    """An explanation that does not hold yet, did it: the others stand as they are."""
    found = []
    for name, fit in fits.items():
        if fit == HOLDS:
            continue
        p = now.p_abuse * (1 - DOUBT[HOLDS]) / (1 - DOUBT[fit])
        outcome = Outcome(p, now.core, now.members, now.expected)
        found.append(Flip((name,), now.members, outcome, outcome.under(now)))
    return found
