"""Is a cluster more than a place, a household, a product or chance? Asked before it is a case."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from .communities import Community, at_home, communities
from .membership import Rows, Scorer, Scores, domains
from .rarity import DOMAIN, FAMILIES, FAMILY_CODE, KIND_CODE, POSSIBLE_BITS
from .tables import Facts, distinct
from .witnesses import Witnesses

SMALLEST = 3  # accounts in a case
PARTIES = 2  # organisations in a case
FLAGGED = 2  # organisations that a detector has spoken of
UNFLAGGED_FAMILIES, UNFLAGGED_SIZE = 3, 5  # or so many families tie so many accounts
OUTLIVES = 0.5  # of a cluster that must stay tied when its commonest values are explained away
RARE_BITS = 10.0  # one in a thousand: a text and a client that are two witnesses, not one product
PLACES = (("ip", "ip_prefix"), ("payment",), ("device",), ("email_domain",))
HOUSEHOLD = 2  # organisations that may share a home, a card or a device for private reasons
STREET = 10  # addresses of one network: nobody rents so many exits next to each other
CHANCE_LOG10 = -6.0  # one false case in a hundred runs of ten thousand candidates


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two families of the cluster's values and how often they meet in one organisation: first and
    second carry them in the whole population, both carry both, expected would by chance.
    """

    families: tuple[str, str]
    first: int
    second: int
    both: int
    expected: float
    log10_p: float


def question(
    facts: Facts, seen: Witnesses, scorer: Scorer, members: Rows
) -> dict[int, tuple[str, Meeting | None]]:
    """For each cluster why its members are no case ("" when they are one), and the meeting of two
    families that is least chance.

    One place, one card or one device is one witness, however many accounts it ties: a campus, an
    office or a course must not stand on it, nor the users of one product on its prompt. The
    commonest value of each is explained away at once, and half of the members must still be tied.
    Then two families must meet more often than independent margins allow (hypergeometric tail).
    """
    names, start, size = np.unique(members.cluster, return_index=True, return_counts=True)
    parts = [members.account[low : low + n] for low, n in zip(start, size, strict=True)]
    answer = dict.fromkeys(names.tolist(), ("", None))
    flags = [len(distinct(facts.party[part[facts.flagged[part]]])) for part in parts]
    quiet = [part for part, n in zip(parts, flags, strict=True) if n < FLAGGED]
    three = iter(_families(facts, scorer, quiet))
    waiting = []
    for place, (name, part) in enumerate(zip(names.tolist(), parts, strict=True)):
        few_families = flags[place] < FLAGGED and next(three) < UNFLAGGED_FAMILIES
        if len(distinct(facts.party[part])) < PARTIES:
            answer[name] = ("sits inside one organisation", None)
        elif flags[place] < FLAGGED and (few_families or len(part) < UNFLAGGED_SIZE):
            answer[name] = ("no detector has flagged two of its organisations", None)
        else:
            waiting.append((name, part))
    places = Places(facts, seen, [part for _, part in waiting])
    gone = [commonest(facts, seen, part, places) for _, part in waiting]
    survivors = _survivors(facts, seen, scorer, [part for _, part in waiting], gone)
    for (name, part), without, left in zip(waiting, gone, survivors, strict=True):
        few_left = len(left) < max(SMALLEST, OUTLIVES * len(part))
        if few_left or len(distinct(facts.party[left])) < PARTIES:
            answer[name] = ("hangs on one place, card or product", None)
            continue
        meeting = _least_chance(facts, seen, scorer, name, part, without)
        if meeting is None or meeting.log10_p > CHANCE_LOG10:
            answer[name] = ("its families meet as often as chance would have it", None)
        else:
            answer[name] = ("", meeting)
    return answer


def _families(facts: Facts, scorer: Scorer, parts: Sequence[np.ndarray]) -> list[float]:
    """How many families tie the median member of each cluster."""
    if not parts:
        return []
    scores = scorer.score(_rows(facts, parts), newcomers=False)
    return [
        float(np.median(scores.ties[scores.cluster == place].sum(axis=1)))
        for place in range(len(parts))
    ]


def _survivors(facts, seen, scorer, parts, gone) -> list[np.ndarray]:
    """The members of each cluster that stay tied without what is explained away."""
    if not parts:
        return []
    nodes = len(seen.bits)
    without = np.concatenate([place * nodes + values for place, values in enumerate(gone)])
    scores = scorer.score(_rows(facts, parts), without=without, newcomers=False)
    stay = (scores.total >= POSSIBLE_BITS) & _tied_beyond_a_product(seen, scores)
    return [scores.account[stay & (scores.cluster == place)] for place in range(len(parts))]


def _rows(facts: Facts, parts: Sequence[np.ndarray]) -> Rows:
    places = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return Rows.of(places, np.concatenate(parts), len(facts.account))


def _tied_beyond_a_product(seen: Witnesses, scores: Scores) -> np.ndarray:
    """Tied by two families, where a template and the client that sends it are one product, unless
    both are rare."""
    template, client = FAMILY_CODE["template"], FAMILY_CODE["client"]
    rare = np.ones(len(scores.account), dtype=bool)
    for family in (template, client):
        best = scores.best[:, family]
        rare &= (best >= 0) & (np.nan_to_num(seen.bits[best]) >= RARE_BITS)
    ties = domains(scores.ties)
    product = ties[:, template] & ties[:, client] & ~rare
    return ties.sum(axis=1) - product >= 2


class Places:
    """The networks that the members' addresses lie in, asked for once for all clusters."""

    def __init__(self, facts: Facts, seen: Witnesses, parts: Sequence[np.ndarray]):
        every = distinct(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
        attribute = distinct(seen.attribute[seen.of_accounts(every)[1]])
        self._attribute = attribute[attribute >= 0]
        kinds = [KIND_CODE["ip"], KIND_CODE["ip_prefix"]]
        somewhere = np.isin(facts.kind[self._attribute], kinds)
        self._network = np.full(len(self._attribute), -1, dtype=np.int64)
        if somewhere.any():
            ids = facts.attribute[self._attribute[somewhere]]
            self._network[somewhere] = facts.networks(ids)

    def of(self, attribute: np.ndarray) -> np.ndarray:
        """A code of the network of each attribute that a member carries, −1 for none."""
        return self._network[np.searchsorted(self._attribute, attribute)]


def commonest(facts: Facts, seen: Witnesses, members: np.ndarray, places: Places) -> np.ndarray:
    """The witnesses that a question explains away: of places, cards, devices, mail domains the
    commonest of each, and those of household size.

    An address belongs to its network: a campus with many addresses is still one place, and people
    who study together also share homes by twos, and live in the same streets.
    """
    row, witness = seen.of_accounts(members)
    tying = seen.links[witness] & (seen.attribute[witness] >= 0)
    row, witness = row[tying], witness[tying]
    attribute = seen.attribute[witness]
    lies_in = places.of(attribute)
    place = np.where(lies_in >= 0, lies_in, -1 - attribute)
    party = facts.party[members[row]]
    gone = []
    for kinds in PLACES:
        mine = np.isin(facts.kind[attribute], [KIND_CODE[kind] for kind in kinds])
        pairs = np.unique(np.stack([place[mine], party[mine]]), axis=1)
        values, count = np.unique(pairs[0], return_counts=True)
        if len(values):
            near = _neighbourhoods(facts, attribute[mine], lies_in[mine], party[mine])
            explained = np.concatenate(
                [values[count <= HOUSEHOLD], [values[np.argmax(count)]], near]
            )
            gone.append(distinct(witness[mine & np.isin(place, explained)]))
    return distinct(np.concatenate(gone)) if gone else np.zeros(0, dtype=np.int64)


def _neighbourhoods(facts, attribute, lies_in, party) -> np.ndarray:
    """Networks most of whose addresses are shared by a household at most, or where STREET addresses
    hold little more than a household each on average: people who live near.
    """
    inside = (facts.kind[attribute] == KIND_CODE["ip"]) & (lies_in >= 0)
    pairs = np.unique(np.stack([attribute[inside], party[inside], lies_in[inside]]), axis=1)
    _, first, count = np.unique(pairs[0], return_index=True, return_counts=True)
    networks, at = np.unique(pairs[2][first], return_inverse=True)
    addresses = np.bincount(at)
    quiet = np.bincount(at, weights=count <= HOUSEHOLD) > 0.5 * addresses
    street = (addresses >= STREET) & (np.bincount(at, weights=count) <= (HOUSEHOLD + 1) * addresses)
    return networks[quiet | street]


def _least_chance(facts, seen, scorer, cluster, members, without) -> Meeting | None:
    """Carriers are the members that carry any of a family's telling values, and outsiders as the
    census counted them: whoever else is in the table plays no part. Nor may a community that was
    explained away tell why they meet (see communities.py)."""
    values = scorer.telling(Rows.single(members), without=without)
    row, witness = seen.of_accounts(members)
    row, witness = row[np.isin(witness, values)], witness[np.isin(witness, values)]
    party = facts.party[members[row]]
    held = np.unique(np.stack([witness, party]), axis=1)
    values, inside = np.unique(held[0], return_counts=True)
    outside = np.maximum(np.nan_to_num(seen.carriers[values]) - inside, 0.0)
    population = int(np.fmax.reduce(seen.population[values], initial=1.0))
    homes = communities(facts, seen, members, without)
    lived_in = np.array([home.witness for home in homes], dtype=np.int64)
    scorer.lived_in.append((np.full(len(homes), cluster), lived_in))
    mine, size, rare, theirs = {}, {}, {}, {}
    for family in distinct(seen.family[values]).tolist():
        of_family = seen.family[values] == family
        mine[family] = distinct(held[1][seen.family[held[0]] == family])
        carriers = len(mine[family]) + int(outside[of_family].sum())
        size[family] = min(carriers, max(population, len(mine[family])))
        rare[family] = bool(seen.bits[values[of_family]].max() >= RARE_BITS)
        away = int(outside[of_family].sum())
        theirs[family] = [
            at_home(seen, home, values[of_family], mine[family], away) for home in homes
        ]
    product = {FAMILY_CODE["template"], FAMILY_CODE["client"]}
    best = None
    for a in mine:
        for b in mine:
            if a >= b or DOMAIN[a] == DOMAIN[b]:
                continue
            if {DOMAIN[a], DOMAIN[b]} == product and not (rare[a] and rare[b]):
                continue
            both = len(np.intersect1d(mine[a], mine[b], assume_unique=True))
            tail = meets_by_chance(both, size[a], size[b], population)
            whole = both, size[a], size[b], population
            for home, first, second in zip(homes, theirs[a], theirs[b], strict=True):
                tail = max(tail, _home_and_away(whole, home, first, second))
            if best is None or tail < best.log10_p:
                names = (FAMILIES[a], FAMILIES[b])
                expected = size[a] * size[b] / population
                best = Meeting(names, size[a], size[b], both, expected, max(tail, -300.0))
    return best


def _home_and_away(whole, home: Community, first, second) -> float:
    """The tail of a meeting where it is least chance, among the carriers of a community's value or
    among everybody else (log10, two looks paid for): who lives together is compared at home.

    whole: the arguments of meets_by_chance over the population; first and second: see at_home.
    """
    both, a, b, population = whole
    (left, a_home), (right, b_home) = first, second
    shared = len(np.intersect1d(left, right, assume_unique=True))
    tail = meets_by_chance(shared, a_home, b_home, home.size)
    away = population - home.size
    if away > 0:
        a_away, b_away = min(a - a_home, away), min(b - b_home, away)
        tail = min(tail, meets_by_chance(both - shared, a_away, b_away, away))
    return min(0.0, tail + math.log10(2))


def meets_by_chance(both: int, first: int, second: int, population: int) -> float:
    """log10 P(X >= both), X hypergeometric: second draws from population, first of them marked."""
    if both <= max(0, first + second - population):
        return 0.0
    k = np.arange(both, min(first, second) + 1)
    terms = _log_choose(first, k) + _log_choose(population - first, second - k)
    return float(min(0.0, logsumexp(terms) - _log_choose(population, second)) / np.log(10))


def _log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
