from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from ingest.models import Account
from ingest.models import ActivityHour as HourRow
from ingest.services.signals import hour_row
from ingest.services.staging import MERGE_HOURS, copy_rows, staging
from ingest.wire import ActivityHour

MANY = 10_000  # rows that change what the planner should know


@transaction.atomic
def record_activity(hours: Iterable[tuple[str, ActivityHour]]) -> int:
    """Merge hours from the logs, each with its account's external id; the larger figure stays.

    Accounts that are not known are left out. Returns how many hours were new or grew.
    """
    with staging("stage_hour") as cursor:
        copy_rows(cursor, "stage_hour", (hour_row(name, hour) for name, hour in hours))
        cursor.execute(MERGE_HOURS)
        stored = cursor.rowcount
        if stored > MANY:
            # until autovacuum comes by, plans would be made for an empty table
            cursor.execute(f"ANALYZE {HourRow._meta.db_table}, {Account._meta.db_table}")
        return stored


def record_account_state(
    external_id: str, *, state: str, actor: str, reason: str, at: datetime
) -> bool:
    """Note what the platform says of an account. False when it is not known, or when something
    at least as recent is noted already: news may come late and twice.
    """
    if state not in Account.State.values:
        raise ValueError(f"{state!r} is no state: use one of {', '.join(Account.State.values)}")
    actor, reason = (
        text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:longest]
        for text, longest in ((actor, 120), (reason, 300))
    )
    older = Q(state_at=None) | Q(state_at__lt=at)
    return bool(
        Account.objects.filter(older, external_id=external_id).update(
            state=state, state_actor=actor, state_reason=reason, state_at=at
        )
    )
