"""Putting back what an order changed: each target gets the state that was recorded, no default."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Value

from cases.errors import CaseError
from cases.models import Case, Enforcement, EnforcementItem
from cases.services.order_create import create_order, locked
from cases.services.order_fit import refuse_unfit

Kind, State = Enforcement.Kind, Enforcement.State
Item = EnforcementItem.State


@transaction.atomic
def request_reversal(
    order: Enforcement,
    *,
    actor: User,
    reason: str,
    notice: str = "",
    items: list[int] | None = None,
) -> Enforcement:
    """Ask to put each target of a finished order back as it was before it.

    items: keys of some of its items; all unless told. A target whose state somebody changed since
    stays as it is; the item says so.
    """
    case = locked(order)
    if order.kind == Kind.REINSTATE:
        raise CaseError(f"{order.ref} reinstates: order a limit or a suspension instead.")
    if order.connector_id is None:
        raise CaseError(f"{order.ref} changed nothing at the platform: end it instead.")
    if order.finished_at is None or order.state not in (State.DONE, State.CANCELLED):
        raise CaseError(f"{order.ref} is {order.get_state_display()}: let it end, or cancel it.")
    reached = reached_items(order, items)
    if not reached.exists():
        raise CaseError(f"{order.ref} changed no account: there is nothing to put back.")
    refuse_unfit(case, Kind.REINSTATE, order.connector, reason=reason, notice=notice)
    open_reversals = order.reversals.filter(state__in=[State.REQUESTED, State.RUNNING])
    overlap = open_reversals.filter(items__account__in=reached.values("account_id")).first()
    if overlap:
        raise CaseError(f"{overlap.ref} puts it back and {overlap.get_state_display()}.")
    return create_reversal(case, order, reached, actor=actor, reason=reason, notice=notice)


def reached_items(order: Enforcement, items: list[int] | None = None) -> QuerySet[EnforcementItem]:
    """Items that took effect, or may have, and whose state before is known."""
    reached = order.items.filter(Q(state=Item.DONE) | Q(state=Item.UNKNOWN))
    reached = reached.exclude(state_before="")
    return reached if items is None else reached.filter(pk__in=items)


def create_reversal(
    case: Case, order: Enforcement, reached: QuerySet[EnforcementItem], *, actor: User, **fields
) -> Enforcement:
    """The row and items of a reversal, inside the caller's transaction; the case is locked."""
    radius = {
        "kind": Kind.REINSTATE.value,
        "reverses": order.number,
        "accounts": reached.count(),
        "targets": reached.count(),
        "states": dict(reached.values_list("state_before").annotate(n=Count("pk")).order_by()),
    }
    return create_order(
        case,
        reached.values(target_id=F("target"), first_account=F("account_id"), sureness=Value(1.0)),
        radius,
        actor=actor, kind=Kind.REINSTATE, connector=order.connector,
        target_kind=order.target_kind, tiers=list(order.tiers), selection={"by": "reversal"},
        reverses=order, **fields,
    )  # fmt: skip
