"""Behaviour: accounts that ask as extraction does, against accounts of as many prompts.

Habits, each a robust z among peers: the share of prompts of each family (families.py); the share of
single turns; novelty, the chance that the next prompt is of a subject never seen from the account
(Good–Turing: subjects seen once / prompts); coverage, the entropy of its subjects against the most
that so many prompts can have. Coverage is two-sided: one capability is narrower than people are,
and a curriculum is flatter. All of it occurs in honest work, so no score passes one half.

A candidate cluster's prompts, pooled, are tested in pool.py.
"""

from collections.abc import Iterable

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.behaviour_habits import asked, counts, sessions
from ingest.detectors.families import SLUGS, WORDS
from ingest.detectors.findings import Findings, reference, samples_of
from ingest.detectors.peers import EVERYBODY, FEWEST_PEERS, Peers, rank_p, robust_z
from ingest.detectors.population import Population
from ingest.wire import Observation

SLUG, NAME, FAMILY, VERSION = "behaviour", "How accounts ask", "behaviour", "1"
NEEDS = ("prompt",)
EXPORTS = ("account_id",)

UNUSUAL = 3.5  # robust z from which a value is usually called an outlier (Iglewicz and Hoaglin)
MOST = 2 * UNUSUAL  # that one habit adds: none is two witnesses
FEWEST = 12  # prompts looked at; fewer have no habits
LEAST_SHARE = 0.25  # of its prompts, of a family that is told of
HIGHEST_SCORE = 0.5
LEVEL = 0.05
SIDES = ("single", "novelty", "coverage")
HABITS = (*SLUGS, *SIDES)
TWO_SIDED = frozenset({"coverage"})
TWINS = (
    "evaluation harness",
    "explainability audit or safety research",
    "classification or rewriting batch",
    "homework with one template",
    "synthetic data made under licence",
)


def detect(requests: ir.Table, population: Population | None = None) -> Findings:
    """One observation for each account of an unusual family; a score for every account. tested:
    those with FEWEST prompts."""
    population = population or Population(requests)
    rated = rate(habits_of(requests))
    scores = (HIGHEST_SCORE * rated.total / (rated.total + 4 * UNUSUAL)).round(4)
    scores = scores.reindex(population.accounts.index).fillna(0.0)
    told = rated[called(rated)]
    names = list(told.index)
    attributes = population.attributes_of(names)
    samples = samples_of(requests, names)
    start, end = population.window
    observations = [
        Observation(
            ref=reference(SLUG, VERSION, row.Index, start, end),
            account=population.account_ref(row.Index),
            window_start=start,
            window_end=end,
            score=float(scores[row.Index]),
            p_value=float(round(row.p, 6)),
            summary=_summary(row),
            detector_version=VERSION,
            attributes=attributes.get(row.Index, []),
            samples=samples.get(row.Index, []),
            evidence=_evidence(row),
        )
        for row in told.itertuples()
    ]
    return Findings(observations, scores.to_dict(), tested=int(rated.tested.sum()))


def habits_of(requests: ir.Table) -> pd.DataFrame:
    """By account_id: looked, HABITS (nan where there is too little to tell), and whether turns were
    told by sessions."""
    frame = counts(asked(requests)).execute().set_index("account_id").sort_index()
    turns = sessions(requests).execute().set_index("account_id").reindex(frame.index)
    enough = frame.looked >= FEWEST
    told = frame.told.where(frame.told >= FEWEST).astype(float)
    entropy = np.log(told) - frame.n_log_n / told
    values = {slug: (frame[slug] / frame.looked).where(enough) for slug in SLUGS}
    by_session = turns.sessions >= FEWEST
    lone, standing = turns.lone / turns.sessions, (frame.standing / frame.looked).where(enough)
    values["single"] = lone.where(by_session, standing)
    values["novelty"] = frame.once / told
    values["coverage"] = entropy / np.log(told)
    known = pd.DataFrame(values, index=frame.index).astype(float)
    return known.assign(looked=frame.looked, by_session=by_session)


def rate(habits: pd.DataFrame) -> pd.DataFrame:
    """habits among peers of about as many prompts (by powers of two): z_… of each, total, p (the
    rank of the total), peers, group, and m_…, the peers' median. Who has too few prompts is not
    tested, has p 1 and is nobody's peer."""
    tested = habits.looked.to_numpy() >= FEWEST
    frame = habits.assign(tested=tested, total=0.0, p=1.0, peers=0, group="")
    for habit in HABITS:
        frame[f"z_{habit}"], frame[f"m_{habit}"] = 0.0, np.nan
    if tested.any():
        known = habits[tested]
        told = compare(known[list(HABITS)], peers_by_volume(known.looked))
        frame.loc[tested, told.columns] = told
    return frame


def compare(values: pd.DataFrame, groups: Iterable[Peers]) -> pd.DataFrame:
    """values (accounts × HABITS) among their peers. The rank is of a total that treats all alike:
    exact for exchangeable accounts, however their habits depend on each other."""
    columns = [f"z_{h}" for h in values.columns] + [f"m_{h}" for h in values.columns]
    found = pd.DataFrame(0.0, index=values.index, columns=[*columns, "total", "p", "peers"])
    told, words = found.to_numpy(copy=True), np.full(len(values), "", dtype=object)
    for peers in groups:
        own = np.isin(peers.among, peers.of)
        among = values.iloc[peers.among]
        each = np.column_stack([robust_z(among[habit].to_numpy()) for habit in values.columns])
        odd = [h in TWO_SIDED for h in values.columns]
        total = np.where(odd, np.abs(each), each).clip(0, MOST).sum(axis=1)
        middle = np.tile(among.median().to_numpy(), (len(each), 1))
        size = np.full((len(each), 1), len(peers.among))
        rows = np.hstack([each, middle, total[:, None], rank_p(total)[:, None], size])
        told[peers.of] = rows[own]
        words[peers.of] = peers.words
    return pd.DataFrame(told, index=values.index, columns=found.columns).assign(group=words)


def peers_by_volume(looked: pd.Series) -> list[Peers]:
    """Each account once, with those of about as many prompts; a group below FEWEST_PEERS is held
    against everybody."""
    band = np.floor(np.log2(np.maximum(looked.to_numpy(dtype=float), 1.0))).astype(int)
    found, left = [], []
    for number in np.unique(band):
        members = np.flatnonzero(band == number)
        if len(members) >= FEWEST_PEERS:
            words = f"accounts with {2**number} to {2 ** (number + 1) - 1} prompts looked at"
            found.append(Peers(words, members, members))
        else:
            left.append(members)
    if left:
        found.append(Peers(EVERYBODY, np.sort(np.concatenate(left)), np.arange(len(band))))
    return found


def called(rated: pd.DataFrame) -> np.ndarray:
    """Whom to tell of: much of the account is of an unusual family, and all its habits together
    are unusual. The other habits alone are every batch's."""
    families = np.column_stack(
        [(rated[f"z_{s}"] >= UNUSUAL) & (rated[s] >= LEAST_SHARE) for s in SLUGS]
    ).sum(axis=1)
    return ((rated.p <= LEVEL) & (families >= 1)).to_numpy()


def _oddness(rated: pd.DataFrame, habit: str) -> pd.Series:
    return rated[f"z_{habit}"].abs() if habit in TWO_SIDED else rated[f"z_{habit}"]


def _leading(row) -> list[str]:
    """Families that are unusual, the most unusual first."""
    odd = [s for s in SLUGS if getattr(row, f"z_{s}") >= UNUSUAL and getattr(row, s) >= LEAST_SHARE]
    return sorted(odd, key=lambda slug: (-getattr(row, f"z_{slug}"), slug))


def _summary(row) -> str:
    parts = [
        f"{getattr(row, slug):.0%} of its prompts: {WORDS[slug]} "
        f"(peers {getattr(row, f'm_{slug}'):.0%})"
        for slug in _leading(row)[:2]
    ]
    if row.z_single >= UNUSUAL:
        parts.append(f"{row.single:.0%} single turns (peers {row.m_single:.0%})")
    if abs(row.z_coverage) >= UNUSUAL:
        side = "narrower" if row.z_coverage < 0 else "flatter"
        parts.append(f"{side} in its subjects than peers are")
    if row.z_novelty >= UNUSUAL:
        parts.append("new subjects all the time")
    return f"{'; '.join(parts)}. Rank among {int(row.peers):,} peers: p {row.p:.2g}"


def _evidence(row) -> dict:
    def told(habit: str) -> dict:
        return {
            name: None if np.isnan(value) else round(float(value), 3)
            for name, value in (
                ("here", getattr(row, habit)),
                ("median_of_peers", getattr(row, f"m_{habit}")),
                ("robust_z", getattr(row, f"z_{habit}")),
            )
        }

    return {
        "prompts_looked_at": int(row.looked),
        "families": {slug: told(slug) for slug in SLUGS if getattr(row, slug) > 0},
        "single_turns": told("single")
        | {"told_by": "sessions" if row.by_session else "prompts that stand by themselves"},
        "novelty_good_turing": told("novelty"),
        "coverage_of_subjects": told("coverage") | {"sided": 2},
        "peers": int(row.peers),
        "peer_group": row.group,
        "tested_against": "rank of all habits together among accounts of as many prompts",
        "innocent_twins": list(TWINS),
    }
