"""Content: an account writes like strangers with whom it shares addresses, cards, devices or a way
of signing up.

Alike writing alone is a shared interest, and a shared address alone is a café. Under the null the
two are independent: those who share a place with an account are no nearer to its content than
strangers are. Two ways lead to a call: the account's own places (routes.py: the exact chance of so
many with company: the p-value), and a population that holds it higher than content dealt out anew
takes anybody (suspects.py: a gate, which makes no p-value smaller). A population that a benign twin
explains calls nobody.
"""

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ingest.detectors.archetypes import features_of, nearest
from ingest.detectors.findings import Findings, digest, reference, samples_of
from ingest.detectors.peers import q_values
from ingest.detectors.population import Population
from ingest.detectors.routes import FAMILIES, Routes, total_bits
from ingest.detectors.suspects import ALONE, Suspects, suspects_of
from ingest.wire import Observation

SLUG, NAME, FAMILY, VERSION = "content", "Content shared along ties", "behaviour", "3"

FALSE_DISCOVERIES = 0.05
FEWEST_PLACES = 2  # with company: one place is one witness
JOINING = ("network", "payment", "client")
HALF_SCORE = 6.0  # bits that score one half


def detect(requests: ir.Table, population: Population | None = None) -> Findings:
    """One observation for each account with company beyond chance; a score for every account."""
    population = population or Population(requests)
    routes, suspects = population.routes, suspects_of(population)
    own = np.where(suspects.explained, 0.0, total_bits(routes).to_numpy())
    bits = pd.Series(np.maximum(own, suspects.score - ALONE), index=routes.names)
    positive = bits.clip(lower=0).reindex(population.accounts.index).fillna(0.0)
    scores = (positive / (positive + HALF_SCORE)).round(4)
    p = routes.p
    q = np.ones(len(routes.names))
    q[routes.tested] = q_values(p[routes.tested])
    called = (q <= FALSE_DISCOVERIES) & (routes.hits >= FEWEST_PLACES)
    called |= (suspects.held >= 0) & (suspects.score > suspects.chance)
    called &= ~suspects.explained
    group = _groups(routes, suspects, called)
    names = [routes.names[place] for place in np.flatnonzero(called)]
    twins = nearest(features_of(population, names))
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
                p_value=float(f"{p[place]:.3g}"),
                summary=_summary(routes, suspects, place, near, p[place]),
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
                    "tested_against": "content independent of who shares a place",
                    "population": _told(suspects, place),
                    "distance_to_benign_archetypes": twins.get(name, {}),
                },
            )
        )
    return Findings(observations, scores.to_dict(), tested=int(routes.tested.sum()))


def _summary(routes: Routes, suspects: Suspects, place: int, near: int, p: float) -> str:
    told = (
        f"writes like accounts of other organisations at {routes.hits[place]} of the "
        f"{routes.places[place]} places it shares with them ({near} such accounts)"
    )
    if suspects.held[place] >= 0:
        held = suspects.populations[suspects.held[place]]
        families = " and ".join(held.solid)
        told = (
            f"belongs to {len(held.grown.members)} accounts that content, habits and {families} "
            f"hold together; {told}"
        )
    return f"{told}; chance of its own places {p:.1g}"


def _told(suspects: Suspects, place: int) -> dict | None:
    """The bits of the population that holds the account best."""
    if suspects.held[place] < 0:
        return None
    held = suspects.populations[suspects.held[place]]
    bits = {name: round(float(bits[place]), 2) for name, bits in held.grown.bits.items()}
    return {
        "accounts": len(held.grown.members),
        "worth_bits": round(held.worth, 2),
        "solid_families": list(held.solid),
        "places_shared_beyond_the_commonest": {k: v for k, v in held.grown.witnesses.items() if v},
        "membership_bits_by_family": bits,
    }


def _groups(routes: Routes, suspects: Suspects, called: np.ndarray) -> list[str]:
    """A key for each account that was called: the same for those whom one population holds, or who
    keep each other company at addresses, cards or devices where none does. A program or a mail
    provider brings no two operators together."""
    size = len(routes.names)
    alone = called & (suspects.held < 0)
    near = routes.company[routes.company.family.isin(JOINING)]
    near = near[alone[near.one] & alone[near.other]]
    near = near.drop_duplicates(["one", "other"])
    matrix = coo_array((np.ones(len(near)), (near.one, near.other)), shape=(size, size))
    mutual = matrix.tocsr().minimum(matrix.tocsr().T)
    _, label = connected_components(mutual, directed=False)
    label = np.where(suspects.held >= 0, size + suspects.held, label)
    first: dict[int, str] = {}
    members: dict[int, int] = {}
    for place in np.flatnonzero(called):
        name = routes.names[place]
        first[label[place]] = min(first.get(label[place], name), name)
        members[label[place]] = members.get(label[place], 0) + 1
    return [
        f"content-{digest(first[label[place]])[:24]}"
        if called[place] and members[label[place]] > 1
        else ""
        for place in range(size)
    ]
