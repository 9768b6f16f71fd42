"""What came after an action: return traffic at 1, 7 and 30 days, tokens before, time to action.

Counted from rows by a sweep and kept, since a page must not add up a month of hours. Each figure
that cannot be known says why instead of being 0. docs/grouping.md, "Waves".
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from cases.models import Aftermath
from cases.services.successors import ACTS
from ingest.models import Census, ContextEvent, Detector, DetectorRun

DAYS = (1, 7, 30)
FRESH = timedelta(minutes=10)  # figures younger than this are not counted again
WATCHED = timedelta(days=DAYS[-1]) + timedelta(days=7)  # later nothing of them changes
BATCH = 20  # orders a sweep counts, those that were counted longest ago first
SHOWN = "%-d %b %H:%M"

DUE = """
SELECT e.id, min(i.finished_at), count(*)
FROM cases_enforcement e
JOIN cases_enforcementitem i ON i.enforcement_id = e.id AND i.state = 'done'
LEFT JOIN cases_aftermath a ON a.order_id = e.id
WHERE e.state = 'done' AND e.kind = ANY(%(kinds)s)
  AND (a.id IS NULL OR (e.finished_at > %(watched)s AND a.as_of <= %(fresh)s))
GROUP BY e.id, a.as_of ORDER BY a.as_of NULLS FIRST, e.id LIMIT %(batch)s
"""
# the two sides of each order: accounts acted upon before it, accounts of the next waves after it
SIDES = """
WITH o AS (
    SELECT * FROM unnest(%(orders)s::bigint[], %(acted)s::timestamptz[]) o (id, acted_at)
), sides AS (
    SELECT o.id, o.acted_at, i.account_id, 'before' AS side
    FROM o JOIN cases_enforcementitem i ON i.enforcement_id = o.id AND i.state = 'done'
    UNION
    SELECT o.id, o.acted_at, m.account_id, 'after'
    FROM o JOIN cases_case w ON w.after_order_id = o.id AND w.predecessor_id IS NOT NULL
    JOIN cases_member m ON m.case_id = COALESCE(w.merged_into_id, w.id)
        AND m.left_at IS NULL AND m.verdict <> 'out'
    JOIN ingest_account a ON a.id = m.account_id AND a.first_seen_at > o.acted_at
)
"""
TRAFFIC = f"""{SIDES}
SELECT s.id, s.side, count(DISTINCT s.account_id),
       {
    ", ".join(
        f"COALESCE(sum(h.requests) FILTER (WHERE h.distance < {day} * interval '1 day'), 0),"
        f" count(DISTINCT s.account_id) FILTER (WHERE h.distance < {day} * interval '1 day')"
        for day in DAYS
    )
}
FROM sides s
LEFT JOIN LATERAL (
    SELECT h.requests, CASE s.side WHEN 'before' THEN date_trunc('hour', s.acted_at) - h.hour
                                   ELSE h.hour - date_trunc('hour', s.acted_at) END AS distance
    FROM ingest_activityhour h
    WHERE h.account_id = s.account_id AND h.requests > 0 AND CASE s.side
        WHEN 'before' THEN h.hour < date_trunc('hour', s.acted_at)
            AND h.hour >= date_trunc('hour', s.acted_at) - {DAYS[-1]} * interval '1 day'
        ELSE h.hour >= date_trunc('hour', s.acted_at)
            AND h.hour < date_trunc('hour', s.acted_at) + {DAYS[-1]} * interval '1 day' END
) h ON true
GROUP BY 1, 2
"""
TAKEN = f"""{SIDES}
SELECT s.id, sum(h.output_tokens), count(*) FILTER (WHERE h.output_tokens IS NULL)
FROM sides s JOIN ingest_activityhour h
    ON h.account_id = s.account_id AND h.hour < date_trunc('hour', s.acted_at)
WHERE s.side = 'before' GROUP BY 1
"""
HEARD = f"""{SIDES}
SELECT s.id, min(g.received_at) FROM sides s JOIN ingest_signal g ON g.account_id = s.account_id
WHERE s.side = 'before' AND g.received_at <= s.acted_at GROUP BY 1
"""


def count_aftermaths(now: datetime | None = None) -> list[Aftermath]:
    """The sweep: count what is due, in a constant number of queries. Returns the rows written."""
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            DUE,
            {"kinds": list(ACTS), "watched": now - WATCHED, "fresh": now - FRESH, "batch": BATCH},
        )
        due = cursor.fetchall()
        if not due:
            return []
        asked = {"orders": [row[0] for row in due], "acted": [row[1] for row in due]}
        cursor.execute(TRAFFIC, asked)
        traffic = {(order, side): figures for order, side, *figures in cursor.fetchall()}
        cursor.execute(TAKEN, asked)
        taken = {order: figures for order, *figures in cursor.fetchall()}
        cursor.execute(HEARD, asked)
        heard = dict(cursor.fetchall())
    known = Known(now)
    rows = []
    for order, acted_at, accounts in due:
        before = traffic.get((order, "before"), [0] * (1 + 2 * len(DAYS)))
        after = traffic.get((order, "after"), [0] * (1 + 2 * len(DAYS)))
        tokens, missing = taken.get(order, (None, 0))
        rows.append(
            Aftermath(
                order_id=order,
                acted_at=acted_at,
                accounts=accounts,
                tokens_before=tokens,
                hours_missing=missing,
                first_signal_at=heard.get(order),
                successors=after[0],
                returned={
                    str(days): _returned(days, acted_at, before[1 + 2 * at : 3 + 2 * at],
                                         after[1 + 2 * at : 3 + 2 * at], known)
                    for at, days in enumerate(DAYS)
                },
                as_of=now,
            )
        )  # fmt: skip
    Aftermath.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["order"],
        update_fields=[
            "acted_at", "accounts", "tokens_before", "hours_missing", "first_signal_at",
            "successors", "returned", "as_of",
        ],
    )  # fmt: skip
    return rows


def _returned(days: int, acted_at: datetime, before, after, known: "Known") -> dict:
    """One window. Null where nothing can be said; what was counted stands beside the reason."""
    hour = acted_at.replace(minute=0, second=0, microsecond=0)
    start, end = hour - timedelta(days=days), hour + timedelta(days=days)
    unknown = known.why_not(start, end)
    if not unknown and not before[0]:
        unknown = "no request of the accounts acted upon is known before the action"
    return {
        "requests_before": int(before[0]), "accounts_before": int(before[1]),
        "requests_after": int(after[0]), "accounts_after": int(after[1]),
        "start": start.isoformat(), "end": end.isoformat(), "unknown": unknown,
        "share": None if unknown else int(after[0]) / int(before[0]),
        "accounts_share": (
            None if unknown or not before[1] else int(after[1]) / int(before[1])
        ),
    }  # fmt: skip


class Known:
    """Which hours can be spoken of: counted by logs, without outage, with every detector heard."""

    def __init__(self, now: datetime):
        self.now = now
        spans = list(Census.objects.values_list("window_start", "window_end"))
        spans += DetectorRun.objects.filter(state=DetectorRun.State.DONE).values_list(
            "window_start", "window_end"
        )
        self.covered = joined(spans)
        self.outages = list(
            ContextEvent.objects.filter(
                kind__in=[ContextEvent.Kind.OUTAGE, ContextEvent.Kind.SILENCE]
            )
            .filter(Q(end_at=None) | Q(end_at__gte=now - WATCHED - timedelta(days=DAYS[-1])))
            .order_by("start_at")
        )
        self.silent = [
            detector
            for detector in Detector.objects.filter(enabled=True, expected_interval__isnull=False)
            if detector.last_heard_at is None
            or now - detector.last_heard_at > detector.expected_interval
        ]

    def why_not(self, start: datetime, end: datetime) -> str:
        """Why the hours from start to end cannot be compared; "" when they can."""
        if end > self.now:
            return f"not over yet: known from {end:{SHOWN}}"
        for outage in self.outages:
            if outage.start_at < end and (outage.end_at is None or outage.end_at > start):
                return f"{outage.label}: {outage.get_kind_display()} from {outage.start_at:{SHOWN}}"
        for detector in self.silent:
            if detector.last_heard_at is None or detector.last_heard_at < end:
                since = detector.last_heard_at
                return f"detector {detector.slug} is silent" + (
                    f" since {since:{SHOWN}}" if since else ""
                )
        at = start
        for low, high in self.covered:
            if low > at:
                break
            at = max(at, high)
            if at >= end:
                return ""
        if not self.covered:
            return "nothing tells which hours the logs cover"
        return f"the logs do not cover the hours from {at:{SHOWN}}"


def joined(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Spans in order, those that touch made one. The last hour of a window counts as covered."""
    answer: list[tuple[datetime, datetime]] = []
    for low, high in sorted(spans):
        high += timedelta(hours=1)
        if answer and low <= answer[-1][1]:
            answer[-1] = (answer[-1][0], max(answer[-1][1], high))
        else:
            answer.append((low, high))
    return answer
