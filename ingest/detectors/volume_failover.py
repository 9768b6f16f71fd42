"""Fail-over: an account is throttled, and within minutes a stranger starts on the same wording.

Under the null the starts of others fall anywhere within their hour of the calendar, whenever this
account is throttled. An event is the first throttled request of an account and wording in an hour,
so that a storm of retries counts once; a start is a request that goes through after half an hour
in which its account did not use the wording, so that whoever works on anyway starts nothing. With o
starts of other parties in the event's hour, P(a start in the next w seconds) = 1 − (1 − w/3600)^o
exactly, and the sum over an account's events is held against the Poisson law that bounds it.
"""

import ibis
import ibis.expr.types as ir
import pandas as pd

from ingest.detectors.attributes import party, second
from ingest.detectors.peers import poisson_p
from ingest.detectors.skeletons import SHORT, SHORTEST
from ingest.detectors.volume_rhythm import THROTTLED
from ingest.detectors.warehouse import keep

WITHIN = 180  # seconds from the throttled request to the start
QUIET = 1800  # seconds without the wording before a start
MOST_PARTIES = 200  # a wording that more use is a product: at every moment somebody starts on it


def failovers(requests: ir.Table) -> ir.Table:
    """account_id, events, followed, mean: throttled accounts whose wording others use too. Joined
    on wording and hour only, on wordings that were throttled only."""
    t = keep(worded(requests))
    events = t.filter(t.throttled).group_by("account_id", "party", "wording", "hour")
    events = events.aggregate(at=lambda e: e.second.min())
    throttled = events.select("wording").distinct()
    users = t.semi_join(throttled, "wording").group_by("wording")
    users = users.aggregate(parties=lambda u: u.party.nunique())
    t = t.semi_join(users.filter((users.parties > 1) & (users.parties <= MOST_PARTIES)), "wording")
    before = t.second.lag().over(group_by=["account_id", "wording"], order_by=t.second)
    t = t.mutate(before=before)
    starts = t.filter(~t.throttled & (t.before.isnull() | (t.second - t.before > QUIET)))
    starts = starts.group_by("account_id", "party", "wording", "hour").aggregate(
        start=starts.second.min()
    )
    starts = starts.select(
        "wording", "hour", "start", other=starts.account_id, other_party=starts.party
    )
    met = events.join(starts, ["wording", "hour"])
    met = met.filter((met.account_id != met.other) & (met.party != met.other_party))
    after = met.start - met["at"]
    met = met.mutate(hit=(after > 0) & (after <= WITHIN))
    each = met.group_by("account_id", "wording", "hour", "at").aggregate(
        others=met.count(), hit=met.hit.any().cast("int64")
    )
    left = ibis.least((each.hour + 1) * 3600 - each["at"], WITHIN)
    each = each.mutate(mean=-each.others * (1 - left / 3600).ln())
    return each.group_by("account_id").aggregate(
        events=each.count(), followed=each.hit.sum(), mean=each["mean"].sum()
    )


def worded(requests: ir.Table) -> ir.Table:
    """account_id, party, second, hour, wording, throttled: of prompts that are long enough. The
    wording is the opening in lower case without its numbers: a mask that costs little."""
    # the opening is kept before anything is asked of it: prompts are read once, and they are long
    t = keep(
        requests.select(
            "account_id",
            party=party(requests),
            second=second(requests),
            opening=requests.prompt.left(SHORT),
            throttled=ibis.coalesce(requests.status, "") == THROTTLED,
        )
    )
    return t.filter(t.opening.length() >= SHORTEST).select(
        "account_id",
        "party",
        "second",
        "throttled",
        hour=t.second // 3600,
        wording=t.opening.lower().re_replace("[0-9]+", "0"),
    )


def failover_p(found: pd.DataFrame) -> pd.Series:
    """One p-value an account of failovers(): so many events followed, by chance."""
    return pd.Series(poisson_p(found.followed, found["mean"]), index=found.index)
