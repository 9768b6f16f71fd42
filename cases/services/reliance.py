"""What was done while a release spoke of a case's members: kept as rows, so that pages only read.

A decision, action, share or packet relied on a release when, at that moment, its case had members
of whom signals of that release had arrived.
"""

from collections.abc import Iterable

from django.db import connection, transaction
from django.utils import timezone

from cases.models import Case, RegroupPreview, Reliance, TimelineEvent
from cases.services.timeline import append_event
from ingest.models import Withdrawal
from ingest.models.withdrawal import COVERS

RELIED = f"""
WITH hit AS (
    SELECT s.account_id, min(s.received_at) AS heard_at
    FROM ingest_withdrawal w JOIN ingest_signal s ON {COVERS}
    WHERE w.id = %(withdrawal)s GROUP BY s.account_id
), touched AS (
    SELECT DISTINCT m.case_id FROM cases_member m JOIN hit ON hit.account_id = m.account_id
), made (kind, id, case_id, at) AS (
    SELECT 'decision', d.id, d.case_id, d.decided_at FROM cases_decision d
    UNION ALL SELECT 'action', e.id, e.case_id, e.requested_at FROM cases_enforcement e
    UNION ALL SELECT 'share', s.id, s.case_id, s.prepared_at FROM cases_share s
    UNION ALL SELECT 'packet', p.id, p.case_id, p.as_of FROM cases_evidencepacket p
), relied AS (
    SELECT made.kind, made.id, made.case_id, made.at, count(*) AS members,
           count(*) FILTER (WHERE hit.heard_at <= made.at) AS accounts
    FROM made JOIN touched ON touched.case_id = made.case_id
    JOIN cases_member m ON m.case_id = made.case_id AND m.joined_at <= made.at
        AND (m.left_at IS NULL OR m.left_at > made.at)
    LEFT JOIN hit ON hit.account_id = m.account_id
    GROUP BY made.kind, made.id, made.case_id, made.at
)
INSERT INTO cases_reliance (withdrawal_id, kind, object_id, case_id, made_at, accounts, members)
SELECT %(withdrawal)s, kind, id, case_id, at, accounts, members FROM relied WHERE accounts > 0
ON CONFLICT (withdrawal_id, kind, object_id)
    DO UPDATE SET accounts = EXCLUDED.accounts, members = EXCLUDED.members
"""
Kind = TimelineEvent.Kind
AT_ONCE = 200  # cases told in one transaction


def record_reliance(withdrawal: Withdrawal) -> int:
    """Write down what relied on a release. Run again it adds what was done since. Rows in all."""
    with connection.cursor() as cursor:
        cursor.execute(RELIED, {"withdrawal": withdrawal.pk})
    return Reliance.objects.filter(withdrawal=withdrawal).count()


def withdrawals_behind(kind: str, pks: Iterable[int]) -> dict[int, list[Reliance]]:
    """By key of a decision, action, share or packet: the withdrawals that stand and that it relied
    on, in one query."""
    found: dict[int, list[Reliance]] = {}
    rows = Reliance.objects.filter(
        kind=kind,
        object_id__in=list(pks),
        withdrawal__applied_at__isnull=False,
        withdrawal__lifted_at=None,
    )
    for row in rows.select_related("withdrawal__detector").order_by("withdrawal_id"):
        found.setdefault(row.object_id, []).append(row)
    return found


def tell_cases() -> int:
    """The sweep: write a withdrawal, or its end, to the timelines of the cases where something
    relied on it. Returns how many withdrawals were told; whoever is killed leaves the rest to the
    next sweep, and no case is told twice."""
    waiting = RegroupPreview.objects.filter(
        applied_at__isnull=False, told_at=None, kind__in=["withdraw", "lift"]
    )
    told = 0
    for pk in list(waiting.order_by("pk").values_list("pk", flat=True)):
        while not _tell_some(pk):
            pass
        told += 1
    return told


@transaction.atomic
def _tell_some(pk: int) -> bool:
    """Tell AT_ONCE cases; True when all have been told."""
    preview = (
        RegroupPreview.objects.select_for_update(of=("self",))
        .select_related("withdrawal__detector", "applied_by")
        .get(pk=pk)
    )
    if preview.told_at:
        return True
    withdrawal = preview.withdrawal
    if preview.kind == RegroupPreview.Kind.WITHDRAW and not preview.summary.get("told"):
        record_reliance(withdrawal)
    after = preview.summary.get("told", 0)
    cases = Case.objects.filter(
        pk__in=Reliance.objects.filter(withdrawal=withdrawal).values("case"), pk__gt=after
    ).order_by("pk")[:AT_ONCE]
    withdrawn = preview.kind == RegroupPreview.Kind.WITHDRAW
    kind = (
        TimelineEvent.Kind.SIGNALS_WITHDRAWN if withdrawn else TimelineEvent.Kind.SIGNALS_RESTORED
    )
    for case in cases:
        relied = Reliance.objects.filter(withdrawal=withdrawal, case=case)
        append_event(
            case,
            kind,
            actor=preview.applied_by,
            content={
                "withdrawal": withdrawal.ref,
                "detector": withdrawal.detector.slug,
                "version": withdrawal.version,
                "reason": withdrawal.reason if withdrawn else preview.rationale,
                "relied": sorted(f"{row.kind} {row.object_id}" for row in relied),
            },
        )
        after = case.pk
    done = len(cases) < AT_ONCE
    preview.summary["told"] = after
    if done:
        preview.told_at = timezone.now()
    preview.save(update_fields=["summary", "told_at"])
    return done
