"""From new signals to cases. One worker at a time; nothing new, nothing done."""

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from cases.grouping import METHOD, group
from cases.models import GroupingRun, Member
from cases.services.group_read import read_facts, read_previous
from cases.services.group_write import write_grouping
from ingest.models import Census

LOCK = 0x5711_0001  # the one lock of grouping: locks per component deadlock when a signal joins two
TAKE = """
WITH taken AS (
    UPDATE ingest_signal SET taken_at = %s WHERE taken_at IS NULL RETURNING account_id
) SELECT count(*), count(DISTINCT account_id) FROM taken
"""


@transaction.atomic
def group_new_signals(*, full: bool = False) -> GroupingRun | None:
    """Group what has arrived, in one transaction. None: nothing new, or another worker is at it.

    News is a signal that no run has taken, a newer census, or a member judged since the last run;
    full regroups without any. Signals are taken in the transaction that uses them: a worker that
    dies leaves them untaken. Running it again changes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
    last = GroupingRun.objects.order_by("-pk").first()
    census = Census.objects.order_by("-pk").first()
    if not full and not _has_news(last, census):
        return None
    started_at = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [started_at])
        signals, accounts = cursor.fetchone()
    answer = group(read_facts(), prior=settings.MEMBERSHIP_PRIOR, previous=read_previous())
    written = write_grouping(answer, census=census)
    return GroupingRun.objects.create(
        started_at=started_at,
        finished_at=timezone.now(),
        census=census,
        method=METHOD,
        signals=signals,
        accounts=accounts,
        opened=len(written.opened),
        updated=len(written.changed),
        report=written.report | {"refused": answer.refused},
    )


def _has_news(last: GroupingRun | None, census: Census | None) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM ingest_signal WHERE taken_at IS NULL)")
        if cursor.fetchone()[0]:
            return True
    if last is None:
        return census is not None
    if census is not None and census.pk != last.census_id:
        return True
    return Member.objects.filter(verdict_at__gt=last.started_at).exists()
