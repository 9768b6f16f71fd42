"""Which accounts are held against each other: those of different organisations that something rare
ties already. Never all pairs of anything.

Everybody who carries a value stands on a ring, in the order of their digests, and is paired with
the next NEXT on it. Up to 2 · NEXT + 1 carriers that is every pair; of a value with 10,000 it is
80,000 pairs and not fifty million, and still everybody is tied to everybody by a chain.
"""

import numpy as np
import pandas as pd

from ingest.detectors.findings import digest
from ingest.detectors.population import Population

NEXT = 8
MOST_PAIRS = 200_000  # the rarest values first; what is left out is counted
LEAST_SHARE = 0.1  # of an account's requests in a wording, for the wording to tie it
FEWEST_REQUESTS = 3  # in it
RAREST = 9  # a wording that more than one organisation in nine uses is a product or a fashion


def tied(population: Population) -> pd.DataFrame:
    """account_id, kind, value, organisations: who carries a rare value, or a rare wording in a fair
    share of its requests, that another organisation has too."""
    columns = ["account_id", "kind", "value", "organisations"]
    ties = population.ties
    rows = ties[(ties.kind != "template") & (ties.organisations >= 2)]
    parts = [rows[columns]]
    if not population.locked:
        uses = population.templates.uses.merge(
            population.templates.definitions[["template", "organisations"]], on="template"
        )
        total = population.accounts.requests.reindex(uses.account_id).to_numpy()
        wanted = (
            (uses["count"] >= FEWEST_REQUESTS)
            & (uses["count"] >= LEAST_SHARE * total)
            & (uses.organisations >= 2)
            & (uses.organisations * RAREST <= population.organisations)
        )
        uses = uses[wanted].rename(columns={"template": "value"})
        parts.append(uses.assign(kind="template")[columns])
    return pd.concat(parts, ignore_index=True)


def pairs_of(ties: pd.DataFrame, party: pd.Series) -> tuple[pd.DataFrame, int]:
    """one, other, kind, value and sampled (whether the value has more pairs than were taken), at
    most MOST_PAIRS, each pair once with its rarest value; and how many were left out."""
    order = {name: digest(name) for name in ties.account_id.unique()}
    rows = ties.assign(place=ties.account_id.map(order))
    rows = rows.sort_values(["kind", "value", "place"], ignore_index=True)
    if rows.empty:
        return pd.DataFrame(columns=["one", "other", "kind", "value", "sampled"]), 0
    of_value = rows.groupby(["kind", "value"], sort=False)
    size = of_value.account_id.transform("size").to_numpy()
    at = of_value.cumcount().to_numpy()
    first = np.arange(len(rows)) - at
    found = []
    for step in range(1, NEXT + 1):
        here = np.flatnonzero(size > step)
        there = first[here] + (at[here] + step) % size[here]
        found.append((here, there))
    here, there = (np.concatenate(part) for part in zip(*found, strict=True))
    names = rows.account_id.to_numpy()
    swap = names[here] > names[there]
    pairs = pd.DataFrame(
        {
            "one": np.where(swap, names[there], names[here]),
            "other": np.where(swap, names[here], names[there]),
            "kind": rows.kind.to_numpy()[here],
            "value": rows.value.to_numpy()[here],
            "rarity": rows.organisations.to_numpy()[here],
            "sampled": size[here] > 2 * NEXT + 1,
        }
    )
    pairs = pairs[party.reindex(pairs.one).to_numpy() != party.reindex(pairs.other).to_numpy()]
    pairs = pairs.sort_values(["rarity", "kind", "value", "one", "other"])
    pairs = pairs.drop_duplicates(["one", "other"]).drop(columns="rarity")
    left_out = max(0, len(pairs) - MOST_PAIRS)
    return pairs.head(MOST_PAIRS).reset_index(drop=True), left_out
