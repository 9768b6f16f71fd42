"""Is a cluster more than a place, a household, a product or chance? Asked before it is a case."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from .links import Witnesses
from .membership import Scorer, Scores, domains
from .rarity import DOMAIN, FAMILIES, FAMILY_CODE, KIND_CODE, POSSIBLE_BITS
from .tables import Facts

SMALLEST = 3  # accounts in a case
PARTIES = 2  # organisations in a case
FLAGGED = 2  # organisations that a detector has spoken of
UNFLAGGED_FAMILIES, UNFLAGGED_SIZE = 3, 5  # or so many families tie so many accounts
OUTLIVES = 0.5  # of a cluster that must stay tied when its commonest values are explained away
RARE_BITS = 10.0  # one in a thousand: a text and a client that are two witnesses, not one product
PLACES = (("ip", "ip_prefix"), ("payment",), ("device",), ("email_domain",))
HOUSEHOLD = 2  # organisations that may share a home, a card or a device for private reasons
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
    facts: Facts, seen: Witnesses, scorer: Scorer, members: np.ndarray
) -> tuple[str, Meeting | None]:
    """Why these members are no case ("" when they are one), and the meeting that is least chance.

    One place, one card or one device is one witness, however many accounts it ties: a campus, an
    office or a course must not stand on it, nor the users of one product on its prompt. The
    commonest value of each is explained away at once, and half of the members must still be tied.
    Then two families must meet more often than independent margins allow (hypergeometric tail).
    """
    if len(np.unique(facts.party[members])) < PARTIES:
        return "sits inside one organisation", None
    flagged = members[facts.flagged[members]]
    if len(np.unique(facts.party[flagged])) < FLAGGED:
        scores = scorer.score(members)
        families = scores.ties[np.isin(scores.account, members)].sum(axis=1)
        if len(members) < UNFLAGGED_SIZE or np.median(families) < UNFLAGGED_FAMILIES:
            return "no detector has flagged two of its organisations", None
    without = commonest(facts, seen, members)
    left = scorer.score(members, without=without)
    stay = (left.total >= POSSIBLE_BITS) & _tied_beyond_a_product(seen, left)
    survivors = left.account[stay & np.isin(left.account, members)]
    if len(survivors) < max(SMALLEST, OUTLIVES * len(members)):
        return "hangs on one place, card or product", None
    if len(np.unique(facts.party[survivors])) < PARTIES:
        return "hangs on one place, card or product", None
    meeting = _least_chance(facts, seen, scorer, members, without)
    if meeting is None or meeting.log10_p > CHANCE_LOG10:
        return "its families meet as often as chance would have it", None
    return "", meeting


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


def commonest(facts: Facts, seen: Witnesses, members: np.ndarray) -> np.ndarray:
    """The witnesses that a question explains away: of places, cards, devices, mail domains the
    commonest of each, and those of household size.

    An address belongs to its network: a campus with many addresses is still one place, and people
    who study together also share homes by twos, and live in the same streets.
    """
    row, witness = seen.of_accounts(members)
    tying = seen.links[witness] & (seen.attribute[witness] >= 0)
    row, witness = row[tying], witness[tying]
    attribute = seen.attribute[witness]
    lies_in = facts.place[attribute]
    place = np.where(lies_in >= 0, lies_in, attribute)
    party = facts.party[members[row]]
    gone = []
    for kinds in PLACES:
        mine = np.isin(facts.kind[attribute], [KIND_CODE[kind] for kind in kinds])
        pairs = np.unique(np.stack([place[mine], party[mine]]), axis=1)
        values, count = np.unique(pairs[0], return_counts=True)
        if len(values):
            near = _neighbourhoods(facts, attribute[mine], party[mine])
            explained = np.concatenate(
                [values[count <= HOUSEHOLD], [values[np.argmax(count)]], near]
            )
            gone.append(np.unique(witness[mine & np.isin(place, explained)]))
    return np.unique(np.concatenate(gone)) if gone else np.zeros(0, dtype=np.int64)


def _neighbourhoods(facts, attribute, party) -> np.ndarray:
    """Networks most of whose addresses are shared by a household at most: people who live near."""
    inside = facts.place[attribute] >= 0
    pairs = np.unique(np.stack([attribute[inside], party[inside]]), axis=1)
    values, count = np.unique(pairs[0], return_counts=True)
    networks, at = np.unique(facts.place[values], return_inverse=True)
    quiet = np.bincount(at, weights=count <= HOUSEHOLD) > 0.5 * np.bincount(at)
    return networks[quiet]


def _least_chance(facts, seen, scorer, members, without) -> Meeting | None:
    values = scorer.telling(members, without=without)
    carriers, rare = {}, {}
    for family in np.unique(seen.family[values]):
        mine = values[seen.family[values] == family]
        carriers[int(family)] = np.unique(facts.party[seen.of_witnesses(mine)[1]])
        rare[int(family)] = bool(seen.bits[mine].max() >= RARE_BITS)
    population = np.fmax.reduce(seen.population[values], initial=1.0)
    product = {FAMILY_CODE["template"], FAMILY_CODE["client"]}
    best = None
    for a in carriers:
        for b in carriers:
            if a >= b or DOMAIN[a] == DOMAIN[b]:
                continue
            if {DOMAIN[a], DOMAIN[b]} == product and not (rare[a] and rare[b]):
                continue
            first, second = len(carriers[a]), len(carriers[b])
            both = len(np.intersect1d(carriers[a], carriers[b], assume_unique=True))
            tail = meets_by_chance(both, first, second, int(population))
            if best is None or tail < best.log10_p:
                names = (FAMILIES[a], FAMILIES[b])
                expected = first * second / float(population)
                best = Meeting(names, first, second, both, expected, max(tail, -300.0))
    return best


def meets_by_chance(both: int, first: int, second: int, population: int) -> float:
    """log10 P(X >= both), X hypergeometric: second draws from population, first of them marked."""
    if both <= max(0, first + second - population):
        return 0.0
    k = np.arange(both, min(first, second) + 1)
    terms = _log_choose(first, k) + _log_choose(population - first, second - k)
    return float(min(0.0, logsumexp(terms) - _log_choose(population, second)) / np.log(10))


def _log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
