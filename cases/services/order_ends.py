"""Ends of orders: approvals that ran out, limits that lapse, suspensions that ask for renewal."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.kinds import RENEWED
from cases.models import Enforcement, TimelineEvent
from cases.services.nudge import after_commit
from cases.services.order_create import locked, move, skip_waiting
from cases.services.order_hash import hash_of
from cases.services.order_plan import start
from cases.services.reverse import create_reversal, reached_items
from cases.services.timeline import append_event

Kind, State = Enforcement.Kind, Enforcement.State


def expire_unapproved() -> int:
    """The sweep: what nobody approved in time must be asked for anew."""
    late = Enforcement.objects.filter(state=State.REQUESTED, approve_by__lte=timezone.now())
    return sum(_expire(order) for order in late.order_by("pk"))


@transaction.atomic
def _expire(order: Enforcement) -> int:
    case = locked(order)
    if order.state != State.REQUESTED:
        return 0
    move(order, [State.REQUESTED], State.EXPIRED, finished=True)
    skip_waiting(order, "nobody approved it in time")
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_EXPIRED,
        actor=None,
        content={"order": order.ref, "kind": order.kind},
    )
    return 1


def end_what_lapses() -> int:
    """The sweep: put back what has reached its end.

    A limit, a verification or a watch lapses by itself; a suspension that nobody renewed asks a
    second person to reinstate.
    """
    over = Enforcement.objects.filter(
        state=State.DONE, expires_at__lte=timezone.now(), ended_at=None
    )
    return sum(_end(order) for order in over.order_by("pk"))


def ask_for_renewal() -> int:
    """The sweep: say on the case, once, that a suspension nears its end."""
    soon = timezone.now() + timedelta(days=settings.RENEWAL_DAYS)
    near = Enforcement.objects.filter(
        state=State.DONE, kind__in=RENEWED, expires_at__lte=soon, ended_at=None,
        renewal_asked_at=None,
    )  # fmt: skip
    return sum(_ask(order) for order in near.order_by("pk"))


@transaction.atomic
def renew_enforcement(
    order: Enforcement, *, actor: User, until: datetime, reason: str
) -> Enforcement:
    """A second person lets a suspension stand until a later end."""
    case = locked(order)
    if order.requested_by_id == actor.pk:
        raise NotAllowed(f"You asked for {order.ref}: another person renews it.")
    if order.kind not in RENEWED or order.expires_at is None or order.ended_at:
        raise CaseError(f"{order.ref} has no end that could be moved.")
    if order.state != State.DONE:
        raise CaseError(
            f"{order.ref} is {order.get_state_display()}: it is renewed when it is done."
        )
    if until <= max(timezone.now(), order.expires_at):
        raise CaseError("The new end must lie ahead and after the present one.")
    if not reason.strip():
        raise CaseError("Say why it is renewed.")
    before = order.expires_at
    order.expires_at = until
    digest = hash_of(order)
    moved = Enforcement.objects.filter(
        pk=order.pk, state=State.DONE, ended_at=None, expires_at=before
    ).update(expires_at=until, renewal_asked_at=None, content_hash=digest, approved_hash=digest)
    order.refresh_from_db()
    if not moved:
        raise CaseError(f"{order.ref} was renewed or ended by somebody else. Reload to see it.")
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_RENEWED,
        actor=actor,
        content={"order": order.ref, "kind": order.kind, "until": until.isoformat(),
                 "reason": reason},
    )  # fmt: skip
    return order


@transaction.atomic
def _ask(order: Enforcement) -> int:
    case = locked(order)
    asked = Enforcement.objects.filter(pk=order.pk, renewal_asked_at=None, ended_at=None).update(
        renewal_asked_at=timezone.now()
    )
    if asked:
        append_event(
            case,
            TimelineEvent.Kind.RENEWAL_ASKED,
            actor=None,
            content={"order": order.ref, "until": order.expires_at.isoformat()},
        )
    return asked


@transaction.atomic
def _end(order: Enforcement) -> int:
    case = locked(order)
    ended = Enforcement.objects.filter(
        pk=order.pk, ended_at=None, expires_at__lte=timezone.now()
    ).update(ended_at=timezone.now())
    if not ended:
        return 0
    reached = reached_items(order)
    back = None
    busy = order.reversals.filter(state__in=[State.REQUESTED, State.RUNNING, State.DONE])
    if order.connector_id and reached.exists() and not busy.exists():
        back = _put_back(case, order, reached)
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_LAPSED,
        actor=None,
        content={"order": order.ref, "kind": order.kind, "back": back.ref if back else ""},
    )
    return 1


def _put_back(case, order: Enforcement, reached) -> Enforcement:
    """The reversal at the end of an order: the end was approved with it, a renewal was not."""
    asks = order.kind in RENEWED
    back = create_reversal(
        case, order, reached, actor=order.requested_by,
        reason=f"The end of {order.ref} has come.", second_person=asks,
    )  # fmt: skip
    if not asks:
        move(
            back, [State.REQUESTED], State.RUNNING,
            actor=order.reviewed_by, note=f"its end was approved with {order.ref}",
            approved_hash=back.content_hash,
        )  # fmt: skip
        start(back, case)
        after_commit("deliver_due_items")
    return back
