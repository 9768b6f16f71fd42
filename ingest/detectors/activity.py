"""What accounts did hour by hour on each model: for the desk's plots, from the logs alone."""

from collections.abc import Iterator
from datetime import UTC

import ibis
import ibis.expr.types as ir

from ingest.detectors.findings import digest
from ingest.wire import ActivityHour

REFUSALS = ("refusal", "content_filter", "safety", "blocked")
ROWS_AT_ONCE = 50_000  # as objects of Python, which are large
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
    counts = ("requests", "refusals", *TOKENS)
    hours = hours.mutate(**{name: hours[name].cast("int64") for name in counts})
    table = hours.order_by("account_id", "hour", "model").to_pyarrow()
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        columns = batch.to_pydict()
        told = zip(*(columns[name] for name in counts), strict=True)
        for account, hour, model, row in zip(
            columns["account_id"], columns["hour"], columns["model"], told, strict=True
        ):
            known = {n: value for n, value in zip(counts, row, strict=True) if value is not None}
            yield account, ActivityHour(hour=hour.replace(tzinfo=UTC), model=model, **known)


def controls(accounts: list[str], number: int) -> list[str]:
    """A sample of accounts that is the same on every run: those with the smallest digests."""
    return sorted(accounts, key=digest)[:number]
