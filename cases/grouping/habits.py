"""Which parts of a cut component are one population all the same: by what most of them say.

A cut follows exits and cards. An operator who rents his exits by blocks is cut into blocks, though
all of them write the same rare texts; two operators who rent from one seller write different ones.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .rarity import CONTENT, DOMAIN
from .tables import Facts, distinct
from .witnesses import Witnesses

MOST = 0.5  # of a part's organisations that carry a text, for it to be the part's habit
OWN = 0.5  # of a text's carriers that must be of parts with that habit: else it is a product's
SAME = 0.5  # of the habits of either part that must be habits of both


def rejoin(facts: Facts, seen: Witnesses, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The parts, those as one whose habits are the same: texts that few carry, that most of each
    part carry, and that mostly belong to such parts. In the order of their first accounts."""
    habit, carried = _habits(facts, seen, parts)
    if len(parts) < 2 or not len(habit):
        return list(parts)
    inside = np.where(carried >= MOST, carried * _sizes(facts, parts)[:, None], 0).sum(axis=0)
    mine = (carried >= MOST) & (inside >= OWN * seen.carriers[habit])
    common = mine.astype(int) @ mine.T
    either = mine.sum(axis=1)[:, None] + mine.sum(axis=1) - common
    same = (common > 0) & (common >= SAME * either)
    label = connected_components(coo_array(same), directed=False)[1]
    whole = [
        np.sort(np.concatenate([parts[place] for place in np.flatnonzero(label == name)]))
        for name in range(label.max() + 1)
    ]
    return sorted(whole, key=lambda accounts: int(accounts[0]))


def _habits(facts, seen, parts) -> tuple[np.ndarray, np.ndarray]:
    """(texts that most of some part carry, parts × texts: the share of organisations)."""
    found = []
    for part in parts:
        row, witness = seen.of_accounts(part)
        text = seen.ties[witness] & (seen.attribute[witness] >= 0)
        text &= DOMAIN[seen.family[witness]] == DOMAIN[CONTENT[0]]
        held = np.stack([witness[text], facts.party[part[row[text]]]])
        values, count = np.unique(np.unique(held, axis=1)[0], return_counts=True)
        found.append((values, count))
    sizes = _sizes(facts, parts)
    usual = [
        values[count >= MOST * size] for (values, count), size in zip(found, sizes, strict=True)
    ]
    habit = distinct(np.concatenate(usual)) if usual else np.zeros(0, dtype=np.int64)
    carried = np.zeros((len(parts), len(habit)))
    for place, (values, count) in enumerate(found):
        known = np.isin(values, habit)
        carried[place, np.searchsorted(habit, values[known])] = count[known] / sizes[place]
    return habit, carried


def _sizes(facts: Facts, parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([len(distinct(facts.party[part])) for part in parts])
