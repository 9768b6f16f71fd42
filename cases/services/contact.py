"""Customers are written to by people; the desk keeps who was, when and by whom."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Enforcement, EnforcementItem, TimelineEvent
from cases.services.order_create import locked
from cases.services.timeline import append_event


@transaction.atomic
def record_contact(
    order: Enforcement, *, actor: User, items: list[int] | None = None, note: str = ""
) -> int:
    """Say that customers of a running order were sent its notice: some items, or all that wait.

    Returns how many; the order ends when none waits any more.
    """
    case = locked(order)
    if order.kind != Enforcement.Kind.CONTACT:
        raise CaseError(f"{order.ref} is no order to contact customers.")
    if order.state != Enforcement.State.RUNNING or order.paused_at:
        said = "paused" if order.paused_at else order.get_state_display()
        raise CaseError(f"{order.ref} is {said}: nobody is written to.")
    waiting = order.items.filter(state=EnforcementItem.State.WAITING, stage__lte=order.stage)
    if items is not None:
        waiting = waiting.filter(pk__in=items)
    done = waiting.update(
        state=EnforcementItem.State.DONE, finished_at=timezone.now(), due_at=None,
        last_error=note[:300],
    )  # fmt: skip
    if done:
        append_event(
            case,
            TimelineEvent.Kind.CUSTOMERS_CONTACTED,
            actor=actor,
            content={"order": order.ref, "accounts": done, "note": note},
        )
    return done
