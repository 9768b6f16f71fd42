"""Rows come in by COPY and are merged by sets.

Every statement takes its locks in key order, and all callers use them in the order of this file,
so that two deliveries of the same rows wait for each other and never deadlock. Rows that would not
change are left alone: a popular attribute is not locked by each delivery that names it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

# Columns that are compared with a bytewise column of ours are bytewise too, or no index serves.
# Moments are seconds since 1970: a fifth of the work of writing and reading dates.
_ACCOUNT = """
    external_id text COLLATE "C", organisation text COLLATE "C", plan text,
    created_at float8, is_aggregate boolean,
    first_seen_at float8, last_seen_at float8
"""
TABLES = {
    "stage_signal": f"""
        line bigint, ref text COLLATE "C", digest text, {_ACCOUNT},
        window_start float8, window_end float8, score float8, p_value float8,
        accounts_tested integer, base_rate float8,
        summary text, evidence jsonb, samples jsonb, group_key text, detector_version text
    """,
    "stage_attribute": """
        kind text, value text COLLATE "C", label text,
        accounts integer, organisations integer, population integer, hub text
    """,
    "stage_use": """
        external_id text COLLATE "C", kind text, value text COLLATE "C",
        first_at float8, last_at float8, count integer
    """,
    "stage_population_use": f"""
        {_ACCOUNT}, kind text, value text COLLATE "C",
        first_at float8, last_at float8, count integer
    """,
    "stage_hour": """
        external_id text COLLATE "C", hour float8, model text COLLATE "C",
        requests integer, input_tokens bigint, cached_tokens bigint, output_tokens bigint,
        reasoning_tokens bigint, refusals integer, templates integer, extraction_requests integer
    """,
    "stage_slot": """
        external_id text COLLATE "C", template text COLLATE "C", slot text COLLATE "C",
        first_at float8, count integer
    """,
}

# {source} is a staging table with the columns of an account.
MERGE_ACCOUNTS = """
    INSERT INTO ingest_account AS ours (
        external_id, organisation, plan, created_at, is_aggregate, first_seen_at, last_seen_at,
        state, state_actor, state_reason
    )
    SELECT external_id, max(organisation), max(plan), to_timestamp(min(created_at)),
           bool_or(is_aggregate), to_timestamp(min(first_seen_at)), to_timestamp(max(last_seen_at)),
           'active', '', ''
    FROM {source} GROUP BY external_id ORDER BY external_id
    ON CONFLICT (external_id) DO UPDATE SET
        organisation = coalesce(nullif(ours.organisation, ''), excluded.organisation),
        plan = coalesce(nullif(ours.plan, ''), excluded.plan),
        created_at = coalesce(ours.created_at, excluded.created_at),
        is_aggregate = ours.is_aggregate OR excluded.is_aggregate,
        first_seen_at = least(ours.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(ours.last_seen_at, excluded.last_seen_at)
    WHERE (ours.organisation = '' AND excluded.organisation <> '')
       OR (ours.plan = '' AND excluded.plan <> '')
       OR (ours.created_at IS NULL AND excluded.created_at IS NOT NULL)
       OR (excluded.is_aggregate AND NOT ours.is_aggregate)
       OR least(ours.first_seen_at, excluded.first_seen_at) IS DISTINCT FROM ours.first_seen_at
       OR greatest(ours.last_seen_at, excluded.last_seen_at) IS DISTINCT FROM ours.last_seen_at
"""

# Takes from stage_signal what is stored already, and tells the same from the changed.
TAKE_OUT_KNOWN = """
    DELETE FROM stage_signal AS s USING ingest_signal AS known
    WHERE known.detector_id = %(detector)s AND known.ref = s.ref AND known.batch_id <> %(batch)s
    RETURNING s.line, known.body_digest = s.digest
"""
INSERT_SIGNALS = """
    INSERT INTO ingest_signal (
        detector_id, batch_id, account_id, ref, body_digest, window_start, window_end, score,
        p_value, accounts_tested, base_rate, summary, evidence, samples, group_key,
        detector_version, received_at
    )
    SELECT %(detector)s, %(batch)s, account.id, s.ref, s.digest, to_timestamp(s.window_start),
           to_timestamp(s.window_end), s.score, s.p_value, s.accounts_tested, s.base_rate,
           s.summary, s.evidence, s.samples,
           s.group_key, s.detector_version, now()
    FROM stage_signal AS s JOIN ingest_account AS account USING (external_id)
    ORDER BY s.ref
    ON CONFLICT (detector_id, ref) DO NOTHING
"""


# Of several prevalences that detectors report, the one that makes a value most common stays,
# whatever the order in which they come. A census figure is never touched.
def _better(new: str) -> str:
    return f"""(
        {new}.accounts IS NOT NULL AND ours.census_id IS NULL AND (
            ours.accounts IS NULL
            OR ({new}.accounts::float8 / {new}.population, {new}.population)
               > (ours.accounts::float8 / ours.population, ours.population)
        )
    )"""


# One pass in key order over what is new and what gains: a pass for each would lock out of order.
MERGE_ATTRIBUTES = f"""
    INSERT INTO ingest_attribute AS ours (kind, value, label, accounts, organisations, population)
    SELECT s.kind, s.value, s.label, s.accounts, s.organisations, s.population
    FROM stage_attribute AS s
    LEFT JOIN ingest_attribute AS ours ON ours.kind = s.kind AND ours.value = s.value
    WHERE ours.id IS NULL OR (ours.label = '' AND s.label <> '') OR {_better("s")}
    ORDER BY s.kind, s.value
    ON CONFLICT (kind, value) DO UPDATE SET
        label = coalesce(nullif(ours.label, ''), excluded.label),
        (accounts, organisations, population) = (
            SELECT CASE WHEN gains THEN excluded.accounts ELSE ours.accounts END,
                   CASE WHEN gains THEN excluded.organisations ELSE ours.organisations END,
                   CASE WHEN gains THEN excluded.population ELSE ours.population END
            FROM (SELECT {_better("excluded")} AS gains) AS compared
        )
    WHERE (ours.label = '' AND excluded.label <> '') OR {_better("excluded")}
"""
# What is counted carries the census; what is only used stays as it is, or of unknown prevalence.
COUNT_ATTRIBUTES = """
    INSERT INTO ingest_attribute AS ours (
        kind, value, label, accounts, organisations, population, census_id, hub
    )
    SELECT kind, value, max(label), max(accounts), max(organisations), max(population),
           CASE WHEN max(accounts) IS NOT NULL THEN %(census)s END, max(hub)
    FROM (
        SELECT kind, value, label, accounts, organisations, population, hub FROM stage_attribute
        UNION ALL
        SELECT DISTINCT kind, value, '', NULL::integer, NULL::integer, NULL::integer, ''
        FROM stage_population_use
    ) AS named
    GROUP BY kind, value ORDER BY kind, value
    ON CONFLICT (kind, value) DO UPDATE SET
        label = coalesce(nullif(ours.label, ''), excluded.label),
        accounts = excluded.accounts,
        organisations = excluded.organisations,
        population = excluded.population,
        census_id = excluded.census_id,
        hub = excluded.hub
    WHERE excluded.census_id IS NOT NULL
"""

# {source} is a staging table with the columns of a use.
MERGE_USES = """
    INSERT INTO ingest_attributeuse AS ours (attribute_id, account_id, first_at, last_at, count)
    SELECT attribute.id, account.id, to_timestamp(min(s.first_at)), to_timestamp(max(s.last_at)),
           max(s.count)
    FROM {source} AS s
    JOIN ingest_account AS account USING (external_id)
    JOIN ingest_attribute AS attribute ON attribute.kind = s.kind AND attribute.value = s.value
    GROUP BY attribute.id, account.id ORDER BY attribute.id, account.id
    ON CONFLICT (attribute_id, account_id) DO UPDATE SET
        first_at = least(ours.first_at, excluded.first_at),
        last_at = greatest(ours.last_at, excluded.last_at),
        count = greatest(ours.count, excluded.count)
    WHERE least(ours.first_at, excluded.first_at) IS DISTINCT FROM ours.first_at
       OR greatest(ours.last_at, excluded.last_at) IS DISTINCT FROM ours.last_at
       OR excluded.count > ours.count
"""

_HOUR_FIGURES = (
    "requests", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens",
    "refusals", "templates", "extraction_requests",
)  # fmt: skip
MERGE_HOURS = f"""
    INSERT INTO ingest_activityhour AS ours (account_id, hour, model, {", ".join(_HOUR_FIGURES)})
    SELECT account.id, to_timestamp(s.hour), s.model,
           {", ".join(f"max(s.{name})" for name in _HOUR_FIGURES)}
    FROM stage_hour AS s JOIN ingest_account AS account USING (external_id)
    GROUP BY account.id, s.hour, s.model ORDER BY account.id, s.hour, s.model
    ON CONFLICT (account_id, hour, model) DO UPDATE SET
        {", ".join(f"{name} = greatest(ours.{name}, excluded.{name})" for name in _HOUR_FIGURES)}
    WHERE {
    " OR ".join(
        f"greatest(ours.{name}, excluded.{name}) IS DISTINCT FROM ours.{name}"
        for name in _HOUR_FIGURES
    )
}
"""


@contextmanager
def staging(*tables: str) -> Iterator:
    """A cursor with these staging tables, empty. Must run inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")  # a delivery is sorted in memory
        for table in tables:
            cursor.execute(f"CREATE TEMPORARY TABLE {table} ({TABLES[table]}) ON COMMIT DROP")
        yield cursor
        cursor.execute(f"DROP TABLE {', '.join(tables)}")  # a transaction may hold two deliveries


def copy_rows(cursor, table: str, rows: Iterable[tuple]) -> int:
    """COPY the rows into a staging table. Returns how many there were."""
    count = 0
    with connection.wrap_database_errors, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for count, row in enumerate(rows, start=1):  # noqa: B007
            copy.write_row(row)
    return count


def seconds(moment: datetime | None) -> float | None:
    """A moment with a zone as a staging table holds it, exact to the microsecond."""
    return moment.timestamp() if moment is not None else None
