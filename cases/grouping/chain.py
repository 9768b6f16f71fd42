"""The shortest chain of ties between two members of a case."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from .tables import positions

# Accounts of one organisation are one party: a step between them is no tie and costs next to
# nothing, so that no chain presents what one owner shares with itself as a tie.
WITHIN = 1e-4


@dataclass(frozen=True, slots=True)
class Step:
    """From one account to the next. attribute: the value that both carry, None where one
    organisation owns both; bits: its rarity, 0 there."""

    start: int
    end: int
    attribute: int | None
    bits: float


def shortest_chain(
    account: np.ndarray,
    attribute: np.ndarray,
    bits: np.ndarray,
    *,
    members: np.ndarray,
    party: np.ndarray,
    start: int,
    end: int,
) -> list[Step] | None:
    """The cheapest way from one member to the other over values that both ends of a step carry.

    account, attribute, bits: the links, bits > 0 the rarity of the value. members: the accounts
    that may stand in the chain, with the code of each one's organisation. A step over a value costs
    1 / bits: several strong ties go before one weak one. None where no
    chain leads there, [] from an account to itself. The graph is account by value, never pair by
    pair: n links cost n log n. The order of links does not matter.
    """
    order = np.argsort(members, kind="stable")
    members, party = members[order], party[order]
    ends = positions(members, np.array([start, end], dtype=np.int64))
    if (ends < 0).any():
        return None
    if start == end:
        return []
    at = positions(members, np.asarray(account, dtype=np.int64))
    good = (at >= 0) & (bits > 0)
    order = np.lexsort((at[good], attribute[good]))
    at, attribute, bits = at[good][order], attribute[good][order], bits[good][order]
    values, value = np.unique(attribute, return_inverse=True)
    owners, owner = np.unique(party, return_inverse=True)
    size = len(members) + len(values) + len(owners)
    left = np.concatenate([at, np.arange(len(members))])
    right = np.concatenate([len(members) + value, len(members) + len(values) + owner])
    cost = np.concatenate([0.5 / bits, np.full(len(members), WITHIN / 2)])
    graph = coo_array((cost, (left, right)), shape=(size, size)).tocsr()
    away, before = dijkstra(graph, directed=False, indices=ends[0], return_predecessors=True)
    if not np.isfinite(away[ends[1]]):
        return None
    path = [int(ends[1])]
    while path[-1] != ends[0]:
        path.append(int(before[path[-1]]))
    path.reverse()
    rarity = np.zeros(len(values) + len(owners))
    rarity[value] = bits
    steps = []
    for here, between, there in zip(path[::2], path[1::2], path[2::2], strict=False):
        place = between - len(members)
        what = int(values[place]) if place < len(values) else None
        steps.append(Step(int(members[here]), int(members[there]), what, float(rarity[place])))
    return steps
