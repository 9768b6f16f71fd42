"""Who works on a case, and where it stands until it is decided."""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from cases.errors import CaseError, CaseMoved, NotAllowed
from cases.models import Case, LabelProbe, TimelineEvent
from cases.services.timeline import append_event

LOT_ONE_IN = 10
CLAIM_LASTS = timedelta(hours=8)
Status = Case.Status


def free_for(actor: User) -> Q:
    """Cases that nobody else holds: unclaimed, the actor's own, or a claim that ran out."""
    return Q(owner=None) | Q(owner=actor) | Q(claimed_until__lt=timezone.now())


@transaction.atomic
def claim(case: Case, *, actor: User) -> Case:
    """Take an open case into review. Raises CaseMoved when another person holds it."""
    until = timezone.now() + CLAIM_LASTS
    mine = Case.objects.filter(free_for(actor), pk=case.pk, merged_into=None)
    moved = mine.filter(status__in=[Status.NEW, Status.REOPENED]).update(
        status=Status.IN_REVIEW, owner=actor, claimed_until=until
    ) or mine.filter(status__in=[Status.IN_REVIEW, Status.ESCALATED]).update(
        owner=actor, claimed_until=until
    )
    case.refresh_from_db()
    if not moved:
        raise CaseMoved(case)
    append_event(
        case,
        TimelineEvent.Kind.CASE_CLAIMED,
        actor=actor,
        content={"until": until.isoformat()},
    )
    return case


@transaction.atomic
def release(case: Case, *, actor: User) -> Case:
    """Give a case back to the queue: its owner does, or a lead for somebody who is away."""
    case.refresh_from_db()
    if case.owner_id is None:
        raise CaseError(f"{case.ref} is not claimed by anybody.")
    if case.owner_id != actor.pk and not actor.groups.filter(name="lead").exists():
        raise NotAllowed(f"{case.ref} is claimed by {case.owner}: only they or a lead release it.")
    moved = Case.objects.filter(pk=case.pk, owner=case.owner_id, status__in=Case.OPEN).update(
        owner=None, claimed_until=None
    )
    owner = case.owner.get_username()
    case.refresh_from_db()
    if not moved:
        raise CaseMoved(case)
    append_event(case, TimelineEvent.Kind.CASE_RELEASED, actor=actor, content={"owner": owner})
    return case


@transaction.atomic
def take_next(actor: User) -> Case | None:
    """Claim the open case of highest priority that nobody holds; None when there is none. One time
    in LOT_ONE_IN it is one that was drawn by lot, while there are such.

    SKIP LOCKED: two people who press together get two cases.
    """
    free = (
        Case.objects.visible_to(actor)
        .open()
        .awake()
        .filter(Q(owner=None) | Q(claimed_until__lt=timezone.now()))
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("-priority", "-id")
    )
    case = free.filter(pk__in=LabelProbe.objects.values("case")).first() if _by_lot() else None
    case = case or free.first()
    return claim(case, actor=actor) if case else None


def _by_lot() -> bool:
    """Whether to take what was drawn by lot now: by its priority nobody would ever get to it."""
    return secrets.randbelow(LOT_ONE_IN) == 0


@transaction.atomic
def snooze(case: Case, *, actor: User, until: datetime) -> Case:
    """Hide an open case from the queue until a moment within 30 days."""
    now = timezone.now()
    if not now < until <= now + timedelta(days=30):
        raise CaseError("A snooze ends between now and 30 days from now. Choose another end.")
    moved = Case.objects.filter(free_for(actor), pk=case.pk, status__in=Case.OPEN).update(
        snoozed_until=until
    )
    case.refresh_from_db()
    if not moved:
        raise CaseMoved(case)
    append_event(
        case, TimelineEvent.Kind.CASE_SNOOZED, actor=actor, content={"until": until.isoformat()}
    )
    return case


@transaction.atomic
def wake(case: Case, *, actor: User) -> Case:
    """Bring a snoozed case back at once."""
    moved = Case.objects.filter(pk=case.pk, snoozed_until__gt=timezone.now()).update(
        snoozed_until=None
    )
    case.refresh_from_db()
    if not moved:
        raise CaseError(f"{case.ref} is not snoozed.")
    append_event(case, TimelineEvent.Kind.CASE_WOKEN, actor=actor, content={})
    return case


@transaction.atomic
def escalate(case: Case, *, actor: User, rationale: str) -> Case:
    """Ask for a second reader. The owner keeps the case."""
    moved = Case.objects.filter(
        free_for(actor),
        pk=case.pk,
        merged_into=None,
        status__in=[Status.NEW, Status.IN_REVIEW, Status.REOPENED],
    ).update(status=Status.ESCALATED)
    case.refresh_from_db()
    if not moved:
        raise CaseMoved(case)
    append_event(
        case, TimelineEvent.Kind.CASE_ESCALATED, actor=actor, content={"rationale": rationale}
    )
    return case


@transaction.atomic
def reopen(case: Case, *, actor: User, rationale: str) -> Case:
    """Bring a decided or closed case back to review; its decisions stay as history."""
    moved = Case.objects.filter(
        pk=case.pk, merged_into=None, status__in=[Status.DECIDED, Status.CLOSED]
    ).update(
        status=Status.REOPENED,
        verdict=Case.Verdict.UNDECIDED,
        owner=None,
        claimed_until=None,
        decided_at=None,
    )
    case.refresh_from_db()
    if not moved:
        raise CaseMoved(case)
    append_event(
        case, TimelineEvent.Kind.CASE_REOPENED, actor=actor, content={"rationale": rationale}
    )
    return case


@transaction.atomic
def close(case: Case, *, actor: User) -> Case:
    """File a decided case: nothing more is expected of it."""
    moved = Case.objects.filter(pk=case.pk, status=Status.DECIDED).update(status=Status.CLOSED)
    case.refresh_from_db()
    if not moved:
        raise CaseMoved(case)
    append_event(case, TimelineEvent.Kind.CASE_CLOSED, actor=actor, content={})
    return case
