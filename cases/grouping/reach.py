"""What an answer depended on, so that the next run may leave the rest alone.

A *unit* is a set of components whose answers depend on each other: one asked for an account that
the other holds. Within a census epoch an answer changes only if the facts of an account that it
looked at change, or if an account takes up values of two domains that it searched.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .growth import Grown
from .membership import Rows, Scorer
from .rarity import DOMAIN
from .seeds import Seed
from .tables import Facts, distinct
from .witnesses import Witnesses

ANY = len(DOMAIN)  # a second domain beside every value's own


@dataclass(frozen=True, slots=True)
class Reach:
    """Columns by unit, numbered from 0. account: ids of the accounts that it looked at; bound tells
    those that are of it or that it asked for, which are bound to one unit each. value: ids of the
    attributes that newcomers are searched by, or codes of observations (below zero), and of each
    its domain of evidence. A community that was counted is of a second domain too, ANY, so that
    whoever takes up its value touches the unit by that alone.
    """

    unit: np.ndarray
    account: np.ndarray
    bound: np.ndarray
    value_unit: np.ndarray
    value: np.ndarray
    domain: np.ndarray

    @property
    def units(self) -> int:
        return int(self.unit.max(initial=-1)) + 1


def reach(
    facts: Facts,
    scorer: Scorer,
    seeds: list[Seed],
    tied: tuple[np.ndarray, np.ndarray],
    grown: Grown,
    settled: Rows,
) -> Reach:
    """tied: every account of the components that were looked into, and its component; settled: by
    seed the accounts that its cluster's answer shares with others."""
    account, component = tied
    of_seed = np.array([seed.component for seed in seeds], dtype=np.int64)
    bound_account = np.concatenate([account, grown.bound.account, settled.account])
    bound_component = np.concatenate(
        [component, of_seed[grown.bound.cluster], of_seed[settled.cluster]]
    )
    names, at = np.unique(bound_component, return_inverse=True)
    people, who = np.unique(bound_account, return_inverse=True)
    size = len(names) + len(people)
    graph = coo_array((np.ones(len(at), dtype=np.int8), (at, len(names) + who)), (size, size))
    label = connected_components(graph, directed=False)[1]
    unit_of_seed = label[np.searchsorted(names, of_seed)]
    looked = [rows for rows in scorer.looked if len(rows)]
    nothing = np.zeros(0, dtype=np.int64)
    seen_unit = np.concatenate([nothing, *(unit_of_seed[rows.cluster] for rows in looked)])
    seen_account = np.concatenate([nothing, *(rows.account for rows in looked)])
    count = max(len(facts.account), 1)
    bound = distinct(label[len(names) :] * count + people)
    every = np.union1d(bound, seen_unit * count + seen_account)
    seen = scorer.seen
    value_unit, witness = _values(seen, unit_of_seed, scorer.searched)
    home_unit, home = _values(seen, unit_of_seed, scorer.lived_in)
    domain = np.concatenate(
        [DOMAIN[seen.family[witness]], DOMAIN[seen.family[home]], np.full(len(home), ANY)]
    )
    value_unit = np.concatenate([value_unit, home_unit, home_unit])
    witness = np.concatenate([witness, home, home])
    attribute, group = seen.attribute[witness], seen.group[witness]
    name = np.zeros(len(witness), dtype=np.int64)
    real = attribute >= 0
    name[real] = facts.attribute[attribute[real]]
    name[~real] = facts.groups[group[~real]]
    # a value in two episodes is one value
    value_unit, name, domain = np.unique(np.stack([value_unit, name, domain]), axis=1)
    unit, who = np.divmod(every, count)
    return Reach(
        unit,
        facts.account[who],
        np.isin(every, bound, assume_unique=True),
        value_unit,
        name,
        domain,
    )


def _values(seen: Witnesses, unit_of_seed: np.ndarray, parts) -> tuple[np.ndarray, np.ndarray]:
    """(unit, witness) of parts, columns of clusters and witnesses, each pair once."""
    nothing = np.zeros(0, dtype=np.int64)
    keys = [unit_of_seed[cluster] * len(seen.bits) + witness for cluster, witness in parts]
    return np.divmod(distinct(np.concatenate([nothing, *keys])), max(len(seen.bits), 1))
