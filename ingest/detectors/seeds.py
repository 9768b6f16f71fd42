"""Seeds: small sets of accounts that several kinds of evidence tie, found on several routes.

A pair of different organisations is worth the bits of what it shares on a route plus the bits of
how alike it writes, less PRIOR. Sharing a place and writing unlike speaks against: a café, a VPN or
a carrier's exit has mostly such pairs, a campaign's has few. Sets are grown greedily so that the
sum over the pairs inside, less RESOLUTION for every pair that could be, is as large as it can be
(the constant Potts model of Traag, Van Dooren and Nesterov 2011, with signed weights).
"""

import numpy as np
import pandas as pd

from ingest.detectors.nearness import Nearness
from ingest.detectors.ties import Family, pairs_of

# each route starts by itself: what a log does not record closes one and leaves the others open
ROUTES = (
    ("network",),
    ("payment",),
    ("device",),
    ("registration", "software"),
    ("wording", "software"),
    ("network", "payment", "device", "registration", "software", "wording"),
)
PRIOR = 7.0  # bits against a pair
CONTENT = 2.0  # weight of the content's bits: all that a route's pairs are judged by
RESOLUTION = 0.1
FEWEST_PARTIES = 5
ROUNDS = 12
SAME = 1e-9  # bits; a smaller gain is none
MOST_SEEDS = 60


def pair_table(families: dict[str, Family], near: Nearness) -> pd.DataFrame:
    """one, other, content and a column of bits for each family: every pair that shares anything."""
    table = pd.DataFrame(columns=["one", "other"], dtype=int)
    for name, family in families.items():
        pairs = pairs_of(family, near.party).rename(columns={"bits": name})
        table = table.merge(pairs, on=["one", "other"], how="outer")
    table = table.fillna(0.0).astype({"one": int, "other": int})
    for name in {name for route in ROUTES for name in route} - set(table.columns):
        table[name] = 0.0
    table = table.sort_values(["one", "other"], ignore_index=True)
    return table.assign(content=near.bits(table.one.to_numpy(), table.other.to_numpy()))


def find_seeds(table: pd.DataFrame, party: np.ndarray) -> list[np.ndarray]:
    """Positions of each seed, those of most evidence first; one set is given once."""
    found: dict[tuple[int, ...], float] = {}
    for route in ROUTES:
        shared = table[list(route)].to_numpy()
        bits = shared.sum(axis=1)
        used = bits > 0
        weight = bits[used] - PRIOR + CONTENT * table.content.to_numpy()[used]
        one, other = table.one.to_numpy()[used], table.other.to_numpy()[used]
        label = potts(one, other, weight, len(party))
        for members, worth in _sets(label, one, other, weight):
            if len(np.unique(party[members])) >= FEWEST_PARTIES:
                key = tuple(members.tolist())
                found[key] = max(worth, found.get(key, 0.0))
    best = sorted(found, key=lambda key: (-found[key], key))[:MOST_SEEDS]
    return [np.array(key) for key in best]


def potts(one: np.ndarray, other: np.ndarray, weight: np.ndarray, size: int) -> np.ndarray:
    """A label for each of size nodes: greedy moves, in order of position, until none gains. A node
    around which no set has changed since it was asked would answer the same, and is passed over."""
    near, weights, cuts = _neighbours(one, other, weight, size)
    weight_of = np.zeros(size)
    np.maximum.at(weight_of, one, weight)
    np.maximum.at(weight_of, other, weight)
    label, members = np.arange(size), np.ones(size, dtype=int)
    changed, asked = np.ones(size, dtype=int), np.zeros(size, dtype=int)  # by label; by node
    gains = np.zeros(size)
    # from the best tied on, so that a set begins where the evidence is
    order = [int(n) for n in np.argsort(-weight_of, kind="stable") if weight_of[n] > 0]
    step = 1
    for _ in range(ROUNDS):
        moved = 0
        for node in order:
            part = slice(cuts[node], cuts[node + 1])
            around, mine = label[near[part]], int(label[node])
            if max(changed[around].max(), changed[mine]) <= asked[node]:
                continue
            asked[node] = step
            np.add.at(gains, around, weights[part])
            stay = gains[mine] - RESOLUTION * (members[mine] - 1)
            worth = gains[around] - RESOLUTION * members[around]
            gains[around] = 0.0
            worth[around == mine] = -np.inf
            best = worth.max()
            if best > max(stay, 0.0) + SAME:
                target = int(around[np.flatnonzero(worth >= best - SAME)[0]])
            elif stay < 0 and members[node] == 0:
                target = node
            else:
                continue
            step += 1
            members[mine] -= 1
            members[target] += 1
            label[node] = target
            changed[[mine, target]] = step
            moved += 1
        if not moved:
            break
    return label


def _neighbours(
    one: np.ndarray, other: np.ndarray, weight: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The neighbours of all nodes one after the other, the weights of their pairs, and where each
    node's begin; a node's own in the order of the pairs."""
    ends = np.stack([one, other], axis=1)
    order = np.argsort(ends.ravel(), kind="stable")
    counted = np.bincount(ends.ravel(), minlength=size)
    cuts = np.concatenate([[0], np.cumsum(counted)]).tolist()
    return ends[:, ::-1].ravel()[order], np.repeat(weight, 2)[order], cuts


def _sets(label, one, other, weight):
    inside = label[one] == label[other]
    worth = np.zeros(len(label))
    np.add.at(worth, label[one][inside], weight[inside])
    order = np.argsort(label, kind="stable")
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    for members in np.split(order, cuts):
        if len(members) >= FEWEST_PARTIES:
            yield np.sort(members), float(worth[label[members[0]]])
