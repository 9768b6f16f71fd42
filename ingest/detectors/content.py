"""Content: an account writes like strangers with whom it shares addresses, cards, devices or a way
of signing up.

Alike writing alone is a shared interest, and a shared address alone is a café. Under the null the
two are independent: those who share a place with an account are no nearer to its content than
strangers are. The p-value is the exact chance of so many places with company.
"""

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ingest.detectors.findings import Findings, digest, reference, samples_of
from ingest.detectors.peers import q_values
from ingest.detectors.population import Population
from ingest.detectors.routes import CAPS, FAMILIES, Routes
from ingest.wire import Observation

SLUG, NAME, FAMILY, VERSION = "content", "Content shared along ties", "behaviour", "2"

FALSE_DISCOVERIES = 0.05
FEWEST_PLACES = 2  # with company: one place is one witness
JOINING = ("network", "payment", "client")
HALF_SCORE = 6.0  # bits that score one half


def detect(requests: ir.Table, population: Population | None = None) -> Findings:
    """One observation for each account with company beyond chance; a score for every account."""
    population = population or Population(requests)
    routes = population.routes
    bits = total_bits(routes).reindex(population.accounts.index).fillna(0.0)
    positive = bits.clip(lower=0)
    scores = (positive / (positive + HALF_SCORE)).round(4)
    q = np.ones(len(routes.names))
    q[routes.tested] = q_values(routes.p[routes.tested])
    called = (q <= FALSE_DISCOVERIES) & (routes.hits >= FEWEST_PLACES)
    group = _groups(routes, called)
    names = [routes.names[place] for place in np.flatnonzero(called)]
    attributes = population.attributes_of(names)
    samples = samples_of(requests, names)
    start, end = population.window
    company = routes.company.groupby("one").other.nunique()
    observations = []
    for place in np.flatnonzero(called):
        name, near = routes.names[place], int(company.get(place, 0))
        told = {family: round(float(routes.bits.at[name, family]), 2) for family in FAMILIES}
        observations.append(
            Observation(
                ref=reference(SLUG, VERSION, name, start, end),
                account=population.account_ref(name),
                window_start=start,
                window_end=end,
                score=float(scores[name]),
                p_value=float(f"{routes.p[place]:.3g}"),
                summary=(
                    f"writes like accounts of other organisations at {routes.hits[place]} of the "
                    f"{routes.places[place]} places it shares with them "
                    f"({near} such accounts); chance {routes.p[place]:.1g}"
                ),
                group_key=group[place],
                detector_version=VERSION,
                attributes=attributes.get(name, []),
                samples=samples.get(name, []),
                evidence={
                    "shared_places": int(routes.places[place]),
                    "places_with_company": int(routes.hits[place]),
                    "accounts_alike": near,
                    "bits_by_family": told,
                    "q_value": float(f"{q[place]:.3g}"),
                    "accounts_tested": int(routes.tested.sum()),
                    "tested_against": "content independent of who shares a place (exact tail)",
                },
            )
        )
    return Findings(observations, scores.to_dict(), tested=int(routes.tested.sum()))


def total_bits(routes: Routes) -> pd.Series:
    """What the families say together, each within its cap, and half of it downwards."""
    caps = pd.Series(CAPS)
    return routes.bits.clip(lower=-caps / 2, upper=caps, axis=1).sum(axis=1)


def _groups(routes: Routes, called: np.ndarray) -> list[str]:
    """A key for each account that was called, the same for those who keep each other company at
    addresses, cards or devices: a program or a mail provider brings no two operators together."""
    size = len(routes.names)
    near = routes.company[routes.company.family.isin(JOINING)]
    near = near[called[near.one] & called[near.other]]
    near = near.drop_duplicates(["one", "other"])
    matrix = coo_array((np.ones(len(near)), (near.one, near.other)), shape=(size, size))
    mutual = matrix.tocsr().minimum(matrix.tocsr().T)
    _, label = connected_components(mutual, directed=False)
    first: dict[int, str] = {}
    members = np.bincount(label[called], minlength=label.max(initial=0) + 1)
    for place in np.flatnonzero(called):
        name = routes.names[place]
        first[label[place]] = min(first.get(label[place], name), name)
    return [
        f"content-{digest(first[label[place]])[:24]}"
        if called[place] and members[label[place]] > 1
        else ""
        for place in range(size)
    ]
