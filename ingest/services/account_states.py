from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction


@dataclass(frozen=True)
class ReadBack:
    """account: its primary key. kind and part: a key or end user of it; empty: the account."""

    account: int
    state: str
    actor: str
    reason: str
    kind: str = ""
    part: str = ""


@transaction.atomic
def record_read_back(rows: Iterable[ReadBack], *, at: datetime) -> int:
    """Note what a platform said, when asked, of many accounts and their parts.

    Where something at least as recent is noted, that stays; a part that the platform never told
    of is left out. Returns how many were noted.
    """
    rows = list(rows)
    return _accounts([row for row in rows if not row.part], at) + _parts(
        [row for row in rows if row.part], at
    )


def _accounts(rows: list[ReadBack], at: datetime) -> int:
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE ingest_account a
            SET state = v.state, state_actor = v.actor, state_reason = v.reason, state_at = %s
            FROM (
                -- by name, as deliveries lock them, or the two would wait for each other
                SELECT held.id FROM ingest_account held WHERE held.id = ANY(%s::bigint[])
                ORDER BY held.external_id FOR NO KEY UPDATE
            ) held
            JOIN unnest(%s::bigint[], %s::text[], %s::text[], %s::text[])
                v(id, state, actor, reason) ON v.id = held.id
            WHERE a.id = held.id AND (a.state_at IS NULL OR a.state_at < %s)
            """,
            [
                at,
                [row.account for row in rows],
                *_columns(rows),
                at,
            ],
        )
        return cursor.rowcount


def _parts(rows: list[ReadBack], at: datetime) -> int:
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE ingest_accountpart p
            SET state = v.state, state_actor = v.actor, state_reason = v.reason, state_at = %s
            FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
                v(id, state, actor, reason, kind, part)
            WHERE p.account_id = v.id AND p.kind = v.kind AND p.external_id = v.part
              AND (p.state_at IS NULL OR p.state_at < %s)
            """,
            [
                at,
                *_columns(rows),
                [row.kind for row in rows],
                [row.part for row in rows],
                at,
            ],
        )
        return cursor.rowcount


def _columns(rows: list[ReadBack]) -> list[list]:
    return [
        [row.account for row in rows],
        [row.state for row in rows],
        [_plain(row.actor)[:120] for row in rows],
        [_plain(row.reason)[:300] for row in rows],
    ]


def _plain(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
