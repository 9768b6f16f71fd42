"""What accounts did hour by hour on each model: for the desk's plots, from the logs alone."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir
import pandas as pd

from ingest.detectors.findings import digest
from ingest.detectors.population import moment
from ingest.wire import ActivityHour

REFUSALS = ("refusal", "content_filter", "safety", "blocked")
TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")


def hourly_activity(requests: ir.Table, accounts: list[str]) -> Iterator[tuple[str, ActivityHour]]:
    """(account, hour) for these accounts. A sum of nothing recorded is null, not 0."""
    if not accounts:
        return
    names = ibis.memtable({"account_id": sorted(accounts)})
    t = requests.semi_join(names, "account_id")
    told = t.stop_reason.notnull()
    refused = t.stop_reason.lower().isin(REFUSALS)
    hours = t.group_by(
        "account_id", hour=t["at"].truncate("h"), model=ibis.coalesce(t.model, ibis.literal(""))
    ).aggregate(
        requests=t.count(),
        refusals=told.any().ifelse(refused.sum(), ibis.null("int64")),
        **{name: t[name].sum() for name in TOKENS},
    )
    for row in hours.order_by("account_id", "hour", "model").execute().itertuples(index=False):
        counts = {name: getattr(row, name) for name in ("refusals", *TOKENS)}
        yield (
            row.account_id,
            ActivityHour(
                hour=moment(row.hour),
                model=row.model,
                requests=int(row.requests),
                **{name: int(value) for name, value in counts.items() if not pd.isna(value)},
            ),
        )


def controls(accounts: list[str], number: int) -> list[str]:
    """A sample of accounts that is the same on every run: those with the smallest digests."""
    return sorted(accounts, key=digest)[:number]
