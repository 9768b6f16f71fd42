"""Clusters that are busy together: everybody who shares a card, a wording or a network, against
clusters of the same kind and like size.

A cluster's pace is the mean logarithm of its accounts' requests an active day, first within each
organisation and then over them: one giant makes no cluster busy, one tenant is one witness, and a
population that sends 26 requests a day from each account stands out among those of three.
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.peers import FEWEST_PEERS, rank_p, robust_z

KINDS = ("payment", "asn")  # templates are added by the caller, where words may be read
FEWEST_ORGANISATIONS = 5
LARGEST_SHARE = 0.5  # of the accounts, by one organisation: more is that organisation's volume
MOST_OF_ALL = 0.1  # of all accounts; a value that more carry is no cluster
MOST_MEMBERS = 5000
SIZES_APART = 2.0  # organisations; like size is within this factor
COLUMNS = ["kind", "value", "accounts", "organisations", "largest", "pace"]


def pooled(uses: ir.Table, paces: ir.Table, kinds: tuple[str, ...] = KINDS) -> ir.Table:
    """COLUMNS: one row a value that at least FEWEST_ORGANISATIONS carry. uses has account_id,
    organisation, kind and value; paces has account_id and pace (requests an active day)."""
    u = uses.filter(uses.kind.isin(kinds)).select("account_id", "organisation", "kind", "value")
    u = u.join(paces, "account_id")
    within = u.group_by("kind", "value", "organisation").aggregate(
        accounts=u.count(), pace=u.pace.ln().mean()
    )
    found = within.group_by("kind", "value").aggregate(
        accounts=within.accounts.sum(),
        organisations=within.count(),
        largest=within.accounts.max(),
        pace=within.pace.mean(),
    )
    return found.filter(found.organisations >= FEWEST_ORGANISATIONS)


def pooled_frame(uses: pd.DataFrame, paces: pd.Series) -> pd.DataFrame:
    """pooled() of uses that are here already: templates."""
    if uses.empty:
        return pd.DataFrame(columns=COLUMNS)
    pace = np.log(paces.reindex(uses.account_id).to_numpy())
    within = uses.assign(pace=pace).groupby(["kind", "value", "organisation"])
    within = within.agg(accounts=("account_id", "size"), pace=("pace", "mean")).reset_index()
    found = within.groupby(["kind", "value"], as_index=False).agg(
        accounts=("accounts", "sum"),
        organisations=("organisation", "size"),
        largest=("accounts", "max"),
        pace=("pace", "mean"),
    )
    return found[found.organisations >= FEWEST_ORGANISATIONS][COLUMNS]


def compare(clusters: pd.DataFrame, population: int) -> pd.DataFrame:
    """clusters with peers, median, z and p; only those that are attributable and have peers.

    Peers are clusters of the kind with half to twice as many organisations. Where those are too
    few, all with at most twice as many: smaller ones scatter more, so that a large cluster looks
    less unusual among them than it is, never more. The p-value is the rank of the pace.
    """
    kept = clusters[
        (clusters.accounts <= min(MOST_MEMBERS, max(FEWEST_PEERS, MOST_OF_ALL * population)))
        & (clusters.largest <= LARGEST_SHARE * clusters.accounts)
    ]
    kept = kept.reset_index(drop=True)
    told = {name: np.full(len(kept), np.nan) for name in ("peers", "median", "z", "p")}
    for _, rows in kept.groupby("kind"):
        size, place = rows.organisations.to_numpy(dtype=float), rows.index.to_numpy()
        pace = rows.pace.to_numpy(dtype=float)
        for organisations in np.unique(size):
            no_larger = size <= SIZES_APART * organisations
            peers = no_larger & (size >= organisations / SIZES_APART)
            if peers.sum() < FEWEST_PEERS:
                peers = no_larger
            if peers.sum() < FEWEST_PEERS:
                continue
            own = size[peers] == organisations
            to = place[size == organisations]
            told["peers"][to] = peers.sum()
            told["median"][to] = np.exp(np.median(pace[peers]))
            told["z"][to] = robust_z(pace[peers])[own]
            told["p"][to] = rank_p(pace[peers])[own]
    compared = kept.assign(**told).dropna(subset=["p"]).astype({"peers": int})
    return compared.sort_values(["kind", "value"], ignore_index=True)


def members(uses: ir.Table, clusters: pd.DataFrame) -> pd.DataFrame:
    """account_id, kind, value: who carries these clusters' values."""
    wanted = ibis.memtable(clusters[["kind", "value"]].astype(str))
    return uses.select("account_id", "kind", "value").semi_join(wanted, ["kind", "value"]).execute()
