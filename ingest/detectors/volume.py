"""Volume: accounts, and clusters of them, that send unlike their peers. Weak evidence by itself.

Peers have the same plan and are about as old. Evaluation harnesses, nightly batches and resellers
send much too, and a campaign that spreads its load sends little from each account: so the score
never passes one half, each signal names these twins, and the p-value is a rank among peers.
"""

from collections.abc import Iterable

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.attributes import COLUMNS, second
from ingest.detectors.findings import Findings, digest, reference, samples_of
from ingest.detectors.network import gateways
from ingest.detectors.peers import (
    Peers,
    bonferroni,
    peer_groups,
    q_values,
    rank_p,
    robust_z,
)
from ingest.detectors.population import Population
from ingest.detectors.volume_clusters import compare, members, pooled, pooled_frame
from ingest.detectors.volume_failover import failover_p, failovers
from ingest.detectors.volume_rhythm import hours, rhythm, saturation
from ingest.detectors.warehouse import keep
from ingest.wire import Observation

SLUG, NAME, FAMILY, VERSION = "volume", "Volume against peers", "volume", "2"
NEEDS = ()
# values of clusters come out of one column that holds every kind of value
EXPORTS = ("account_id", "organisation", "plan", *COLUMNS.values())

UNUSUAL = 3.5  # robust z from which a value is usually called an outlier (Iglewicz and Hoaglin)
MOST = 2 * UNUSUAL  # that one habit adds to an account's sum: no habit is two witnesses
FEWEST_REQUESTS = 30  # in the window; below it a busy afternoon is no rate
FEWEST_GAPS = 30
FEWEST_DAYS = 5  # active; fewer show no change
LEAST_SPAN = 48  # hours from the first request to the last; less has no duty cycle
HIGHEST_SCORE = 0.5
FALSE_DISCOVERIES = 0.05
# name → what is large when it is suspicious; each may be not recorded, which is no evidence
HABITS = ("rate", "duty", "flatness", "evenness", "no_ramp", "saturation", "change")
TWINS = (
    "evaluation harness",
    "nightly batch",
    "continuous integration with a shared key",
    "reseller or gateway",
    "migrated workload",
)


def detect(
    requests: ir.Table, population: Population | None = None, *, of_clusters: bool = False
) -> Findings:
    """One observation for each account, and of_clusters one a member for each cluster, whose
    volume is unusual; a score for every account.

    Runs leave clusters out: evaluation harnesses share cards and wordings too, and the volume of a
    cluster, taken as a flag of each member, opened a case of them.
    """
    population = population or Population(requests)
    habits = habits_of(requests)
    rated = rate(population, habits)
    scores = (HIGHEST_SCORE * rated.total / (rated.total + 2 * UNUSUAL)).round(4)
    enough = rated.requests >= FEWEST_REQUESTS
    odd = sum((rated[f"z_{habit}"] >= UNUSUAL).astype(int) for habit in HABITS)
    fails_over = (rated.q_failover <= FALSE_DISCOVERIES) & (rated.followed >= 2)
    alone = rated[enough & ((rated.z_rate >= UNUSUAL) | (odd >= 2)) | fails_over]
    clusters = busy_clusters(population, habits)
    carried = _members(population, clusters if of_clusters else clusters.head(0))
    names = sorted({*alone.index, *carried.account_id})
    attributes = population.attributes_of(names)
    samples = samples_of(requests, names)
    start, end = population.window

    def observation(account, told, score, p, summary, evidence, group_key=""):
        return Observation(
            ref=reference(SLUG, VERSION, told, start, end),
            account=population.account_ref(account),
            window_start=start,
            window_end=end,
            score=float(score),
            p_value=float(round(p, 9)),
            summary=summary,
            group_key=group_key,
            detector_version=VERSION,
            attributes=attributes.get(account, []),
            samples=samples.get(account, []),
            evidence=evidence,
        )

    found = [
        observation(row.Index, row.Index, scores[row.Index], row.p, _summary(row), _evidence(row))
        for row in alone.itertuples()
    ]
    found += [
        observation(
            row.account_id,
            f"{row.account_id}|{row.kind}|{row.value}",
            round(HIGHEST_SCORE * row.z / (row.z + UNUSUAL), 4),
            row.p,
            _cluster_summary(row),
            _cluster_evidence(row),
            f"volume-{digest(f'{row.kind}|{row.value}')[:24]}",
        )
        for row in carried.itertuples()
    ]
    return Findings(found, scores.to_dict())


def habits_of(requests: ir.Table) -> pd.DataFrame:
    """By account_id: what volume_rhythm and volume_failover tell. Limits and fail-over are only
    looked for in a log that has throttled requests."""
    hourly = keep(hours(requests))
    frame = rhythm(hourly).execute().set_index("account_id").sort_index()
    frame["throttling_recorded"] = bool(frame.throttled.sum())
    for column in ("minutes", "at_limit", "events", "followed", "mean"):
        frame[column] = np.nan
    frame["p_failover"] = 1.0
    if frame.throttled.sum():
        limits = saturation(requests, hourly).execute().set_index("account_id")
        frame.loc[limits.index, ["minutes", "at_limit"]] = limits[["minutes", "at_limit"]]
        followed = failovers(requests).execute().set_index("account_id")
        counts = ["events", "followed", "mean"]
        frame.loc[followed.index, counts] = followed[counts].astype(float)
        frame.loc[followed.index, "p_failover"] = failover_p(followed)
    return frame


def rate(population: Population, habits: pd.DataFrame) -> pd.DataFrame:
    """accounts with their habits, and for each habit its robust z among the peers, the sum of
    those above the median (total), the rank p of that sum, p of everything, and q."""
    known = population.accounts[["plan", "created_at", "addresses"]]
    frame = habits.join(known)
    start, end = (pd.Timestamp(at).tz_localize(None) for at in population.window)
    frame["pace"] = frame.requests / frame.active_days
    values = habit_values(frame, start)
    frame = frame.join(compare_habits(values, peer_groups(frame.plan, frame.created_at, end)))
    # whether fail-over is a second test is the log's property, not the account's: an account
    # without a throttled request was tested too, and did not stand out
    tested_twice = bool(frame.throttling_recorded.any())
    frame["p"] = bonferroni(frame.p_rank, frame.p_failover) if tested_twice else frame.p_rank
    frame["q"] = q_values(frame.p.to_numpy())
    frame["q_failover"] = q_values(frame.p_failover.to_numpy())
    return frame


def compare_habits(values: pd.DataFrame, groups: Iterable[Peers]) -> pd.DataFrame:
    """values (accounts × HABITS) among their peers: z_… of each habit, total, p_rank, median (of
    the rate), peers and group. The rank is of the total, which treats all alike: exact for
    exchangeable accounts, however their habits depend on each other."""
    z = np.zeros(values.shape)
    told = {name: np.zeros(len(values)) for name in ("total", "p_rank", "median", "peers")}
    words = np.full(len(values), "", dtype=object)
    for peers in groups:
        own = np.isin(peers.among, peers.of)
        among = values.iloc[peers.among]
        each = np.column_stack([robust_z(among[habit].to_numpy()) for habit in values.columns])
        total = each.clip(0, MOST).sum(axis=1)
        z[peers.of] = each[own]
        words[peers.of] = peers.words
        told["total"][peers.of] = total[own]
        told["p_rank"][peers.of] = rank_p(total)[own]
        told["median"][peers.of] = float(np.exp(np.median(among.rate)))
        told["peers"][peers.of] = len(peers.among)
    frame = pd.DataFrame(z, index=values.index, columns=[f"z_{habit}" for habit in values.columns])
    return frame.assign(group=words, **told)


def habit_values(frame: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """HABITS of each account, NaN where nothing is recorded or there is too little to tell."""
    later_days = frame.active_days - 1
    later = (frame.requests - frame.first_day) / later_days.where(later_days >= 2)
    new = frame.created_at >= start
    many = frame.requests >= FEWEST_REQUESTS
    spans = frame.span >= LEAST_SPAN
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            "rate": np.log(frame.pace),
            "duty": (frame.active_hours / frame.span).where(spans & many),
            "flatness": frame.hour_entropy.where(spans & many),
            "evenness": -np.log(frame.gap_cv.clip(lower=0.01)).where(frame.gaps >= FEWEST_GAPS),
            "no_ramp": np.log(frame.first_day / later.where(later > 0)).where(new & many),
            "saturation": frame.at_limit / frame.minutes,
            "change": frame.change.where(frame.active_days >= FEWEST_DAYS),
        }
    return pd.DataFrame(values, index=frame.index).astype(float)


def busy_clusters(population: Population, habits: pd.DataFrame) -> pd.DataFrame:
    """Clusters by payment, network and template whose pooled pace is unusual among their like. An
    account that stands for many people is nobody's to add up."""
    t = population.requests
    days = (second(t) // 86_400).nunique()
    paces = t.group_by("account_id").aggregate(pace=t.count() / days)
    many = set(gateways(population.uses).execute().account_id)
    alone = population.uses.anti_join(gateways(population.uses), "account_id")
    found = pooled(alone, paces).execute()
    wordings = _template_uses(population)
    wordings = wordings[~wordings.account_id.isin(many)]
    templates = pooled_frame(wordings, habits.requests / habits.active_days)
    compared = compare(pd.concat([found, templates], ignore_index=True), len(habits))
    return compared[(compared.z >= UNUSUAL) & (compared.p <= FALSE_DISCOVERIES)]


def _template_uses(population: Population) -> pd.DataFrame:
    columns = ["account_id", "organisation", "kind", "value"]
    if population.locked:  # templates bring words out of prompts
        return pd.DataFrame(columns=columns)
    uses = population.templates.uses.rename(columns={"template": "value"})
    return uses.assign(kind="template")[columns]


def _members(population: Population, clusters: pd.DataFrame) -> pd.DataFrame:
    """One row an account of these clusters, with the most unusual of its own: wordings of one
    campaign are one witness."""
    told = clusters[clusters.kind != "template"]
    parts = [_template_uses(population).drop(columns="organisation")]
    if len(told):
        parts.append(members(population.uses, told))
    rows = pd.concat(parts, ignore_index=True).merge(clusters, on=["kind", "value"])
    rows = rows.sort_values(
        ["account_id", "z", "kind", "value"], ascending=[True, False, True, True]
    )
    return rows.drop_duplicates("account_id", ignore_index=True)


def _summary(row) -> str:
    if row.followed >= 2 and row.q_failover <= FALSE_DISCOVERIES:
        return (
            f"{row.followed:.0f} of {row.events:.0f} times that it was throttled, another "
            f"organisation's account started on the same wording within three minutes; chance "
            f"{row.p_failover:.1g}"
        )
    return (
        f"{row.pace:.0f} requests an active day, {row.pace / row.median:.0f} times the median of "
        f"{row.peers:.0f} accounts ({row.group[:120]}); "
        f"at work in {row.active_hours / row.span:.0%} of the hours from its first to its last"
    )


def _evidence(row) -> dict:
    told = {
        "requests": int(row.requests),
        "active_days": int(row.active_days),
        "requests_per_active_day": round(float(row.pace), 2),
        "peer_group": row.group,
        "peers": int(row.peers),
        "peer_median": round(float(row.median), 2),
        "robust_z": {
            habit: round(float(getattr(row, f"z_{habit}")), 2)
            for habit in HABITS
            if getattr(row, f"z_{habit}") != 0
        },
        "q_value": round(float(row.q), 6),
        "tested_against": (
            f"rank of all habits together among {row.peers:.0f} peers"
            + (", and chance fail-over (the smaller, doubled)" if row.throttling_recorded else "")
        ),
        "hour_entropy_nats": _number(row.hour_entropy),
        "hour_entropy_if_flat": round(float(np.log(24)), 3),
        "duty_cycle": round(float(row.active_hours / row.span), 4),
        "gap_variation": _number(row.gap_cv),
        "first_day_requests": int(row.first_day),
        "change_cusum": _number(row.change),
        "change_highest_on": str(pd.Timestamp(int(row.change_day), unit="D").date()),
        "addresses": int(row.addresses),
        "also_seen_of": list(TWINS),
    }
    if row.minutes == row.minutes:  # NaN: never throttled
        told["throttled_requests"] = int(row.throttled)
        told["minutes_at_limit"] = f"{row.at_limit:.0f} of {row.minutes:.0f}"
    if row.events == row.events:
        told["fail_over"] = {
            "throttled_hours": int(row.events),
            "followed_by_another": int(row.followed),
            "expected": float(f"{row.mean:.3g}"),
            "p_value": float(f"{row.p_failover:.3g}"),
        }
    return told


def _number(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 3)


def _cluster_name(row) -> str:
    words = {"payment": "one payment method", "asn": "one network"}
    return words.get(row.kind, f"template {row.value}")


def _cluster_summary(row) -> str:
    return (
        f"{row.accounts:,} accounts of {row.organisations:,} organisations on {_cluster_name(row)} "
        f"send {np.exp(row.pace):.1f} requests an active day each; {row.peers:,} such groups of "
        f"like size send {row.median:.1f}"
    )


def _cluster_evidence(row) -> dict:
    return {
        "cluster": {"kind": row.kind, "value": row.value[:200]},
        "accounts": int(row.accounts),
        "organisations": int(row.organisations),
        "requests_per_active_day_each": round(float(np.exp(row.pace)), 2),
        "groups_compared": int(row.peers),
        "median_of_groups": round(float(row.median), 2),
        "robust_z": round(float(row.z), 2),
        "tested_against": f"rank of the pooled pace among {row.peers} groups by {row.kind}",
        "also_seen_of": ["product", *TWINS],
    }
