"""What the platform says of accounts: kept once each, the newest is what we believe."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection, transaction

from ingest.platform_wire import Told
from ingest.wire import Rejected

STAGE = """
CREATE TEMP TABLE stage_state (
    line int, account text, kind text, part text, aggregate bool, state text, actor text,
    reason text, at timestamptz, account_id bigint, part_id bigint
) ON COMMIT DROP
"""
COPY = """
COPY stage_state (line, account, kind, part, aggregate, state, actor, reason, at) FROM STDIN
"""
# by name, as deliveries lock them, or the two would wait for each other
HOLD = """
SELECT a.id FROM ingest_account a
WHERE a.external_id IN (SELECT account FROM stage_state) ORDER BY a.external_id FOR NO KEY UPDATE
"""
ACCOUNTS = """
UPDATE stage_state s SET account_id = a.id FROM ingest_account a WHERE a.external_id = s.account
"""
NEW_PARTS = """
INSERT INTO ingest_accountpart (account_id, kind, external_id, is_aggregate, state, state_actor,
                                state_reason)
SELECT DISTINCT account_id, kind, part, false, 'active', '', '' FROM stage_state
WHERE account_id IS NOT NULL AND kind <> '' ORDER BY 1, 2, 3
ON CONFLICT (account_id, kind, external_id) DO NOTHING
"""
PARTS = """
UPDATE stage_state s SET part_id = p.id FROM ingest_accountpart p
WHERE p.account_id = s.account_id AND p.kind = s.kind AND p.external_id = s.part
"""
KEEP = """
INSERT INTO ingest_platformreport (account_id, part_id, state, actor, reason, at, received_at,
                                   source)
SELECT account_id, part_id, state, actor, reason, at, now(), %s FROM stage_state
WHERE account_id IS NOT NULL ORDER BY line
ON CONFLICT (account_id, part_id, at, state, actor) DO NOTHING
"""
NEWEST = """
UPDATE {table} t SET state = s.state, state_actor = s.actor, state_reason = s.reason,
                     state_at = s.at
FROM (
    SELECT DISTINCT ON ({key}) {key} AS id, state, actor, reason, at FROM stage_state
    WHERE account_id IS NOT NULL AND {of} ORDER BY {key}, at DESC, line DESC
) s
WHERE t.id = s.id AND (t.state_at IS NULL OR t.state_at < s.at)
"""
CROWDS = """
UPDATE {table} t SET is_aggregate = s.aggregate
FROM (
    SELECT DISTINCT ON ({key}) {key} AS id, aggregate FROM stage_state
    WHERE account_id IS NOT NULL AND aggregate IS NOT NULL AND {of}
    ORDER BY {key}, at DESC, line DESC
) s
WHERE t.id = s.id AND t.is_aggregate <> s.aggregate
"""
TABLES = (
    {"table": "ingest_account", "key": "account_id", "of": "kind = ''"},
    {"table": "ingest_accountpart", "key": "part_id", "of": "kind <> ''"},
)


@dataclass
class StateReceipt:
    """stored: told for the first time. changed: accounts and parts whose state moved by it."""

    stored: int = 0
    repeated: int = 0
    changed: int = 0
    rejected: list[Rejected] = field(default_factory=list)


@transaction.atomic
def record_platform_states(records: Iterable[Told | Rejected], *, source: str) -> StateReceipt:
    """Keep what a platform tells, and bring accounts and their parts up to the newest of it.

    News may come late and twice. An account that is not known is rejected: it comes with its first
    signal or census. source: how it came, api or the file's name.
    """
    receipt, told = StateReceipt(), []
    for record in records:
        (told if isinstance(record, Told) else receipt.rejected).append(record)
    with connection.cursor() as cursor:
        cursor.execute(STAGE)
        with cursor.copy(COPY) as copy:
            for one in told:
                kind, part = one.report.part
                copy.write_row(
                    (
                        one.line, one.report.account, kind, part, one.report.aggregate,
                        one.report.state, one.report.actor, one.report.reason, one.report.at,
                    )
                )  # fmt: skip
        cursor.execute(HOLD)
        cursor.execute(ACCOUNTS)
        cursor.execute("SELECT line FROM stage_state WHERE account_id IS NULL ORDER BY line")
        unknown = [line for (line,) in cursor.fetchall()]
        cursor.execute(NEW_PARTS)
        cursor.execute(PARTS)
        cursor.execute(KEEP, [source[:40]])
        receipt.stored = cursor.rowcount
        for table in TABLES:
            cursor.execute(NEWEST.format(**table))
            receipt.changed += cursor.rowcount
            cursor.execute(CROWDS.format(**table))
        cursor.execute("DROP TABLE stage_state")
    receipt.repeated = len(told) - len(unknown) - receipt.stored
    receipt.rejected += [
        Rejected(line, "account", "is not known: it comes with its first signal", b"")
        for line in unknown
    ]
    receipt.rejected.sort(key=lambda one: one.line)
    return receipt
