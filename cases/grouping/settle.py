"""Which case a cluster is, what people said of it, and where each account belongs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .bridges import Bridge
from .links import Witnesses
from .membership import Scorer, Scores
from .output import Cluster, Grouping, describe
from .question import SMALLEST, Meeting
from .rarity import LIKELY_BITS, POSSIBLE_BITS
from .stable import match
from .tables import Facts, Previous


@dataclass(frozen=True, slots=True)
class Draft:
    """A cluster that stands: who votes in it, and how it was found."""

    voters: np.ndarray
    bridges: tuple[Bridge, ...]
    meeting: Meeting | None


def conclude(
    facts: Facts,
    seen: Witnesses,
    scorer: Scorer,
    drafts: Sequence[Draft],
    previous: Sequence[Previous],
    refused: dict[str, int],
    *,
    method: str,
) -> Grouping:
    """Match clusters to cases, let people's words hold, and settle who belongs where."""
    by_number = {case.number: case for case in previous}
    held = match([set(facts.account[d.voters].tolist()) for d in drafts], previous)
    settled = []
    for draft, number in zip(drafts, held, strict=True):
        case = by_number.get(number)
        out = _positions(facts, case.kept_out if case else ())
        pinned = _positions(facts, case.kept_in if case else ())
        voters = np.union1d(np.setdiff1d(draft.voters, out), pinned)
        scores = scorer.score(voters, also=pinned)
        is_pinned = np.isin(scores.account, pinned)
        # whom no detector flagged comes in by strong ties only, and is then held at possible
        needed = np.where(facts.flagged[scores.account], POSSIBLE_BITS, LIKELY_BITS)
        belongs = ((scores.total >= needed) & scores.tied) | is_pinned
        settled.append((number, scores, belongs & ~np.isin(scores.account, out), is_pinned))
    home, best = _homes(facts, drafts, [scores for _, scores, _, _ in settled])
    clusters = []
    for place, (draft, answer) in enumerate(zip(drafts, settled, strict=True)):
        number, scores, belongs, is_pinned = answer
        fits = (scores.total >= best[scores.account]) | (scores.total >= LIKELY_BITS)
        lives = home[scores.account]
        stays = belongs & (np.where(lives < 0, fits, lives == place) | is_pinned)
        if stays.sum() < (SMALLEST if number is None else 1):
            reason = "its members fit better elsewhere"
            refused[reason] = refused.get(reason, 0) + 1
            continue
        clusters.append(
            describe(
                facts, seen, scorer, scores, stays,
                case=number, bridges=draft.bridges, meeting=draft.meeting,
            )
        )  # fmt: skip
    clusters.sort(key=lambda cluster: cluster.members[0].account)
    taken = {cluster.case for cluster in clusters}
    gone = [case for case in previous if case.number not in taken]
    return Grouping(method, tuple(clusters), _absorbed(gone, clusters), refused)


def _homes(facts: Facts, drafts: Sequence[Draft], scored: Sequence[Scores]):
    """(home, best) by account. Who votes in a cluster belongs there alone, in the one that it fits
    best when several ask it to; anybody else belongs where it fits best, and elsewhere too where it
    is at least likely: a reseller's key may serve several operators.
    """
    home = np.full(len(facts.account), -1)
    best = np.full(len(facts.account), -np.inf)
    full = np.full(len(facts.account), -np.inf)
    for place, (draft, scores) in enumerate(zip(drafts, scored, strict=True)):
        np.maximum.at(best, scores.account[scores.tied], scores.total[scores.tied])
        raw = scores.raw_bits.sum(axis=1)
        better = np.isin(scores.account, draft.voters) & (raw > full[scores.account])
        home[scores.account[better]] = place
        full[scores.account[better]] = raw[better]
    return home, best


def _positions(facts: Facts, accounts: Iterable[int]) -> np.ndarray:
    return np.flatnonzero(np.isin(facts.account, sorted(accounts)))


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
