"""The protected list: whom no order may touch while an entry stands."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Protected


@transaction.atomic
def protect(
    *, actor: User, kind: str, value: str, reason: str, expires_at: datetime | None = None
) -> Protected:
    """Put an account or an organisation on the list. Who is not known yet may stand on it too."""
    value, reason = value.strip(), reason.strip()
    if kind not in Protected.Kind.values:
        raise CaseError("Protected is an account or an organisation.")
    if not value or len(value) > 200 or "\0" in value:
        raise CaseError("Name it as the platform does, in at most 200 characters.")
    if not reason:
        raise CaseError("Say why nothing may happen to it.")
    if expires_at and expires_at <= timezone.now():
        raise CaseError("The end must lie ahead.")
    try:
        with transaction.atomic():
            return Protected.objects.create(
                kind=kind, value=value, reason=reason[:300], added_by=actor, expires_at=expires_at
            )
    except IntegrityError:
        raise CaseError(f"The {kind} {value[:80]} is on the list already.") from None


@transaction.atomic
def end_protection(entry: Protected, *, actor: User, reason: str) -> Protected:
    """Take it off the list; the row stays, with who did it and why."""
    if not reason.strip():
        raise CaseError("Say why it needs no protection any more.")
    ended = Protected.objects.filter(pk=entry.pk, ended_at=None).update(
        ended_at=timezone.now(), ended_by=actor, end_reason=reason[:300]
    )
    entry.refresh_from_db()
    if not ended:
        raise CaseError("It is off the list already. Reload to see it.")
    return entry
