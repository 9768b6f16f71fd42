from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Case, Member, TimelineEvent
from cases.services.timeline import append_event


@transaction.atomic
def judge_members(case: Case, *, actor: User, members: Sequence[int], verdict: str) -> int:
    """Say of members whether they belong: in, out, unsure, or "" to take it back.

    Grouping never overrides it. One event for the whole selection. Returns how many changed.
    """
    if not case.is_open:
        raise CaseError(f"{case.ref} is {case.get_status_display()}. Reopen it to judge members.")
    chosen = list(
        Member.objects.current()
        .filter(case=case, pk__in=members)
        .exclude(verdict=verdict)
        .select_for_update()
        .order_by("pk")
        .values_list("pk", "verdict", "account__external_id")
    )
    if not chosen:
        return 0
    Member.objects.filter(pk__in=[pk for pk, _, _ in chosen]).update(
        verdict=verdict,
        verdict_by=actor if verdict else None,
        verdict_at=timezone.now() if verdict else None,
    )
    append_event(
        case,
        TimelineEvent.Kind.MEMBER_JUDGED,
        actor=actor,
        content={
            "verdict": verdict,
            "accounts": [name for _, _, name in chosen],
            "before": [before for _, before, _ in chosen],
        },
    )
    return len(chosen)
