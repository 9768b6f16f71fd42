"""A decided case that grows comes back for the difference, in batches. Its verdict stands."""

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from cases import scoring
from cases.models import Case, TimelineEvent
from cases.services.timeline import append_event

SETTLED = (Case.Status.DECIDED, Case.Status.CLOSED)


@transaction.atomic
def wake_grown() -> list[Case]:
    """Bring decided cases back to the queue that enough accounts have joined since the decision.

    Enough is WAKE_ACCOUNTS and WAKE_SHARE of the members that were decided on. The case is open
    again and keeps its verdict for the rest; whoever decides next decides on what is marked as new,
    and the marks go. Below the bound accounts stay marked and wait for the rest of their batch.
    """
    total = F("core") + F("likely") + F("possible")
    due = Case.objects.filter(
        status__in=SETTLED,
        merged_into=None,
        new_since_decision__gte=max(settings.WAKE_ACCOUNTS, 1),
        new_since_decision__gt=settings.WAKE_SHARE * (total - F("new_since_decision")) - 1e-9,
    )
    woken = []
    for case in due.select_for_update().order_by("pk"):
        case.status, case.owner, case.claimed_until = Case.Status.REOPENED, None, None
        case.due_at = scoring.due_at(case.priority, timezone.now())
        case.save(update_fields=["status", "owner", "claimed_until", "due_at"])
        append_event(
            case,
            TimelineEvent.Kind.CASE_GREW,
            actor=None,
            content={
                "accounts": case.new_since_decision,
                "members": case.members_total,
                "verdict": case.verdict,
            },
        )
        woken.append(case)
    return woken
