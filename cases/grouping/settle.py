"""Which case a cluster is, what people said of it, and where each account belongs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .bridges import Bridge
from .membership import Rows, Scorer, Scores, belongs
from .output import Cluster, describe
from .question import SMALLEST, Meeting
from .rarity import LIKELY_BITS, POSSIBLE_BITS
from .stable import match
from .tables import Constraints, Facts, Previous, distinct, positions
from .witnesses import Witnesses


@dataclass(frozen=True, slots=True)
class Draft:
    """A cluster that stands: who votes in it, and how it was found. seed: where it began."""

    voters: np.ndarray
    bridges: tuple[Bridge, ...]
    meeting: Meeting | None
    seed: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """One cluster, of one draft or of several that a person merged."""

    number: int | None
    voters: np.ndarray
    scores: Scores
    belongs: np.ndarray
    pinned: np.ndarray


def conclude(
    facts: Facts,
    seen: Witnesses,
    scorer: Scorer,
    drafts: Sequence[Draft],
    previous: Sequence[Previous],
    constraints: Constraints,
    refused: dict[str, int],
) -> tuple[list[Cluster], dict[int, int | None], Rows]:
    """Match clusters to cases, let people's words hold, and settle who belongs where.

    Returns the clusters; for each case that none took over the place of the cluster that holds at
    least half of its members, or None; and by seed the accounts that other clusters may ask for.
    """
    joints = _joints(facts, drafts, constraints.together)
    voters = [distinct(np.concatenate([drafts[at].voters for at in joint])) for joint in joints]
    held = match([set(facts.account[accounts].tolist()) for accounts in voters], previous)
    answers, bound = _answers(facts, scorer, drafts, joints, held, previous, constraints)
    home, best = _homes(facts, answers)
    clusters = []
    for place, (joint, answer) in enumerate(zip(joints, answers, strict=True)):
        scores = answer.scores
        fits = (scores.total >= best[scores.account]) | (scores.total >= LIKELY_BITS)
        lives = home[scores.account]
        stays = answer.belongs & (np.where(lives < 0, fits, lives == place) | answer.pinned)
        if stays.sum() < (SMALLEST if answer.number is None else 1):
            reason = "its members fit better elsewhere"
            refused[reason] = refused.get(reason, 0) + 1
            continue
        of = [drafts[at] for at in joint]
        bridges = tuple(bridge for draft in of for bridge in draft.bridges)
        clusters.append(
            describe(
                facts, seen, scorer, scores, stays,
                case=answer.number, bridges=bridges, meeting=of[0].meeting,
            )
        )  # fmt: skip
    clusters.sort(key=lambda cluster: cluster.members[0].account)
    taken = {cluster.case for cluster in clusters}
    gone = [case for case in previous if case.number not in taken]
    return clusters, _absorbed(gone, clusters), bound


def _joints(facts: Facts, drafts: Sequence[Draft], together) -> list[list[int]]:
    """The places of drafts that are one cluster: those that a merge holds together, the largest
    first. A draft is held by a merge when SMALLEST of its voters are."""
    joint = list(range(len(drafts)))
    for accounts in together:
        inside = _positions(facts, accounts)
        held = [
            place
            for place, draft in enumerate(drafts)
            if np.isin(draft.voters, inside).sum() >= SMALLEST
        ]
        names = {joint[place] for place in held}
        joint = [min(names) if name in names else name for name in joint]
    groups: dict[int, list[int]] = {}
    for place, name in enumerate(joint):
        groups.setdefault(name, []).append(place)
    return [
        sorted(group, key=lambda at: (-len(drafts[at].voters), at)) for group in groups.values()
    ]


def _answers(facts, scorer, drafts, joints, held, previous, constraints):
    """Every cluster scored, with what people said of its case; and who is bound to which seed."""
    by_number = {case.number: case for case in previous}
    size = len(facts.account)
    votes, also, said = [], [], []
    for joint, number in zip(joints, held, strict=True):
        case = by_number.get(number)
        out = _positions(facts, case.kept_out if case else ())
        pinned = _positions(facts, case.kept_in if case else ())
        said.append((out, pinned))
        for turn, at in enumerate(joint):
            mine = np.setdiff1d(drafts[at].voters, out)
            votes.append((at, np.union1d(mine, pinned) if turn == 0 else mine))
            also.append((at, pinned))
    if not votes:
        return [], Rows.single(np.zeros(0, dtype=np.int64))
    every = scorer.score(_rows(votes, size), also=_rows(also, size))
    strong = (every.total >= POSSIBLE_BITS) & every.tied
    seed = np.array([draft.seed for draft in drafts])
    bound = Rows(seed[every.cluster[strong]], every.account[strong])
    answers = []
    for joint, number, (out, pinned) in zip(joints, held, said, strict=True):
        scores = _better(every, joint)
        is_pinned = np.isin(scores.account, pinned)
        stays = belongs(facts, scores) | is_pinned
        voters = np.concatenate([drafts[at].voters for at in joint])
        stays &= ~np.isin(scores.account, out)
        stays &= is_pinned | ~_barred(facts, scores.account, stays, voters, constraints.apart)
        answers.append(_Answer(number, voters, scores, stays, is_pinned))
    return answers, bound


def _rows(parts: Sequence[tuple[int, np.ndarray]], size: int) -> Rows:
    clusters = np.repeat([at for at, _ in parts], [len(accounts) for _, accounts in parts])
    return Rows.of(clusters, np.concatenate([accounts for _, accounts in parts]), size)


def _better(every: Scores, joint: Sequence[int]) -> Scores:
    """The rows of the drafts in joint; of an account that has several, the one with most bits."""
    if len(joint) == 1:
        low, high = np.searchsorted(every.cluster, [joint[0], joint[0] + 1])
        return every[low:high]
    mine = np.flatnonzero(np.isin(every.cluster, joint))
    order = mine[np.lexsort((every.cluster[mine], -every.total[mine], every.account[mine]))]
    account = every.account[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = account[1:] != account[:-1]
    return every[order[first]]


def _barred(facts, account, belongs, voters, apart) -> np.ndarray:
    """Accounts of the side of a person's split that has less of this cluster."""
    barred = np.zeros(len(account), dtype=bool)
    for left, right in apart:
        sides = [_positions(facts, side) for side in (left, right)]
        votes = [(np.isin(voters, side).sum(), np.isin(account[belongs], side).sum())
                 for side in sides]  # fmt: skip
        barred |= np.isin(account, sides[0] if votes[1] > votes[0] else sides[1])
    return barred


def _homes(facts: Facts, answers: Sequence[_Answer]):
    """(home, best) by account. Who votes in a cluster belongs there alone, in the one that it fits
    best when several ask it to; anybody else belongs where it fits best, and elsewhere too where it
    is at least likely: a reseller's key may serve several operators.
    """
    home = np.full(len(facts.account), -1)
    best = np.full(len(facts.account), -np.inf)
    full = np.full(len(facts.account), -np.inf)
    for place, answer in enumerate(answers):
        scores = answer.scores
        np.maximum.at(best, scores.account[scores.tied], scores.total[scores.tied])
        raw = scores.raw_bits.sum(axis=1)
        better = np.isin(scores.account, answer.voters) & (raw > full[scores.account])
        home[scores.account[better]] = place
        full[scores.account[better]] = raw[better]
    return home, best


def _positions(facts: Facts, accounts: Iterable[int]) -> np.ndarray:
    at = positions(facts.account, np.array(sorted(accounts), dtype=np.int64))
    return at[at >= 0]


def _absorbed(gone: Iterable[Previous], clusters: Sequence[Cluster]) -> dict[int, int | None]:
    """For each case that no cluster took over: the place of the cluster that holds at least half
    of its members, or None."""
    sets = [{member.account for member in cluster.members} for cluster in clusters]
    answer: dict[int, int | None] = {}
    for case in gone:
        common = [len(case.members & accounts) for accounts in sets]
        most = max(common, default=0)
        answer[case.number] = common.index(most) if most and 2 * most >= len(case.members) else None
    return answer
