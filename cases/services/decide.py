from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseMoved
from cases.models import Case, Decision, Member, TimelineEvent
from cases.services.hearsay import refuse_hearsay
from cases.services.sample_result import newest_result
from cases.services.timeline import append_event
from cases.services.triage import free_for


@transaction.atomic
def record_decision(
    case: Case,
    *,
    actor: User,
    outcome: str,
    rationale: str,
    stated_probability: float | None = None,
    competing_hypothesis: str = "",
) -> Decision:
    """Give a case its verdict, which states the sample that was read to its end, if there is one.

    Raises CaseMoved when it is decided already or another holds it, and CaseError for a
    confirmation of what partners told alone.
    """
    if outcome == Case.Verdict.CONFIRMED:
        refuse_hearsay(case, "a confirmation")
    moved = Case.objects.filter(
        free_for(actor), pk=case.pk, merged_into=None, status__in=Case.OPEN
    ).update(
        status=Case.Status.DECIDED,
        verdict=outcome,
        owner=actor,
        claimed_until=None,
        snoozed_until=None,
        decided_at=timezone.now(),
        new_since_decision=0,
    )
    case.refresh_from_db()
    if not moved:
        raise CaseMoved(case)
    Member.objects.filter(case=case, since_decision=True).update(since_decision=False)
    sample = newest_result(case)
    decision = Decision.objects.create(
        case=case,
        outcome=outcome,
        rationale=rationale,
        stated_probability=stated_probability,
        competing_hypothesis=competing_hypothesis,
        decided_by=actor,
        sample=sample,
    )
    append_event(
        case,
        TimelineEvent.Kind.DECISION_RECORDED,
        actor=actor,
        content={
            "decision": decision.pk,
            "outcome": outcome,
            "rationale": rationale,
            "stated_probability": stated_probability,
            "competing_hypothesis": competing_hypothesis,
            **({"sample": sample.pk, "sampled": sample.result["says"]} if sample else {}),
            "members": {"core": case.core, "likely": case.likely, "possible": case.possible},
        },
    )
    return decision
