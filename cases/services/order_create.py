"""The rows of an order, and its moves from state to state."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Case, Enforcement, EnforcementItem, TimelineEvent
from cases.services.hearsay import refuse_hearsay
from cases.services.order_hash import hash_of
from cases.services.timeline import append_event

Item = EnforcementItem.State

# the surest come first; a stage of p percent holds the first ⌈p/100 × all⌉
FREEZE = """
INSERT INTO cases_enforcementitem
    (enforcement_id, account_id, target, stage, key, state, attempts, last_error, state_before,
     state_after)
SELECT %s, first_account, target_id,
       (SELECT count(*) FROM unnest(%s::int[]) p WHERE place > ceil(total * p / 100.0)),
       gen_random_uuid(), %s, 0, '', '', ''
FROM (
    SELECT first_account, target_id,
           row_number() OVER (ORDER BY sureness DESC, first_account, target_id) AS place,
           count(*) OVER () AS total
    FROM ({chosen}) chosen
) ranked
"""


def create_order(
    case: Case, targets: QuerySet, blast_radius: dict, *, actor: User, **fields
) -> Enforcement:
    """Write an order with its items, inside the caller's transaction; the case is locked.

    targets: rows with first_account, target_id and sureness (targets.rows_of). What is approved
    is frozen here.
    """
    if fields["kind"] != Enforcement.Kind.REINSTATE:
        refuse_hearsay(case, "an order")
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('cases_enforcement_number')")
        number = cursor.fetchone()[0]
        order = Enforcement.objects.create(
            number=number, case=case, requested_by=actor, blast_radius=blast_radius,
            approve_by=now + timedelta(hours=settings.APPROVAL_HOURS), p_at_request=case.p_abuse,
            **fields,
        )  # fmt: skip
        chosen, parameters = targets.order_by().query.sql_with_params()
        cursor.execute(
            FREEZE.format(chosen=chosen),
            [order.pk, order.stages, Item.WAITING.value, *parameters],
        )
    order.content_hash = hash_of(order)
    order.save(update_fields=["content_hash"])
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_REQUESTED,
        actor=actor,
        content={
            "order": order.ref, "kind": order.kind, "tiers": order.tiers,
            "accounts": blast_radius["targets"], "of": order.target_kind, "reason": order.reason,
            "connector": order.connector.slug if order.connector else "",
            "hash": order.content_hash,
        },
    )  # fmt: skip
    return order


def locked(order: Enforcement) -> Case:
    """The order's case, locked, and the order as it is now. Case first, then order: everywhere."""
    case = Case.objects.select_for_update().get(pk=order.case_id)
    order.refresh_from_db()
    return case


def move(
    order: Enforcement,
    from_states: list[str],
    to_state: str,
    actor: User | None = None,
    note: str = "",
    *,
    finished: bool = False,
    **fields,
) -> None:
    """One conditional update of the state. Raises CaseError when somebody was first."""
    now: datetime = timezone.now()
    fields["state"] = to_state
    if actor:
        fields |= {"reviewed_by": actor, "review_note": note}
    if actor or to_state == Enforcement.State.RUNNING:
        fields["reviewed_at"] = now  # from then on it may run; the order's own time for platforms
    if finished:
        fields["finished_at"] = now
    moved = Enforcement.objects.filter(pk=order.pk, state__in=from_states).update(**fields)
    order.refresh_from_db()
    if not moved:
        raise CaseError(f"{order.ref} is {order.get_state_display()} already. Reload to see it.")


def skip_waiting(order: Enforcement, why: str, items: QuerySet | None = None) -> int:
    """Leave out what was not sent: all that waits, or some of it."""
    waiting = order.items.filter(state=Item.WAITING) if items is None else items
    return waiting.update(
        state=Item.SKIPPED, due_at=None, last_error=why, finished_at=timezone.now()
    )
