"""What another answer would change in the cases as they stand: before anybody applies it. Pure.

The rules are those by which an answer is written: who has a person's word stays, a decided case
keeps its members, and a case that somebody worked on closes or merges by no run.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from .output import Grouping
from .question import SMALLEST

SAME = 1e-9
TIERS = ("possible", "likely", "core")  # rising


@dataclass(frozen=True, slots=True)
class Stands:
    """A case as it is stored. members: tier and probability of whom it has now, by account.
    spoken: those on whom a person has spoken. kept: why it keeps its members whatever the evidence
    says, or ""; untied: the same, for when no cluster takes it over. worked_on: somebody did
    something to it, so that no run merges it away. aside: those that grouping leaves out already,
    so that whatever holds them here held them before.
    """

    number: int
    members: Mapping[int, tuple[str, float]]
    spoken: Collection[int] = frozenset()
    kept: str = ""
    untied: str = ""
    worked_on: bool = False
    aside: Collection[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Move:
    """change: joins, leaves, rises, falls, or kept (stays by a person's word alone)."""

    account: int
    change: str
    before: tuple[str, float] | None
    after: tuple[str, float] | None


@dataclass(frozen=True, slots=True)
class Other:
    """Another case that accounts come from or go to. place: in the differences, where number is
    None since it would open."""

    number: int | None
    place: int | None
    accounts: int
    how: str


@dataclass(slots=True)
class Difference:
    """fate: opens, changes, splits, merges, closes or holds. tiers: members after, by tier."""

    number: int | None
    fate: str
    before: int
    tiers: Mapping[str, int]
    moves: list[Move]
    shifted: int = 0
    others: list[Other] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    def count(self, change: str) -> int:
        return sum(move.change == change for move in self.moves)


def differences(
    answer: Grouping, stands: Iterable[Stands], *, proposed: Iterable[tuple[int, int]] = ()
) -> list[Difference]:
    """Every case that would open, change, split, merge or close, the most touched first.

    proposed: pairs of cases that grew together and that only a person may merge; the answer is
    without those merges (see propose.hold_proposed).
    """
    stands = {case.number: case for case in stands}
    places: dict[int, list[int]] = {}
    for place, cluster in enumerate(answer.clusters):
        for member in cluster.members:
            places.setdefault(member.account, []).append(place)
    by_place = [_of_cluster(cluster, stands.get(cluster.case)) for cluster in answer.clusters]
    gone = {
        number: _of_absorbed(stands[number], place, answer)
        for number, place in answer.absorbed.items()
        if number in stands and stands[number].members
    }
    named = {cluster.case: place for place, cluster in enumerate(answer.clusters)}
    found = [(d, place) for place, d in enumerate(by_place)]
    found += [(d, None) for d in gone.values()]
    homes: dict[int, list[int]] = {}
    for case in stands.values():
        for account in case.members:
            homes.setdefault(account, []).append(case.number)
    for left, right in proposed:
        for number, other in ((left, right), (right, left)):
            d = by_place[named[number]] if number in named else gone.get(number)
            if d is None and number in stands:
                d = Difference(
                    number, "holds", len(stands[number].members), _tally(stands[number].members), []
                )
                found.append((d, None))
                gone[number] = d
            if d is not None:
                d.conflicts.append(
                    f"It would grow together with C-{other}; since a person has decided on one of "
                    "them, the merge would be proposed, not done."
                )
                if not d.moves and not d.shifted:
                    d.fate = "holds"
    kept = [
        (d, place)
        for d, place in found
        if d.moves or d.conflicts or d.shifted or d.fate in ("opens", "merges")
    ]
    kept.sort(key=lambda row: (-len(row[0].moves), -row[0].shifted, row[0].number or 0))
    shown = {place: at for at, (_, place) in enumerate(kept) if place is not None}
    for d, place in kept:
        _trace(d, place, answer, places, homes, shown)
    return [d for d, _ in kept]


def _of_cluster(cluster, case: Stands | None) -> Difference:
    after = {member.account: (member.tier, member.probability) for member in cluster.members}
    if case is None:
        moves = [Move(account, "joins", None, now) for account, now in after.items()]
        return Difference(cluster.case, "opens", 0, _tally(after), moves)
    moves, shifted = [], 0
    for account, now in after.items():
        was = case.members.get(account)
        if was is None:
            moves.append(Move(account, "joins", None, now))
        elif was[0] != now[0]:
            rises = TIERS.index(now[0]) > TIERS.index(was[0])
            moves.append(Move(account, "rises" if rises else "falls", was, now))
        elif abs(was[1] - now[1]) >= SAME:
            shifted += 1
    missing = {
        account: was
        for account, was in case.members.items()
        if account not in after and account not in case.aside
    }
    staying, conflicts = _held(case, missing, case.kept)
    for account, was in missing.items():
        moves.append(Move(account, "kept" if account in staying else "leaves", was, None))
    aside = {account: was for account, was in case.members.items() if account in case.aside}
    stay = aside | after | {account: missing[account] for account in staying}
    only_held = bool(conflicts) and not shifted and all(move.change == "kept" for move in moves)
    fate = "holds" if only_held else "changes"
    return Difference(
        case.number, fate, len(case.members), _tally(stay), moves, shifted, [], conflicts
    )


def _of_absorbed(case: Stands, place: int | None, answer: Grouping) -> Difference:
    staying, conflicts = _held(case, case.members, case.kept or case.untied)
    moves = [
        Move(account, "kept" if account in staying else "leaves", was, None)
        for account, was in case.members.items()
    ]
    stay = {account: case.members[account] for account in staying}
    if len(staying) == len(case.members):
        fate = "holds"
    elif place is not None and not case.worked_on and not case.spoken:
        fate = "merges"
    else:
        fate = "closes"
    d = Difference(case.number, fate, len(case.members), _tally(stay), moves, 0, [], conflicts)
    if fate == "merges":
        d.others.append(Other(answer.clusters[place].case, place, len(case.members), "into"))
    return d


def _held(case: Stands, missing: Mapping[int, tuple], kept: str) -> tuple[set[int], list[str]]:
    """(accounts of missing that stay by a person's word, what to say about it)."""
    if not missing:
        return set(), []
    if kept:
        return set(missing), [
            f"{kept}: {_accounts(len(missing))} would be tied to it no more, and would stay."
        ]
    spoken = {account for account in missing if account in case.spoken}
    if not spoken:
        return spoken, []
    return spoken, [
        f"A person has spoken on {_accounts(len(spoken))} that would be tied to it no more: "
        "they would stay."
    ]


def _trace(d: Difference, place, answer: Grouping, places, homes, shown) -> None:
    """Say where accounts come from and go to, and call it a split where enough go to one place."""
    to = Counter(
        where
        for move in d.moves
        if move.change == "leaves"
        for where in places.get(move.account, ())
        if where != place
    )
    if d.fate != "merges":
        for where, accounts in sorted(to.items(), key=lambda item: (-item[1], item[0])):
            number = answer.clusters[where].case
            d.others.append(Other(number, shown.get(where), accounts, "to"))
    if d.fate == "changes" and any(accounts >= SMALLEST for accounts in to.values()):
        d.fate = "splits"
    origin = Counter(
        number
        for move in d.moves
        if move.change == "joins"
        for number in homes.get(move.account, ())
        if number != d.number
    )
    for number, accounts in sorted(origin.items(), key=lambda item: (-item[1], item[0])):
        d.others.append(Other(number, None, accounts, "from"))


def _tally(members: Mapping[int, tuple[str, float]]) -> dict[str, int]:
    count = Counter(tier for tier, _ in members.values())
    return {tier: count[tier] for tier in TIERS}


def _accounts(number: int) -> str:
    return f"{number:,} account{'' if number == 1 else 's'}"
