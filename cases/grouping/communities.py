"""What a place, a card or a mail domain that mostly others carry explains of a meeting of values.

Students of one university share its tasks and its mail domain; that those of one dormitory set out
from one address and write the tasks is no news about them, however rare both are in the whole
population. Who already shares a community is compared with that community.
"""

from dataclasses import dataclass

import numpy as np

from .tables import Facts, distinct
from .witnesses import Witnesses

MEMBERS = 0.5  # of a cluster's organisations that carry a value, for it to be their community
OTHERS = 0.5  # of the value's carriers that are no members: else the value is the cluster's own


@dataclass(frozen=True, slots=True)
class Community:
    """The parties that carry a witness: size of them, party the members' among them (codes,
    ascending), others the accounts of the rest as far as the census listed them."""

    witness: int
    size: int
    party: np.ndarray
    others: np.ndarray


def communities(
    facts: Facts, seen: Witnesses, members: np.ndarray, values: np.ndarray
) -> list[Community]:
    """Those of the values (witnesses) that are a community of most members and of as many others.
    Only what few carry: of that the facts hold every carrier, for a part of all as well.
    """
    values = values[seen.ties[values] & (seen.attribute[values] >= 0)]
    where, account = seen.of_witnesses(values)
    everybody = len(distinct(facts.party[members]))
    found = []
    for place, value in enumerate(values.tolist()):
        carriers = account[where == place]
        inside = np.isin(carriers, members)
        party = distinct(facts.party[carriers[inside]])
        size = int(seen.carriers[value])
        if len(party) >= MEMBERS * everybody and size - len(party) >= OTHERS * size:
            found.append(Community(value, size, party, carriers[~inside]))
    return found


def at_home(
    seen: Witnesses, home: Community, values: np.ndarray, party: np.ndarray, away: int
) -> tuple[np.ndarray, int]:
    """(members of the community among party, how many of the community carry one of the values).

    values are of one family, party the members that carry one, away how many others do in the whole
    population. Carriers of the community's value that the census did not list are taken for such
    others, as far as there are any left, and those listed are counted as accounts: both err
    towards what is common.
    """
    inside = np.intersect1d(party, home.party, assume_unique=True)
    row, witness = seen.of_accounts(home.others)
    carry = len(distinct(row[np.isin(witness, values)]))
    hidden = max(0, home.size - len(home.party) - len(home.others))
    carry += min(hidden, max(0, away - carry))
    return inside, min(len(inside) + carry, home.size)
