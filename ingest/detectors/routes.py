"""Routes to a first suspicion: two organisations that share something rare *and* write alike.

Each route pairs the content with one family of attributes and stands by itself, so that an absent
family is neutral. One place (a /24 or /64, a card, a device) is one witness however many accounts
it ties, an account's own organisation has no say, and what counts is whether those who share the
place write more alike than strangers do.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from ingest.detectors.likeness import Likeness
from ingest.detectors.nearness import Nearness
from ingest.detectors.ties import place_of

FAMILIES = {
    "network": ("ip",),
    "payment": ("payment",),
    "client": ("device",),
    "registration": ("registration", "email_domain"),
    "software": ("user_agent",),
}
# The most that each may say, in bits. A program brings its wording with it, so that content and
# user agent are nearly one witness.
CAPS = {"network": 8.0, "payment": 8.0, "client": 4.0, "registration": 4.0, "software": 2.0}
# How near is alike: among the nearest one in a hundred, or one in twenty, of all strangers. The
# first finds small campaigns, the second those that are themselves several per cent of everybody.
RATES = (0.01, 0.05)
M = 0.3  # P(another user of a campaign's place writes alike): most of its users may be bystanders
SURPRISE = 1 / 16  # a place has company when so many alike would be rarer than this by chance
# Bits of one place. A mail domain is an institution's or a provider's before it is an operator's.
PLACE_CAPS = {"network": 4.0, "payment": 4.0, "client": 4.0, "registration": 2.0, "software": 2.0}
LEAST_BITS = -1.0  # that a place without company takes away
STRANGERS = 1000  # that an account is compared with


@dataclass(frozen=True)
class Routes:
    """bits: accounts × families. p: P(so many places with company by chance), over those that are
    tied to another organisation at all (tested). company: pairs of
    positions that share a place and write alike (by the wider rate), and by which family. near: how
    alike anybody writes, by position."""

    names: list[str]
    bits: pd.DataFrame
    tested: np.ndarray
    p: np.ndarray
    places: np.ndarray
    hits: np.ndarray
    company: pd.DataFrame
    near: Nearness


def follow(
    likeness: Likeness, party: np.ndarray, ties: pd.DataFrame, strangers: np.ndarray
) -> Routes:
    """party: the organisation of each position; ties: Population.ties; strangers: positions of a
    sample of the whole population, tied or not. Were only the tied ones asked, a log in which
    nobody but a campaign shares anything would measure the campaign by itself."""
    names = likeness.names
    near = Nearness(likeness, party, strangers)
    thresholds = [near.threshold(rate) for rate in RATES]
    pairs = _pairs(likeness, party, ties)
    like = likeness.of_pairs(pairs.one.to_numpy(), pairs.other.to_numpy())
    size = len(names)
    bits = {family: np.zeros(size) for family in FAMILIES}
    p = np.ones(size)
    places, hits = np.zeros(size, dtype=int), np.zeros(size, dtype=int)
    for rate, threshold in zip(RATES, thresholds, strict=True):
        met = pairs.assign(alike=like >= threshold[pairs.one])
        seen = met.groupby(["one", "family", "place"], sort=True).alike.agg(["size", "sum"])
        seen = seen.reset_index()
        needed, chance = _company(seen["size"].to_numpy(), rate)
        seen["hit"] = seen["sum"].to_numpy() >= needed
        seen["chance"] = chance
        told = seen["sum"] * np.log2(M / rate)
        told += (seen["size"] - seen["sum"]) * np.log2((1 - M) / (1 - rate))
        seen["bits"] = np.clip(told, LEAST_BITS, seen.family.map(PLACE_CAPS))
        for family, rows in seen.groupby("family"):
            total = np.zeros(size)
            np.add.at(total, rows.one.to_numpy(), rows.bits.to_numpy())
            bits[family] = total if rate == RATES[0] else np.maximum(bits[family], total)
        for one, rows in seen.groupby("one"):
            tail = len(RATES) * at_least(rows.chance.to_numpy(), int(rows.hit.sum()))
            if tail < p[one]:
                p[one] = tail
                places[one], hits[one] = len(rows), int(rows.hit.sum())
    company = pairs[like >= thresholds[-1][pairs.one]]
    frame = pd.DataFrame(bits, index=pd.Index(names, name="account_id"))
    tested = np.isin(np.arange(size), pairs.one)
    return Routes(names, frame, tested, p, places, hits, company, near)


def at_least(chances: np.ndarray, hits: int) -> float:
    """P(at least so many successes) of independent trials with these chances: the exact tail."""
    if hits <= 0:
        return 1.0
    law = np.zeros(len(chances) + 1)
    law[0] = 1.0
    for chance in chances:
        law[1:] = law[1:] * (1 - chance) + law[:-1] * chance
        law[0] *= 1 - chance
    return float(min(1.0, law[hits:].sum()))


def _company(others: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """How many alike among so many others make company, and how often chance does."""
    sizes, where = np.unique(others, return_inverse=True)
    needed = binom.isf(SURPRISE, sizes, rate) + 1
    chance = binom.sf(needed - 1, sizes, rate)
    return needed[where], np.maximum(chance[where], 1e-12)


def _pairs(likeness: Likeness, party: np.ndarray, ties: pd.DataFrame) -> pd.DataFrame:
    """one, other, family, place: every ordered pair of organisations that share a rare value."""
    family_of = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
    rows = ties[ties.kind.isin(family_of) & ties.account_id.isin(likeness.index)]
    rows = rows[rows.organisations >= 2]
    rows = pd.DataFrame(
        {
            "account": rows.account_id.map(likeness.index).to_numpy(),
            "family": rows.kind.map(family_of).to_numpy(),
            "value": (rows.kind + "|" + rows.value).to_numpy(),
            "place": [
                place_of(f"{kind}|{value}")
                for kind, value in zip(rows.kind, rows.value, strict=True)
            ],
        }
    )
    joined = rows.merge(rows[["account", "value"]], on="value", suffixes=("", "_other"))
    joined = joined.rename(columns={"account": "one", "account_other": "other"})
    joined = joined[party[joined.one] != party[joined.other]]
    return joined[["one", "other", "family", "place"]].drop_duplicates(ignore_index=True)


def total_bits(routes: Routes) -> pd.Series:
    """What the families say together, each within its cap, and half of it downwards."""
    caps = pd.Series(CAPS)
    return routes.bits.clip(lower=-caps / 2, upper=caps, axis=1).sum(axis=1)
