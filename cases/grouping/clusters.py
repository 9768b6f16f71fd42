"""From facts to clusters: tie, cut, grow, question, and say who belongs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .bridges import Bridge, split
from .links import Ties, Witnesses, components, ties, witnesses
from .membership import Scorer
from .output import Cluster, Grouping, describe
from .rarity import FAMILY_CODE, KIND_CODE, LIKELY_BITS, POSSIBLE_BITS
from .stable import match
from .tables import Facts, Previous

METHOD = "rarity-1"
SMALLEST = 3  # accounts in a case
PARTIES = 2  # organisations in a case
FLAGGED = 2  # members that a detector has spoken of
UNFLAGGED_FAMILIES, UNFLAGGED_SIZE = 3, 5  # or so many families tie so many accounts
ROUNDS = 8
# of a seed that growth may not lose; of a cluster that must outlive its commonest values
KEPT = 0.5
HOUSEHOLD = 2  # organisations that may share a home, a card or a device for private reasons
SAME = 0.5  # of the smaller of two clusters that the larger holds as well


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
    grown, refused = [], {}
    for seed in _seeds(facts, seen, found):
        members = _grow(facts, scorer, seed.accounts)
        if members is None:
            _count(refused, "fell apart when its members were scored")
        else:
            grown.append((members, seed.bridges))
    standing = []
    for members, bridges in _join(facts, scorer, grown):
        problem = _question(facts, seen, scorer, members)
        if problem:
            _count(refused, problem)
        else:
            standing.append((members, bridges))
    return _conclude(facts, seen, scorer, standing, previous, refused)


def _count(counts: dict, reason: str) -> None:
    counts[reason] = counts.get(reason, 0) + 1


def _seeds(facts: Facts, seen: Witnesses, found: Ties) -> Iterable[_Seed]:
    """Components that may become cases, cut at their weak bridges."""
    label = components(found, len(facts.account))
    order = np.argsort(label[found.account], kind="stable")
    of_row = label[found.account][order]
    names, start = np.unique(of_row, return_index=True)
    size = np.bincount(label[label >= 0], minlength=int(label.max(initial=0)) + 1)
    flagged = np.bincount(label[(label >= 0) & facts.flagged], minlength=len(size))
    # the weight of a star falls with its size, as FRAUDAR weighs a column
    star = np.bincount(found.tie, minlength=len(found.bits))
    weight = found.bits / np.log(star + 5.0)
    for name, low, high in zip(names, start, np.append(start[1:], len(order)), strict=True):
        if size[name] < SMALLEST:
            continue
        rows = order[low:high]
        if flagged[name] < FLAGGED and not _many_families(seen, found, rows, size[name]):
            continue
        rows = np.sort(rows)
        tie = found.tie[rows]
        parts, bridges = split(tie, found.account[rows], weight[tie])
        for accounts in parts:
            if len(accounts) >= SMALLEST and len(np.unique(facts.party[accounts])) >= PARTIES:
                inside = set(tie[np.isin(found.account[rows], accounts)].tolist())
                near = tuple(b for b in bridges if inside.intersection(b.ties))
                yield _Seed(accounts, near)


def _many_families(seen, found, rows, size) -> bool:
    tie = np.unique(found.tie[rows])
    families = np.unique(seen.family[np.concatenate([found.a[tie], found.b[tie]])])
    return size >= UNFLAGGED_SIZE and len(families) >= UNFLAGGED_FAMILIES


def _grow(facts: Facts, scorer: Scorer, seed: np.ndarray) -> np.ndarray | None:
    """Let the seed's members vote until those who belong are those who vote. None: it dissolves,
    or drifts away from the accounts that it began with.
    """
    members = np.sort(seed)
    for _ in range(ROUNDS):
        scores = scorer.score(members)
        keep = (scores.total >= 0) & scores.tied & ~facts.aggregate[scores.account]
        now = scores.account[keep]
        if len(now) < SMALLEST:
            return None
        if np.array_equal(now, members):
            break
        members = now
    if len(np.intersect1d(members, seed)) < KEPT * len(seed):
        return None
    return members


def _join(facts, scorer, grown):
    """Clusters that grew into each other are one, if their union holds both of them."""
    waiting = sorted(grown, key=lambda item: (-len(item[0]), int(item[0][0])))
    done: list = []
    for members, bridges in waiting:
        for place, (other, other_bridges) in enumerate(done):
            common = len(np.intersect1d(members, other, assume_unique=True))
            if common < SAME * min(len(members), len(other)):
                continue
            union = _grow(facts, scorer, np.union1d(members, other))
            if union is not None and all(
                len(np.intersect1d(union, part)) >= KEPT * len(part) for part in (members, other)
            ):
                done[place] = (union, tuple(dict.fromkeys(other_bridges + bridges)))
                break
        else:
            done.append((members, bridges))
    return done


def _question(facts, seen, scorer, members) -> str:
    """Why this is no case; empty when it is one.

    One place, one card, one device or one registration pattern is one witness, however many
    accounts it ties: a campus, an office or a course must not stand on it. The commonest value of
    each is explained away at once, and half of the members must still be tied.
    """
    parties = facts.party[members]
    if len(np.unique(parties)) < PARTIES:
        return "sits inside one organisation"
    flagged = members[facts.flagged[members]]
    scores = scorer.score(members)
    if len(np.unique(facts.party[flagged])) < FLAGGED:
        families = (scores.family_bits[np.isin(scores.account, members)] >= 1).sum(axis=1)
        if len(members) < UNFLAGGED_SIZE or np.median(families) < UNFLAGGED_FAMILIES:
            return "no detector has flagged two of its organisations"
    without = commonest(facts, seen, members)
    left = scorer.score(members, without=without)
    stay = (left.total >= POSSIBLE_BITS) & left.tied & np.isin(left.account, members)
    survivors = left.account[stay]
    if len(survivors) < max(SMALLEST, KEPT * len(members)):
        return "hangs on one place, card or device"
    if len(np.unique(facts.party[survivors])) < PARTIES:
        return "hangs on one place, card or device"
    return ""


def commonest(facts: Facts, seen: Witnesses, members: np.ndarray) -> np.ndarray:
    """The witnesses that a question explains away: of places, cards, devices and registration
    patterns the commonest, and those of household size.

    An address belongs to its network: a campus with many addresses is still one place, and people
    who study together also share homes by twos.
    """
    row, witness = seen.of_accounts(members)
    tying = seen.links[witness] & (seen.attribute[witness] >= 0)
    row, witness = row[tying], witness[tying]
    attribute = seen.attribute[witness]
    lies_in = facts.place[attribute]
    place = np.where(lies_in >= 0, lies_in, attribute)
    party = facts.party[members[row]]
    gone = []
    for family in ("network", "payment", "client", "registration"):
        mine = seen.family[witness] == FAMILY_CODE[family]
        pairs = np.unique(np.stack([place[mine], party[mine]]), axis=1)
        values, count = np.unique(pairs[0], return_counts=True)
        if not len(values):
            continue
        ranked = np.where(facts.kind[values] == KIND_CODE["asn"], 0, count)
        explained = values[(count <= HOUSEHOLD) | (ranked == ranked.max())]
        gone.append(np.unique(witness[mine & np.isin(place, explained)]))
    return np.unique(np.concatenate(gone)) if gone else np.zeros(0, dtype=np.int64)


def _conclude(facts, seen, scorer, standing, previous, refused) -> Grouping:
    """Match clusters to cases, let people's words hold, and settle who belongs where."""
    position = {int(pk): place for place, pk in enumerate(facts.account)}
    held = match([{int(a) for a in facts.account[m]} for m, _ in standing], previous)
    by_number = {case.number: case for case in previous}
    drafts = []
    for (members, bridges), number in zip(standing, held, strict=True):
        case = by_number.get(number)
        out = _known(position, case.kept_out if case else ())
        pinned = _known(position, case.kept_in if case else ())
        voters = np.union1d(np.setdiff1d(members, out), pinned)
        scores = scorer.score(voters, also=pinned)
        belongs = (scores.total >= POSSIBLE_BITS) & scores.tied
        belongs = (belongs | np.isin(scores.account, pinned)) & ~np.isin(scores.account, out)
        drafts.append((number, scores, belongs, pinned, bridges))
    # an account belongs where it fits best, and elsewhere only where it is at least likely
    best: dict[int, float] = {}
    for _, scores, belongs, _, _ in drafts:
        for account, total in zip(scores.account[belongs], scores.total[belongs], strict=True):
            best[account] = max(best.get(account, -np.inf), total)
    clusters = []
    for number, scores, belongs, pinned, bridges in drafts:
        top = np.array([best.get(account, -np.inf) for account in scores.account])
        stays = belongs & (
            (scores.total >= top) | (scores.total >= LIKELY_BITS) | np.isin(scores.account, pinned)
        )
        if stays.sum() < SMALLEST and number is None:
            _count(refused, "its members fit better elsewhere")
            continue
        clusters.append(describe(facts, seen, scorer, scores, stays, pinned, bridges, number))
    clusters.sort(key=lambda cluster: cluster.members[0].account)
    taken = {cluster.case for cluster in clusters}
    gone = tuple(case.number for case in previous if case.number not in taken)
    return Grouping(METHOD, tuple(clusters), _absorbed(gone, by_number, clusters), refused)


def _known(position: dict[int, int], accounts: Iterable[int]) -> np.ndarray:
    return np.array(sorted(position[a] for a in accounts if a in position), dtype=np.int64)


def _absorbed(gone: Sequence[int], by_number, clusters: Sequence[Cluster]) -> dict:
    """For each case that no cluster took over: the place of the cluster that holds most of its
    members, or None."""
    answer = {}
    for number in gone:
        mine = by_number[number].members
        sizes = [
            len(mine.intersection(member.account for member in cluster.members))
            for cluster in clusters
        ]
        most = max(sizes, default=0)
        answer[number] = sizes.index(most) if most and most * 2 >= len(mine) else None
    return answer
