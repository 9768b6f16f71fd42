"""Where the platform has moved on from what our orders did: others ban, and others reinstate."""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from cases.models import Case, EnforcementItem, TimelineEvent
from cases.services.timeline import append_event

# the last order about each target that took effect, and what the platform says since, if another
# than one of our orders made it so
LAST = """
SELECT DISTINCT ON (i.account_id, i.target) i.id, i.account_id, i.target, e.target_kind,
       e.case_id, i.state_after, i.finished_at, i.drifted_at
FROM cases_enforcementitem i JOIN cases_enforcement e ON e.id = i.enforcement_id
WHERE i.state = 'done' AND i.state_after <> '' AND e.connector_id IS NOT NULL
  AND e.target_kind <> 'organisation'
  AND EXISTS (SELECT FROM ingest_platformreport r WHERE r.account_id = i.account_id)
ORDER BY i.account_id, i.target, i.finished_at DESC, i.id DESC
"""
NOW = f"""
SELECT l.id, l.case_id, l.drifted_at,
       coalesce(p.state_at, a.state_at) AS at,
       coalesce(p.state, a.state) <> l.state_after
         AND coalesce(p.state_at, a.state_at) > l.finished_at
         AND coalesce(p.state_actor, a.state_actor) !~ '^O-[0-9]+$' AS drifts,
       coalesce(p.state, a.state) AS state
FROM ({LAST}) l JOIN ingest_account a ON a.id = l.account_id
LEFT JOIN ingest_accountpart p
    ON l.target <> '' AND p.account_id = l.account_id AND p.kind = l.target_kind
    AND p.external_id = l.target
"""
MARK = f"""
WITH now AS ({NOW}), marked AS (
    UPDATE cases_enforcementitem i SET drifted_at = CASE WHEN n.drifts THEN n.at END
    FROM now n
    WHERE i.id = n.id AND i.drifted_at IS DISTINCT FROM CASE WHEN n.drifts THEN n.at END
    RETURNING n.case_id, n.state, n.drifts
), old AS (
    UPDATE cases_enforcementitem i SET drifted_at = NULL
    WHERE i.drifted_at IS NOT NULL AND i.id NOT IN (SELECT id FROM now)
)
SELECT case_id, state, count(*) FROM marked WHERE drifts GROUP BY 1, 2 ORDER BY 1, 2
"""

SKIP = """
UPDATE cases_enforcementitem t
SET state = 'skipped', due_at = NULL, finished_at = %s,
    last_error = left('reinstated by ' || found.actor || ' since the order was asked for', 300)
FROM (
    SELECT DISTINCT ON (i.id) i.id, r.actor
    FROM cases_enforcement e
    JOIN cases_enforcementitem i ON i.enforcement_id = e.id AND i.state = 'waiting'
    JOIN ingest_account a ON a.id = i.account_id AND a.state = 'active'
    JOIN ingest_platformreport r ON r.account_id = a.id AND r.part_id IS NULL
        AND r.state = 'active' AND r.at > e.requested_at AND r.at = a.state_at
    WHERE e.state = 'running' AND e.kind IN ('verify', 'limit', 'suspend') AND i.target = ''
      AND e.selection ->> 'by' IS DISTINCT FROM 'selection'
    ORDER BY i.id, r.id DESC
) found
WHERE t.id = found.id AND t.state = 'waiting'
"""


@dataclass(frozen=True)
class Drifted:
    case: int
    accounts: int
    says: str


@transaction.atomic
def mark_drift() -> list[Drifted]:
    """The sweep: mark items whose target is not as we left it, and say so once on their cases."""
    with connection.cursor() as cursor:
        cursor.execute(MARK)
        rows = cursor.fetchall()
    told: dict[int, list[tuple[str, int]]] = {}
    for case, state, number in rows:
        told.setdefault(case, []).append((state, number))
    found = []
    for pk, states in sorted(told.items()):
        says = ", ".join(f"{number:,} {state} now" for state, number in states)
        drifted = Drifted(pk, sum(number for _, number in states), says)
        append_event(
            Case.objects.get(pk=pk),
            TimelineEvent.Kind.PLATFORM_DRIFTED,
            actor=None,
            content={"accounts": drifted.accounts, "says": says},
        )
        found.append(drifted)
    return found


def drifted_items() -> QuerySet[EnforcementItem]:
    """Items whose target others have changed since, newest first."""
    return EnforcementItem.objects.filter(drifted_at__isnull=False).order_by("-drifted_at", "-pk")


def skip_reinstated() -> int:
    """Leave out of running orders whom others reinstated after the order was asked for.

    Their word is not overwritten in silence: whoever still wants it names the account anew.
    """
    with connection.cursor() as cursor:
        cursor.execute(SKIP, [timezone.now()])
        return cursor.rowcount
