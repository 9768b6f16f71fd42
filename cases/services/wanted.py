"""Which state an order asks for, account by account, and when it must not be sent any more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Q
from django.utils import timezone

from cases.connectors.protocol import Command, Target
from cases.kinds import STATES, WANTED
from cases.models import Enforcement, EnforcementItem
from cases.services.lease import Lease

Kind, Order = Enforcement.Kind, Enforcement.State


@dataclass(frozen=True)
class Wanted:
    """ordered: for a reversal the state that the order it takes back had asked for."""

    state: str
    restore: Mapping = field(default_factory=dict)
    reverses: int | None = None
    ordered: str = ""


def wanted_of(leases: Iterable[Lease]) -> dict[int, Wanted]:
    """By the item's key; one query for all reversals among them."""
    leases = list(leases)
    asked = Q()
    for lease in leases:
        if number := _reversed(lease):
            asked |= Q(
                enforcement__number=number,
                account=lease.item.account_id,
                target=lease.item.target,
            )
    was = {}
    if asked:
        rows = EnforcementItem.objects.filter(asked).select_related("enforcement")
        was = {(row.enforcement.number, row.account_id, row.target): row for row in rows}
    found = {}
    for lease in leases:
        order = lease.item.enforcement
        if number := _reversed(lease):
            row = was[number, lease.item.account_id, lease.item.target]
            found[lease.item.pk] = Wanted(
                row.state_before, row.native_before or {}, number, WANTED[row.enforcement.kind]
            )
        else:
            found[lease.item.pk] = Wanted(WANTED[order.kind])
    return found


def _reversed(lease: Lease) -> int | None:
    """The number of the order that this one takes back."""
    order = lease.item.enforcement
    return order.reverses.number if order.reverses_id else order.blast_radius.get("reverses")


def why_not(lease: Lease, wanted: Wanted, state: str | None) -> str:
    """Why nothing may be sent to an account that has this state now, or ""."""
    order = lease.item.enforcement
    if wanted.reverses and state not in (wanted.state, wanted.ordered):
        return f"is {state} now, which O-{wanted.reverses} did not do: left as it is"
    if order.state == Order.CANCELLED:
        return "the order was cancelled before it took effect"
    if order.expires_at and order.expires_at <= timezone.now():
        return "the order's end had passed"
    if order.kind != Kind.REINSTATE and _stricter(state, wanted.state):
        return f"is {state}: to {order.get_kind_display()} would loosen that"
    return ""


def _stricter(state: str | None, wanted: str) -> bool:
    return state in STATES and STATES.index(state) > STATES.index(wanted)


def command_of(lease: Lease, wanted: Wanted) -> Command:
    """The order about one account, as the connector carries it."""
    item, order = lease.item, lease.item.enforcement
    return Command(
        key=str(item.key),
        kind=order.kind,
        target=target_of(item),
        state=wanted.state,
        order=order.ref,
        at=order.reviewed_at or order.requested_at,
        reason=order.reason,
        # a restricted case is not named to those who run the platform
        case="" if order.case.restricted else order.case.ref,
        notice=order.notice,
        until=order.expires_at,
        limits=order.parameters,
        restore=wanted.restore,
    )


def target_of(item: EnforcementItem) -> Target:
    kind = item.enforcement.target_kind if item.target else "account"
    return Target(item.account.external_id, kind, item.target)
