"""Populations of accounts that several independent kinds of evidence hold together, and what that
says of every single account.

Seeds (seeds.py) are grown (growth.py) one after the other; a seed that lies in what was grown
before is passed over. A family is *solid* when it ties the members at several places beyond its
commonest one: one address, card or device explains itself away. So a class behind one address with
one homework, an office with one card, a benchmark that strangers run and a product behind its
maker's addresses have no solid family: such a population is *explained*, and its bits are taken
away from its accounts. What is left is worth the bits that its members have on average from the
content, the solid families and the habits that they have in common.

The same is done again with everybody's content dealt out anew (SHUFFLES times). What scores no
higher than the highest that came of it is chance's; under the null something does with a chance of
at most 1 / (SHUFFLES + 1) for a whole log. That is a gate and no p-value of an account: accounts of
one population stand or fall together, and pooling them would count one accident many times.
"""

import weakref
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ingest.detectors.growth import FEWEST, WITNESSING, Grown, Votes, grow
from ingest.detectors.nearness import Nearness
from ingest.detectors.population import Population
from ingest.detectors.seeds import find_seeds, pair_table, potts
from ingest.detectors.ties import families_of

SHUFFLES = 2
WIDEST = 10  # a value of more than one in so many accounts has no say
MOST_GROWN = 30
MOST_GROWN_BY_CHANCE = 12
MOST_SPLIT = 400  # members whose pairs are compared
APART, SHARED = 0.5, 0.25  # bits against a pair of members; weight of what it shares
WHOLE = 0.85  # of the members in one part: what is left are stragglers
KNOWN = 0.6  # of a seed inside what was grown before: it leads to the same
FEWEST_WITNESSES = 2
ROOF = 0.5  # of the organisations behind one address or card: that explains the others' likeness
FEWEST_ORGANISATIONS = 10  # a smaller population is doubted by so many bits over its organisations
EVEN = 11.5  # worth at which a population is as likely as not; only an order hangs on it
SLOPE = 1.5
MOST_WORTH, LEAST_WORTH = 8.0, -15.0
MOST_ODDS = 12.0
ALONE, EXPLAINED = -10.0, -13.0  # where those begin whom no population holds


@dataclass(frozen=True)
class Held:
    """A grown population; worth in bits; solid families, none when one value explains it."""

    grown: Grown
    worth: float
    solid: tuple[str, ...]


@dataclass(frozen=True)
class Suspects:
    """score: bits on one scale for every position of names, whoever holds it; held: position in
    populations of the one that scores it highest, −1 for none; explained: whether an explained
    population holds it; chance: the highest score that dealt-out content gave."""

    names: list[str]
    populations: list[Held]
    score: np.ndarray
    held: np.ndarray
    explained: np.ndarray
    chance: float


_known: "weakref.WeakKeyDictionary[Population, Suspects]" = weakref.WeakKeyDictionary()


def suspects_of(population: Population) -> Suspects:
    """Computed once for a population."""
    if population not in _known:
        _known[population] = find_suspects(population)
    return _known[population]


def find_suspects(population: Population) -> Suspects:
    near = population.routes.near
    names = near.likeness.names
    uses = population.uses_by(names, max(population.cap, len(population.accounts) // WIDEST))
    families = families_of(uses, near.likeness.index, population.organisations)
    table = pair_table(families, near)
    votes = {name: Votes(family, near.party) for name, family in families.items()}
    habits = habits_of(population).loc[names].to_numpy()
    held = [judge(g, near.party) for g in grow_all(table, near, votes, habits, MOST_GROWN)]
    score, best, explained = weigh(held, len(names))
    chance = []
    for turn in range(SHUFFLES):
        dealt = near.shuffled(turn)
        content = dealt.bits(table.one.to_numpy(), table.other.to_numpy())
        by_chance = grow_all(
            table.assign(content=content), dealt, votes, habits, MOST_GROWN_BY_CHANCE
        )
        chance.append(weigh([judge(g, near.party) for g in by_chance], len(names))[0])
    highest = max(float(np.max(law)) for law in chance)
    return Suspects(names, held, score, best, explained, highest)


def grow_all(
    table: pd.DataFrame, near: Nearness, votes: dict[str, Votes], habits: np.ndarray, most: int
) -> list[Grown]:
    found: list[Grown] = []
    known: list[set[int]] = []
    for seed in find_seeds(table, near.party):
        if _is_known(seed, known):
            continue
        grown = grow(seed, near, votes, habits)
        parts = split(grown.members, table, near)
        if sum(map(len, parts[:1])) < WHOLE * len(grown.members):
            new = [part for part in parts if not _is_known(part, known)]
            found += [grow(part, near, votes, habits, rounds=1) for part in new]
            known += [set(part.tolist()) for part in new]
        else:
            found.append(grown)
        known.append({*seed.tolist(), *grown.members.tolist()})
        if len(found) >= most:
            break
    return [g for g in found if len(np.unique(near.party[g.members])) >= FEWEST]


def _is_known(members: np.ndarray, known: list[set[int]]) -> bool:
    inside = set(members.tolist())
    return any(len(inside & other) >= KNOWN * len(inside) for other in known)


def split(members: np.ndarray, table: pd.DataFrame, near: Nearness) -> list[np.ndarray]:
    """The parts of a population that neither write alike nor share much: growth may have joined
    two that have nothing to do with each other. The largest first; smaller ones than FEWEST
    organisations are left out."""
    if not FEWEST <= len(members) <= MOST_SPLIT:
        return [members]
    one, other = np.triu_indices(len(members), 1)
    weight = near.bits(members[one], members[other]) - APART
    position = np.full(len(near.party), -1)
    position[members] = np.arange(len(members))
    rows = table[(position[table.one] >= 0) & (position[table.other] >= 0)]
    a, b = position[rows.one], position[rows.other]
    a, b = np.minimum(a, b), np.maximum(a, b)
    weight[a * (2 * len(members) - a - 1) // 2 + b - a - 1] += SHARED * rows[list(WITNESSING)].sum(
        axis=1
    )
    label = potts(one, other, weight, len(members))
    parts = [members[label == part] for part in np.unique(label)]
    parts = [part for part in parts if len(np.unique(near.party[part])) >= FEWEST]
    return sorted(parts, key=len, reverse=True)


def judge(grown: Grown, party: np.ndarray) -> Held:
    who = grown.members
    witnessed = [name for name in WITNESSING if grown.witnesses.get(name, 0) >= FEWEST_WITNESSES]
    solid = tuple(name for name in witnessed if grown.apart[name] > 1)
    worth = sum(float(grown.bits[name][who].mean()) for name in ("content", "habits"))
    worth += sum(grown.apart[name] for name in witnessed)
    worth -= FEWEST_ORGANISATIONS / len(np.unique(party[who]))
    return Held(grown, worth, solid)


def weigh(populations: list[Held], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each account's score in the population that holds it best, which one, and whether an
    explained one holds it better. The odds and the worth are added: one bad population costs its
    own rank."""
    score, best = np.full(size, -np.inf), np.full(size, -1)
    twin = np.full(size, -np.inf)
    for place, held in enumerate(populations):
        odds = np.clip(held.grown.odds, -MOST_ODDS, MOST_ODDS)
        worth = np.clip(SLOPE * (held.worth - EVEN), LEAST_WORTH, MOST_WORTH)
        mine = odds + worth
        if not held.solid:
            if held.grown.roof >= ROOF:
                twin = np.where(odds > 0, np.maximum(twin, mine), twin)
            continue
        higher = mine > score
        score[higher] = mine[higher]
        best[higher] = np.where(odds[higher] > 0, place, -1)
    explained = twin > score
    return np.where(explained, -np.inf, score), np.where(explained, -1, best), explained


def habits_of(population: Population) -> pd.DataFrame:
    """By account: logarithms of the daily rate, of active hours a request and of addresses, share
    of the days, and when it began; each by the median and spread of everybody."""
    accounts = population.accounts
    start, end = population.window
    span = max((end - start).total_seconds(), 3600.0)
    begin = accounts.first_at - accounts.first_at.min()
    frame = pd.DataFrame(
        {
            "rate": np.log(accounts.requests / accounts.active_days),
            "packed": np.log(accounts.active_hours / accounts.requests),
            "days": accounts.active_days / (span / 86_400 + 1),
            "begin": begin.dt.total_seconds() / span,
            "addresses": np.log(accounts.addresses.astype(float).clip(lower=1)),
        }
    ).astype(float)
    middle = frame.median()
    spread = 1.4826 * (frame - middle).abs().median()
    return ((frame - middle) / spread.clip(lower=0.1)).clip(-4, 4)
