"""A cluster keeps its case: by largest overlap, the older case first."""

from collections import Counter
from collections.abc import Iterable, Sequence, Set

from .tables import Previous


def match(clusters: Sequence[Set[int]], previous: Iterable[Previous]) -> list[int | None]:
    """The case number that each cluster takes over; None for a cluster that is new.

    Each case goes to one cluster and each cluster gets one case, largest overlap first. Accounts
    that a person ruled out of a case are no overlap with it.
    """
    homes: dict[int, list[int]] = {}
    for case in previous:
        for account in (case.members | case.kept_in) - case.kept_out:
            homes.setdefault(account, []).append(case.number)
    overlaps = []
    for place, accounts in enumerate(clusters):
        counts = Counter(number for a in accounts for number in homes.get(a, ()))
        overlaps += [(-common, number, place) for number, common in counts.items()]
    held: list[int | None] = [None] * len(clusters)
    used = set()
    for _, number, place in sorted(overlaps):
        if held[place] is None and number not in used:
            held[place] = number
            used.add(number)
    return held
