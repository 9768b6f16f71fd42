"""Volume: accounts that send far more a day than their peers. Weak evidence by itself.

Peers have the same plan and are about as old. Evaluation harnesses, nightly batches and resellers
send much too, and a campaign that spreads its load sends little from each account: so the score
never passes one half, and the p-value is only a rank among peers.
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.findings import Findings, reference, samples_of
from ingest.detectors.peers import q_values, rank_p, robust_z
from ingest.detectors.population import Population
from ingest.wire import Observation

SLUG, NAME, FAMILY, VERSION = "volume", "Volume against peers", "volume", "1"

UNUSUAL = 3.5  # robust z from which a value is usually called an outlier (Iglewicz and Hoaglin)
FEWEST_REQUESTS = 30  # in the window; below it a busy afternoon is no rate
FEWEST_PEERS = 20  # a smaller group is compared with everybody
AGE_BANDS = ((30, "under a month old"), (365, "under a year old"), (np.inf, "over a year old"))
HIGHEST_SCORE = 0.5


def detect(requests: ir.Table, population: Population | None = None) -> Findings:
    """One observation for each account whose daily rate is unusual; a score for every account."""
    population = population or Population(requests)
    rated = rate(population, day_rhythm(requests).execute().set_index("account_id"))
    scores = (HIGHEST_SCORE * rated.z.clip(lower=0) / (rated.z.clip(lower=0) + UNUSUAL)).round(4)
    flagged = rated[(rated.z >= UNUSUAL) & (rated.requests >= FEWEST_REQUESTS)]
    names = list(flagged.index)
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
        for row in flagged.itertuples()
    ]
    return Findings(observations, scores.to_dict())


def day_rhythm(requests: ir.Table) -> ir.Table:
    """account_id, hour_entropy (hour of the day, nats), first_day (requests on its first day)."""
    t = requests
    hourly = t.group_by("account_id", hour=t["at"].hour()).aggregate(n=t.count())
    hourly = hourly.mutate(share=hourly.n / hourly.n.sum().over(group_by="account_id"))
    entropy = hourly.group_by("account_id").aggregate(
        hour_entropy=-(hourly.share * hourly.share.log()).sum()
    )
    daily = t.group_by("account_id", day=t["at"].truncate("D")).aggregate(n=t.count())
    first = ibis.row_number().over(group_by="account_id", order_by=daily.day)
    daily = daily.mutate(place=first)
    start = daily.filter(daily.place == 0).select("account_id", first_day="n")
    return entropy.join(start, "account_id")


def rate(population: Population, rhythm: pd.DataFrame) -> pd.DataFrame:
    """accounts with rate (requests an active day), peers, median, z, p, q and rhythm."""
    frame = population.accounts.join(rhythm)
    frame["rate"] = frame.requests / frame.active_days
    frame["group"] = _peer_groups(frame, population.window[1])
    for column in ("z", "p", "median", "peers"):
        frame[column] = 0.0
    logs = np.log(frame.rate)
    for _, at in frame.groupby("group").groups.items():
        mine = logs[at].to_numpy()
        frame.loc[at, "z"] = robust_z(mine)
        frame.loc[at, "p"] = rank_p(mine)
        frame.loc[at, "median"] = float(np.exp(np.median(mine)))
        frame.loc[at, "peers"] = len(mine)
    frame["q"] = q_values(frame.p.to_numpy())
    span = population.window[1] - population.window[0]
    frame["duty"] = frame.active_hours / max(1.0, span.total_seconds() / 3600)
    return frame


def _peer_groups(frame: pd.DataFrame, end) -> pd.Series:
    """Plan and age band in words; small groups fall back to the plan, and then to everybody."""
    age = (pd.Timestamp(end).tz_localize(None) - frame.created_at).dt.days
    band = pd.Series("", index=frame.index)
    for limit, words in reversed(AGE_BANDS):
        band = band.where(~(age < limit), f", {words}")
    plan = frame.plan.where(frame.plan == "", "plan " + frame.plan)
    group = (plan + band).str.removeprefix(", ")
    for fallback in (plan, pd.Series("", index=frame.index)):
        size = group.groupby(group).transform("size")
        group = group.where(size >= FEWEST_PEERS, fallback)
    return group.where(group != "", "all accounts")


def _summary(row) -> str:
    return (
        f"{row.rate:.0f} requests an active day, {row.rate / row.median:.0f} times the median of "
        f"{row.peers:.0f} accounts ({row.group[:120]}); "
        f"at work in {row.duty:.0%} of all hours"
    )


def _evidence(row) -> dict:
    return {
        "requests": int(row.requests),
        "active_days": int(row.active_days),
        "requests_per_active_day": round(float(row.rate), 2),
        "peer_group": row.group,
        "peers": int(row.peers),
        "peer_median": round(float(row.median), 2),
        "robust_z": round(float(row.z), 3),
        "q_value": round(float(row.q), 6),
        "tested_against": "rank of the daily rate among peers; accounts tested: all of the log",
        "hour_entropy_nats": round(float(row.hour_entropy), 3),
        "hour_entropy_if_flat": round(float(np.log(24)), 3),
        "duty_cycle": round(float(row.duty), 4),
        "first_day_requests": int(row.first_day),
        "first_day_to_rate": round(float(row.first_day / row.rate), 3),
        "addresses": int(row.addresses),
    }
