"""Who shares what that is rare, as arrays: places, cards, devices, ways of signing up, programs and
wordings. Organisations are counted, never accounts, and one's own has no say.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

FAMILIES = {
    "network": ("ip",),
    "payment": ("payment",),
    "device": ("device",),
    "registration": ("registration", "email_domain"),
    "software": ("user_agent",),
    "wording": ("template",),
}
# the most that a family may say about a pair; a program brings its wording with it
CAPS = {"network": 8.0, "payment": 8.0, "device": 8.0, "registration": 5.0, "software": 3.0,
        "wording": 5.0}  # fmt: skip
M = 0.9  # P(two accounts of one operator share a value that the operator uses)
MOST_PAIRS = 500_000


@dataclass(frozen=True)
class Family:
    """uses: accounts × values (0/1); place: of each value, addresses of one block being one; bits:
    of each value, log2(M · organisations / carriers)."""

    name: str
    uses: sparse.csr_array
    place: np.ndarray
    bits: np.ndarray


def families_of(ties: pd.DataFrame, index: dict[str, int], organisations: int) -> dict[str, Family]:
    """ties: Population.ties. Values of a single organisation are left out."""
    found = {}
    rows = ties[(ties.organisations >= 2) & ties.account_id.isin(index)]
    for name, kinds in FAMILIES.items():
        mine = rows[rows.kind.isin(kinds)]
        if mine.empty:
            continue
        key = mine.kind + "|" + mine.value
        value, names = pd.factorize(key, sort=True)
        account = mine.account_id.map(index).to_numpy()
        uses = sparse.coo_array(
            (np.ones(len(mine)), (account, value)), shape=(len(index), len(names))
        ).tocsr()
        uses.data[:] = 1.0
        d = np.zeros(len(names))
        d[value] = mine.organisations.to_numpy()
        place, _ = pd.factorize(np.array([place_of(name) for name in names]))
        bits = np.maximum(np.log2(M * organisations / d), 0.0)
        found[name] = Family(name, uses, place, bits)
    return found


def place_of(key: str) -> str:
    """Addresses of one /24 or /64 are one place: a campus or a rack has many."""
    kind, _, value = key.partition("|")
    if kind != "ip":
        return key
    return value.rsplit(".", 1)[0] if "." in value else ":".join(value.split(":")[:4])


def pairs_of(family: Family, party: np.ndarray, most: int = MOST_PAIRS) -> pd.DataFrame:
    """one < other, bits: pairs of different organisations that share a value, the rarest values
    first until there are so many pairs. Several addresses of one place count once."""
    columns = family.uses.tocsc()
    size = np.diff(columns.indptr)
    order = np.argsort(size, kind="stable")
    order = order[np.cumsum(size[order] * (size[order] - 1) // 2) <= most]
    parts = []
    for value in order:
        who = np.sort(columns.indices[columns.indptr[value] : columns.indptr[value + 1]])
        i, j = np.triu_indices(len(who), 1)
        one, other = who[i], who[j]
        kept = party[one] != party[other]
        parts.append(
            pd.DataFrame(
                {"one": one[kept], "other": other[kept], "place": family.place[value],
                 "bits": family.bits[value]}
            )
        )  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=["one", "other", "bits"]).astype(int)
    pairs = pd.concat(parts, ignore_index=True)
    by_place = pairs.groupby(["one", "other", "place"], sort=True).bits.max().reset_index()
    summed = by_place.groupby(["one", "other"], sort=True).bits.sum().reset_index()
    summed["bits"] = summed.bits.clip(upper=CAPS[family.name])
    return summed
