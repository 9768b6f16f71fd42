"""Timing: accounts that something ties already, and that act in the same seconds or take turns.

Two statistics, each a tail against independent accounts within short strata of the actual calendar
(timing_cells.py): *synchrony*, for pairs of accounts, and *hand-over*, one account ending as
another on the same card, address or wording starts. One program or one event that triggers several
customers looks the same, and so do all who come back when an outage ends: that is why coincidences
must fall into several hours.
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ingest.detectors.attributes import COLUMNS
from ingest.detectors.findings import Findings, digest, reference, samples_of
from ingest.detectors.peers import bonferroni, poisson_p, q_values
from ingest.detectors.population import Population
from ingest.detectors.timing_cells import (
    acting,
    hand_overs,
    meetings,
    places_in_a_minute,
    seconds_of,
    turns,
)
from ingest.detectors.timing_pairs import pairs_of, tied
from ingest.detectors.warehouse import keep
from ingest.wire import Observation

SLUG, NAME, FAMILY, VERSION = "timing", "Synchrony and hand-over", "timing", "1"
NEEDS = ()
EXPORTS = ("account_id", "organisation", *COLUMNS.values())

FALSE_DISCOVERIES = 0.05
FEWEST_HITS = 3  # coincidences, each in an hour of its own
MOST_MEETINGS = 20_000_000  # strata of pairs that are joined; the rarest ties first
MOST_VALUES = 5  # of an account, over which hand-over is looked for: those with most carriers
HALF_SCORE = 6.0  # −log10 p that scores one half
TWINS = (
    "several customers of one product, triggered by one event",
    "continuous integration of several firms on one webhook",
    "everybody who comes back when an outage ends",
    "a class at work on one assignment",
)


def detect(requests: ir.Table, population: Population | None = None) -> Findings:
    """One observation for each account that keeps time with others; a score for every account."""
    population = population or Population(requests)
    everybody = population.accounts.index
    ties = tied(population)
    party = population.accounts.party
    pairs, left_out = pairs_of(ties, party)
    names = sorted({*pairs.one, *pairs.other})  # who turns for others is in a pair with some
    seconds = keep(seconds_of(requests, names))
    pairs, dropped = synchrony(seconds, pairs)
    turning = taking_turns(seconds, ties[ties.account_id.isin(names)], party)
    accounts = by_account(pairs, turning)
    p = accounts.p.reindex(everybody).astype(float).fillna(1.0)
    scores = _score(p)
    called = accounts[accounts.called]
    names = sorted(called.index)
    attributes = population.attributes_of(names, _leading(called))
    samples = samples_of(requests, names)
    start, end = population.window
    found = [
        Observation(
            ref=reference(SLUG, VERSION, row.Index, start, end),
            account=population.account_ref(row.Index),
            window_start=start,
            window_end=end,
            score=float(scores[row.Index]),
            p_value=float(f"{row.p:.3g}"),
            summary=_summary(row),
            group_key=row.group,
            detector_version=VERSION,
            attributes=attributes.get(row.Index, []),
            samples=samples.get(row.Index, []),
            evidence=_evidence(row, len(pairs), left_out + dropped),
        )
        for row in called.sort_index().itertuples()
    ]
    return Findings(found, scores.to_dict())


def synchrony(seconds: ir.Table, pairs: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """pairs with strata, hits, mean, hours, p and q; and how many were dropped to keep the join
    within MOST_MEETINGS, or because the log's clock is too coarse."""
    told = pairs.assign(strata=0, hits=0, mean=0.0, hours=0, p=1.0, q=1.0)
    if pairs.empty:
        return told, 0
    strata = keep(acting(seconds))
    if _coarse(strata):
        return told.iloc[:0], len(told)
    size = strata.group_by("account_id").aggregate(n=strata.count()).execute()
    size = size.set_index("account_id").n
    work = np.minimum(
        size.reindex(pairs.one).fillna(0).to_numpy(), size.reindex(pairs.other).fillna(0).to_numpy()
    ).cumsum()
    told = told[work <= MOST_MEETINGS]
    if told.empty:
        return told, len(pairs)
    numbered = ibis.memtable(
        pd.DataFrame({"pair": np.arange(len(told)), "one": told.one, "other": told.other})
    )
    met = meetings(numbered, strata)
    met = met.filter(met.hits > 0).execute()
    for column in ("strata", "hits", "mean", "hours"):
        told.iloc[met.pair.to_numpy(), told.columns.get_loc(column)] = met[column].to_numpy()
    told = told.assign(p=poisson_p(told.hits, told["mean"]))
    return told.assign(q=q_values(told.p.to_numpy())), len(pairs) - len(told)


def taking_turns(seconds: ir.Table, ties: pd.DataFrame, party: pd.Series) -> pd.DataFrame:
    """account_id, kind, value, strata, hits, mean, hours, p, tests (values looked at), and q over
    accounts and values."""
    columns = ["account_id", "kind", "value", "strata", "hits", "mean", "hours", "p", "q", "tests"]
    carried = ties.assign(carriers=ties.groupby(["kind", "value"]).account_id.transform("size"))
    carried = carried.sort_values(
        ["account_id", "carriers", "kind", "value"], ascending=[True, False, True, True]
    )
    carried = carried[carried.carriers >= 3].groupby("account_id").head(MOST_VALUES)
    if carried.empty:
        return pd.DataFrame(columns=columns)
    carried = carried.assign(
        key=carried.kind + "|" + carried.value, party=party.reindex(carried.account_id).to_numpy()
    )
    moments = keep(turns(seconds))
    carriers = ibis.memtable(
        carried[["account_id", "party", "key"]].rename(columns={"key": "value"}).astype(str)
    )
    found = hand_overs(carriers, moments).execute().rename(columns={"value": "key"})
    told = carried[["account_id", "kind", "value", "key"]].merge(
        found, on=["account_id", "key"], how="left"
    )
    told = told.fillna({"strata": 0, "hits": 0, "mean": 0.0, "hours": 0})
    told["p"] = poisson_p(told.hits, told["mean"])
    told["q"] = q_values(told.p.to_numpy())
    told["tests"] = told.groupby("account_id").p.transform("size")
    return told[columns]


def by_account(pairs: pd.DataFrame, turning: pd.DataFrame) -> pd.DataFrame:
    """By account_id: p (of both statistics and of all that was tried of each), whether it is
    called, its group, its best pair and its best hand-over."""
    each = pd.concat(
        [
            pairs.rename(columns={"one": "account_id", "other": "partner"}),
            pairs.rename(columns={"other": "account_id", "one": "partner"}),
        ],
        ignore_index=True,
    )
    each["sure"] = (each.q <= FALSE_DISCOVERIES) & (each.hours >= FEWEST_HITS)
    each = each.sort_values(["account_id", "p", "partner"])
    best = each.drop_duplicates("account_id").set_index("account_id")
    of = each.groupby("account_id")
    frame = pd.DataFrame(index=best.index.union(pd.Index(turning.account_id.unique())))
    frame = frame.join(best[["partner", "kind", "value", "hits", "mean", "p", "q", "sampled"]])
    frame["tests"] = of.size()
    frame["partners"] = of.sure.sum()
    turning = turning.assign(
        sure=(turning.q <= FALSE_DISCOVERIES) & (turning.hours >= FEWEST_HITS)
    ).sort_values(["account_id", "p", "kind", "value"])
    turn = turning.drop_duplicates("account_id").set_index("account_id")
    frame = frame.join(turn.add_prefix("turn_"))
    frame["partners"] = frame.partners.fillna(0).astype(int)
    frame["turn_sure"] = frame.turn_sure.fillna(False).astype(bool)
    p_pairs = np.minimum(1.0, (frame.p * frame.tests).fillna(1.0))
    p_turns = np.minimum(1.0, (frame.turn_p * frame.turn_tests).fillna(1.0))
    frame["p"] = np.maximum(bonferroni(p_pairs, p_turns), 1e-300).astype(float)
    frame["called"] = (frame.partners > 0) | frame.turn_sure
    frame["group"] = _groups(frame, pairs)
    return frame


def _groups(frame: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """One key for all who are linked by sure pairs, or who take turns on one value."""
    sure = pairs[(pairs.q <= FALSE_DISCOVERIES) & (pairs.hours >= FEWEST_HITS)]
    place = pd.Series(np.arange(len(frame)), index=frame.index)
    one, other = place[sure.one].tolist(), place[sure.other].tolist()
    turning = frame[frame.turn_sure]
    hub = turning.groupby(["turn_kind", "turn_value"]).ngroup() + len(frame)
    one += place[turning.index].tolist()
    other += hub.tolist()
    size = len(frame) + (int(hub.max()) + 1 - len(frame) if len(hub) else 0)
    links = coo_array((np.ones(len(one)), (one, other)), shape=(size, size))
    _, label = connected_components(links, directed=False)
    label = label[: len(frame)]
    first = pd.Series(frame.index, index=frame.index).groupby(label).transform("min")
    return "timing-" + first.map(lambda name: digest(name)[:24])


def _coarse(strata: ir.Table) -> bool:
    used = places_in_a_minute(strata).execute().iloc[0]
    return not used.fillna(False).all()  # null: nobody acted


def _score(p: pd.Series) -> pd.Series:
    told = -np.log10(p)
    return (told / (told + HALF_SCORE)).round(4)


def _leading(called: pd.DataFrame) -> dict[str, set[str]]:
    return {
        row.Index: {v for v in (row.value, row.turn_value) if isinstance(v, str)}
        for row in called.itertuples()
    }


def _summary(row) -> str:
    if row.partners:
        return (
            f"acts in the same five seconds as accounts of other organisations that it is tied to "
            f"({row.partners:,} in step): {row.hits:.0f} times with one, {row.mean:.2g} expected"
        )
    return (
        f"{row.turn_hits:.0f} times another organisation's account on the same "
        f"{_word(row.turn_kind)} started as it ended, {row.turn_mean:.2g} expected"
    )


def _word(kind: str) -> str:
    return {"ip": "address", "ip_prefix": "network block", "payment": "payment method"}.get(
        kind, kind.replace("_", " ")
    )


def _evidence(row, tested: int, left_out: int) -> dict:
    told = {
        "tested_against": (
            "independent accounts, given what each does in every five minutes (synchrony) or hour "
            "(hand-over) of the calendar; exact tail from above"
        ),
        "pairs_tested": tested,
        "pairs_left_out": left_out,
        "also_seen_of": list(TWINS),
    }
    if row.partners:
        told["synchrony"] = {
            "accounts_in_step": int(row.partners),
            "own_pairs_tested": int(row.tests),
            "best_pair": {
                "account": row.partner,
                "tied_by": row.kind,
                "coincidences": int(row.hits),
                "expected": float(f"{row.mean:.3g}"),
                "q_value": float(f"{row.q:.3g}"),
            },
            "carriers_sampled": bool(row.sampled),
        }
    if row.turn_sure:
        told["hand_over"] = {
            "tied_by": row.turn_kind,
            "starts_at_its_ends": int(row.turn_hits),
            "expected": float(f"{row.turn_mean:.3g}"),
            "q_value": float(f"{row.turn_q:.3g}"),
            "values_tested": int(row.turn_tests),
        }
    return told
