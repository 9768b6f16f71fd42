"""A release is withdrawn and restored as rows: no signal is changed or deleted."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from ingest.models import Detector, Withdrawal
from ingest.models.withdrawal import COVERS

COUNT = f"""
SELECT count(*), count(DISTINCT s.account_id), min(s.window_start), max(s.window_end)
FROM ingest_withdrawal w JOIN ingest_signal s ON {COVERS}
WHERE w.id = %s
"""


class WithdrawalError(Exception):
    """A refusal that a person can read: what is wrong and what to do next."""


def propose_withdrawal(
    *,
    actor: User,
    detector: Detector,
    version: str,
    since: datetime | None = None,
    until: datetime | None = None,
    reason: str,
) -> Withdrawal:
    """Name a release that should count no more. It still does, until the proposal is applied.

    since and until bound the windows that were observed, half open. Raises WithdrawalError.
    """
    reason = reason.replace("\0", "").strip()
    if not reason:
        raise WithdrawalError("Reason: say what is wrong with this release.")
    if len(reason) > 500:
        raise WithdrawalError("Reason: at most 500 characters.")
    if "\0" in version or len(version) > 40:
        raise WithdrawalError("Version: at most 40 characters, as the signals carry it.")
    if since and until and until <= since:
        raise WithdrawalError("Window: its end must come after its start.")
    return Withdrawal.objects.create(
        detector=detector, version=version, since=since, until=until, reason=reason,
        proposed_by=actor,
    )  # fmt: skip


@transaction.atomic
def apply_withdrawal(withdrawal: Withdrawal, *, actor: User) -> bool:
    """From now on its signals count for nothing. False when it was applied before."""
    return bool(
        Withdrawal.objects.filter(pk=withdrawal.pk, applied_at=None).update(
            applied_at=timezone.now(), applied_by=actor
        )
    )


@transaction.atomic
def lift_withdrawal(withdrawal: Withdrawal, *, actor: User) -> bool:
    """Its signals count again. False when it does not stand."""
    return bool(
        Withdrawal.objects.standing()
        .filter(pk=withdrawal.pk)
        .update(lifted_at=timezone.now(), lifted_by=actor)
    )


def signals_of(withdrawal: Withdrawal) -> dict:
    """signals, accounts, first and last moment that a release spoke of. Reads all of them."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [withdrawal.pk])
        signals, accounts, first, last = cursor.fetchone()
    return {"signals": signals, "accounts": accounts, "first": first, "last": last}
