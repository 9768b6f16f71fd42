"""Usage exports of OpenAI and Anthropic: totals per bucket of time. Evidence of rates and no more:
no requests one by one, no prompts, no addresses.

Source: OpenAI, GET /v1/organization/usage/completions (input_tokens include cached ones);
Anthropic, GET /v1/organizations/usage_report/messages (uncached, cache reads and cache writes are
counted apart; no number of requests, which stays unknown). Fields that an export is not grouped by
are null.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta

import duckdb
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from ingest.readers.duck import run, text, view
from ingest.readers.errors import LogError
from ingest.readers.files import broken
from ingest.readers.found import Found
from ingest.readers.gaps import Gap
from ingest.readers.json_files import json_source
from ingest.wire import ActivityHour

OPENAI, ANTHROPIC = "openai-usage", "anthropic-usage"
HOUR = timedelta(hours=1)
# what an export may be grouped by, the likeliest account first
KEYS = {
    OPENAI: ("user_id", "project_id", "api_key_id"),
    ANTHROPIC: ("account_id", "api_key_id", "service_account_id", "workspace_id"),
}
ORGANISATION = {OPENAI: "project_id", ANTHROPIC: "workspace_id"}
REST = {
    OPENAI: ("model", "batch", "service_tier"),
    ANTHROPIC: ("model", "service_tier", "context_window", "inference_geo", "speed"),
}
BOUNDS = {OPENAI: ("start_time", "end_time"), ANTHROPIC: ("starting_at", "ending_at")}
FIGURES = {
    OPENAI: {
        "requests": ("num_model_requests",),
        "input_tokens": ("input_tokens",),
        "cached_tokens": ("input_cached_tokens",),
        "output_tokens": ("output_tokens",),
    },
    ANTHROPIC: {
        "requests": (),
        "input_tokens": (
            "uncached_input_tokens", "cache_read_input_tokens",
            "cache_creation.ephemeral_1h_input_tokens", "cache_creation.ephemeral_5m_input_tokens",
        ),
        "cached_tokens": ("cache_read_input_tokens",),
        "output_tokens": ("output_tokens",),
    },
}  # fmt: skip
NO_MORE = Gap(
    "",
    "a usage export holds totals: rates are known, and nothing of prompts, addresses, payment or "
    "single requests; template, content, behaviour, timing and network are not tested",
)


@dataclass(frozen=True)
class Usage:
    """Totals of a usage export. buckets: account_id, organisation ("" not recorded), model (""),
    start, end (UTC without a zone), requests, input_tokens (cached ones included), cached_tokens,
    output_tokens; null is not recorded."""

    form: str
    buckets: ir.Table
    width: timedelta
    account: str  # the field of the export that stands for the account
    lines: int  # results read
    repeated: int
    without_account: int
    gaps: tuple[Gap, ...]

    def hours(self) -> Iterator[tuple[str, ActivityHour]]:
        """(account, hour), as record_activity takes them. Nothing where a bucket is longer than an
        hour, or where the number of requests is not recorded: gaps says so."""
        if self.width > HOUR or self.form == ANTHROPIC:
            return
        t = self.buckets
        figures = [name for name in FIGURES[self.form] if name != "requests"]
        hours = t.group_by("account_id", "model", hour=t.start.truncate("h")).aggregate(
            requests=t.requests.sum(), **{name: t[name].sum() for name in figures}
        )
        for row in hours.order_by("account_id", "hour", "model").to_pyarrow().to_pylist():
            counts = {name: row[name] for name in figures if row[name] is not None}
            hour = row["hour"].replace(tzinfo=UTC)
            if row["requests"] is not None:
                activity = ActivityHour(
                    hour=hour, model=row["model"], requests=row["requests"], **counts
                )
                yield row["account_id"], activity


def form_of(connection: Backend, found: Found, columns: set[str]) -> str | None:
    """Which usage export the files are, if any; columns in small letters."""
    for form, bounds in BOUNDS.items():
        if {*bounds, "results"} <= columns:
            return form
    if not {"data", "has_more"} <= columns:
        return None
    source = json_source(found, {"data": "JSON"})
    try:
        pages = run(
            connection,
            f"SELECT json_keys(data, '$[0]') FROM {source} "
            "WHERE json_array_length(data) > 0 LIMIT 1",
        )
    except duckdb.Error as error:
        raise broken(error, found) from None
    keys = set(pages[0][0] or ()) if pages else set()
    return next((form for form, bounds in BOUNDS.items() if {*bounds, "results"} <= keys), None)


def open_usage(connection: Backend, found: Found, form: str, mapping: dict[str, str]) -> Usage:
    """Raises LogError: no account in the export, buckets of several widths, no results."""
    try:
        return _open(connection, found, form, mapping)
    except duckdb.Error as error:
        raise broken(error, found) from None


def _open(connection: Backend, found: Found, form: str, mapping: dict[str, str]) -> Usage:
    for target, key in mapping.items():
        if target != "account_id" or key not in KEYS[form]:
            raise LogError(
                f"--map {target}={key}: of a usage export only the account can be chosen, by "
                + " or ".join(f"--map account_id={name}" for name in KEYS[form])
            )
    run(connection, f"CREATE TEMP TABLE usage_rows AS {_rows(found, form)}")
    present = ", ".join(f"count({key})" for key in KEYS[form])
    [(lines, *counts)] = run(connection, f"SELECT count(*), {present} FROM usage_rows")
    if not lines:
        raise LogError(f"{found.location} is a usage export without results")
    recorded = [key for key, n in zip(KEYS[form], counts, strict=True) if n]
    account = mapping.get("account_id") or (recorded[0] if recorded else None)
    if account not in recorded:
        raise LogError(
            f"{found.location}: no result names {account or 'an account'}: export it grouped by "
            f"{account or KEYS[form][0]} and model; it is grouped by "
            f"{', '.join(recorded) or 'nobody'}"
        )
    [(without_account, unplaced)] = run(
        connection,
        f"SELECT count(*) FILTER ({account} IS NULL), "
        'count(*) FILTER ("start" IS NULL OR "end" IS NULL OR "end" <= "start") FROM usage_rows',
    )
    if unplaced:
        raise LogError(
            f"{found.location}: {unplaced:,} results are in a bucket without readable "
            f"{' and '.join(BOUNDS[form])}: export them again"
        )
    widths = run(connection, 'SELECT DISTINCT "end" - "start" FROM usage_rows ORDER BY 1')
    if len(widths) > 1:
        raise LogError(
            f"{found.location} has buckets of {' and '.join(str(row[0]) for row in widths[:4])}, "
            "which may hold the same requests twice: name the files of one bucket_width"
        )
    identity = ", ".join(('"start"', '"end"', *KEYS[form], *REST[form]))
    figures = ", ".join(f"max({name}) AS {name}" for name in FIGURES[form])
    # a bucket that was exported while it ran comes again, larger
    run(
        connection,
        "CREATE TEMP TABLE usage_once AS "
        f"SELECT {identity}, {figures} FROM usage_rows GROUP BY {identity}",
    )
    [(once,)] = run(connection, "SELECT count(*) FROM usage_once")
    organisation = ORGANISATION[form]
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in FIGURES[form])
    buckets = view(
        connection,
        f"SELECT {account} AS account_id, "
        f"coalesce({organisation if account != organisation else 'NULL'}, '') AS organisation, "
        f'coalesce(model, \'\') AS model, "start", "end", {sums} FROM usage_once '
        f"WHERE {account} IS NOT NULL GROUP BY ALL",
    )
    width = widths[0][0]
    return Usage(
        form, buckets, width, account, lines, lines - once, without_account,
        tuple(_gaps(connection, found, form, width, without_account)),
    )  # fmt: skip


def _gaps(
    connection: Backend, found: Found, form: str, width: timedelta, without: int
) -> Iterator[Gap]:
    yield NO_MORE
    if form == ANTHROPIC:
        yield Gap("requests", "requests are not counted in this export: they stay unknown, not 0")
    if width > HOUR:
        yield Gap("hour", f"buckets of {width}: the hour of a request is not known")
    if without:
        yield Gap("account_id", f"left out, since they name no account: {without:,} results")
    [(models,)] = run(connection, "SELECT count(model) FROM usage_rows")
    if not models:
        yield Gap("model", "not grouped by model: tokens of all models are added up")
    pages = run(
        connection,
        f"SELECT count(*) FILTER (has_more = 'true'), count(*) FILTER (has_more = 'false') "
        f"FROM {json_source(found, {'has_more': 'VARCHAR'})}",
    )
    if pages[0][0] and not pages[0][1]:
        yield Gap("", "the last page is missing (has_more): later buckets are not here")


def _rows(found: Found, form: str) -> str:
    """SELECT of one row a result: its bucket, its keys, its figures."""
    start, end = BOUNDS[form]
    source = json_source(found, {"data": "JSON[]", start: "JSON", end: "JSON", "results": "JSON[]"})
    pages = (
        f"SELECT unnest(CASE WHEN data IS NOT NULL THEN data ELSE [json_object({text(start)}, "
        f"{start}, {text(end)}, {end}, 'results', results)] END) AS bucket FROM {source}"
    )
    results = (
        f"SELECT bucket ->> {text(start)} AS s, bucket ->> {text(end)} AS e, "
        f"unnest(json_extract(bucket, '$.results[*]')) AS r FROM ({pages})"
    )
    moment = "try_cast({} AS TIMESTAMPTZ)"
    if form == OPENAI:  # seconds, from 1990 to 2100
        seconds = "try_cast({0} AS BIGINT)"
        moment = (
            f"CASE WHEN {seconds} BETWEEN 631152000 AND 4102444800 THEN to_timestamp({seconds}) END"
        )
    keys = ", ".join(f"nullif(r ->> {text(key)}, '') AS {key}" for key in KEYS[form] + REST[form])
    figures = ", ".join(f"{_total(parts)} AS {figure}" for figure, parts in FIGURES[form].items())
    return (
        f'SELECT ({moment.format("s")})::TIMESTAMP AS "start", '
        f'({moment.format("e")})::TIMESTAMP AS "end", {keys}, {figures} FROM ({results})'
    )


def _total(parts: tuple[str, ...]) -> str:
    """The sum of what is recorded; null where none of it is, and where one is negative."""
    if not parts:
        return "NULL::BIGINT"
    values = [f"try_cast(json_extract_string(r, {text('$.' + part)}) AS BIGINT)" for part in parts]
    least = ", ".join(f"coalesce({value}, 0)" for value in values)
    total = " + ".join(f"coalesce({value}, 0)" for value in values)
    any_of = " OR ".join(f"{value} IS NOT NULL" for value in values)
    return f"CASE WHEN ({any_of}) AND least({least}) >= 0 THEN {total} END"
