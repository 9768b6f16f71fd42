"""How an account sends: pace, working hours, gaps, start, change, limits. Counted in the warehouse.

Whole seconds since 1970 and whole-number divisions only, so that every warehouse counts alike.
"""

import ibis
import ibis.expr.types as ir

from ingest.detectors.attributes import second

THROTTLED = "429"
SESSION = 3600  # seconds; a longer gap is a pause and says nothing of the pace
NEAR = 0.95  # of the cap: a minute at the limit
STEP = 0.5  # CUSUM: what a day must exceed the usual by, in its own spreads, to count (k)
LEAST_SPREAD = 0.1  # of the logarithm of a day's requests


def hours(requests: ir.Table) -> ir.Table:
    """account_id, hour (since 1970), n, throttled, gaps, gap_sum, gap_squares (seconds, of gaps
    below SESSION): one pass over the log."""
    t = requests.select(
        "account_id",
        second=second(requests),
        throttled=ibis.coalesce(requests.status, "") == THROTTLED,
    )
    before = t.second.lag().over(group_by="account_id", order_by=t.second)
    t = t.mutate(gap=(t.second - before).cast("float64"), hour=t.second // 3600)
    run = t.gap <= SESSION
    return t.group_by("account_id", "hour").aggregate(
        n=t.count(),
        throttled=t.throttled.sum(),
        gaps=run.sum(),
        gap_sum=t.gap.sum(where=run),
        gap_squares=(t.gap * t.gap).sum(where=run),
    )


def rhythm(hourly: ir.Table) -> ir.Table:
    """One row an account, from hours(): requests, throttled, active_hours, active_days, span
    (hours from the first to the last), hour_entropy (hour of the day, nats), gaps, gap_cv,
    first_day (requests in its first 24 hours), change (CUSUM), change_day (since 1970)."""
    h = hourly
    life = h.mutate(start=h.hour.min().over(group_by="account_id"))
    totals = life.group_by("account_id").aggregate(
        requests=life.n.sum(),
        throttled=life.throttled.sum(),
        active_hours=life.count(),
        span=life.hour.max() - life.hour.min() + 1,
        gaps=life.gaps.sum(),
        gap_sum=life.gap_sum.sum(),
        gap_squares=life.gap_squares.sum(),
        first_day=life.n.sum(where=life.hour < life.start + 24),
    )
    mean = totals.gap_sum / totals.gaps.nullif(0)
    # rounding can take the variance of equal gaps a little below nothing
    variance = ibis.greatest(totals.gap_squares / totals.gaps.nullif(0) - mean * mean, 0.0)
    totals = totals.mutate(gap_cv=variance.sqrt() / mean.nullif(0)).drop("gap_sum", "gap_squares")
    return totals.join(_entropy(h), "account_id").join(_change(h), "account_id")


def _entropy(h: ir.Table) -> ir.Table:
    by_hour = h.group_by("account_id", of_day=h.hour % 24).aggregate(n=h.n.sum())
    share = by_hour.n / by_hour.n.sum().over(group_by="account_id")
    by_hour = by_hour.mutate(share=share)
    return by_hour.group_by("account_id").aggregate(
        hour_entropy=-(by_hour.share * by_hour.share.ln()).sum()
    )


def _change(h: ir.Table) -> ir.Table:
    """CUSUM upwards over the logarithm of the active days, against the account's own mean and
    spread: S_t = C_t − min(0, C_1 … C_t) with C the sum of (x − mean) / spread − STEP."""
    days = h.group_by("account_id", day=h.hour // 24).aggregate(n=h.n.sum())
    days = days.mutate(x=days.n.cast("float64").ln())
    own = ibis.window(group_by="account_id")
    centred = days.mutate(
        mean=days.x.mean().over(own),
        square=(days.x * days.x).mean().over(own),
    )
    spread = ibis.greatest(centred.square - centred.mean * centred.mean, 0.0).sqrt()
    steps = centred.mutate(
        step=(centred.x - centred.mean) / ibis.greatest(spread, LEAST_SPREAD) - STEP
    )
    until = ibis.cumulative_window(group_by="account_id", order_by="day")
    summed = steps.mutate(total=steps.step.sum().over(until))
    lowest = ibis.least(summed.total.min().over(until), 0.0)
    risen = summed.mutate(risen=summed.total - lowest)
    return risen.group_by("account_id").aggregate(
        active_days=risen.count(),
        change=risen.risen.max(),
        change_day=risen.day.argmax(risen.risen),
    )


def saturation(requests: ir.Table, hourly: ir.Table) -> ir.Table:
    """account_id, minutes, at_limit: of accounts that were ever throttled, the minutes in which
    they sent and those at their limit: throttled, or within 5 % of the most that went through in
    any minute. An account that was never throttled has no limit that we know."""
    limited = hourly.filter(hourly.throttled > 0).select("account_id").distinct()
    t = requests.semi_join(limited, "account_id")
    t = t.select(
        "account_id",
        minute=second(t) // 60,
        throttled=ibis.coalesce(t.status, "") == THROTTLED,
    )
    minutes = t.group_by("account_id", "minute").aggregate(
        passed=(~t.throttled).sum(), throttled=t.throttled.sum()
    )
    minutes = minutes.mutate(cap=minutes.passed.max().over(group_by="account_id"))
    full = (minutes.throttled > 0) | (minutes.passed >= minutes.cap * NEAR)
    return minutes.group_by("account_id").aggregate(minutes=minutes.count(), at_limit=full.sum())
