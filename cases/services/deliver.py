"""Carries orders out, one account at a time: lease, read, send, read back.

The row is the truth. A worker takes an item by a lease that runs out, so that a killed worker's
item is taken again; such an item, and one whose answer did not come, is unknown, and read back
before anything is sent twice. Nothing holds a transaction open while the network is asked.
"""

import logging
import random
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone

from cases.connectors import webhook
from cases.crypto import CannotOpen
from cases.models import Case, Connector, Enforcement, EnforcementItem, TimelineEvent
from cases.services.connect import endpoint_of
from cases.services.lease import BREAKER, OPEN, Lease, take
from cases.services.timeline import append_event
from ingest.models import Account
from ingest.outbound import Answer, NoAnswer, NotSent
from ingest.services import record_account_state

log = logging.getLogger(__name__)

Kind, Order, Item = Enforcement.Kind, Enforcement.State, EnforcementItem.State
TRIES = 12  # about an hour of its own; a connector that rests uses up none


def deliver_due(limit: int = 500, *, seconds: float = 20.0) -> int:
    """The sweep: deliver what is due until nothing is, or the limit or the time is reached.

    Any number may run at once: each takes its items by SKIP LOCKED. Returns how many were tried.
    """
    tried, end = 0, time.monotonic() + seconds
    while tried < limit and time.monotonic() < end:
        lease = take(EnforcementItem.objects.all())
        if lease is None:
            break
        _deliver(lease)
        tried += 1
    _finish_what_is_complete()
    return tried


def deliver_item(pk: int) -> bool:
    """Try one item if it is due and nobody holds it. False: there was nothing to do."""
    lease = take(EnforcementItem.objects.filter(pk=pk))
    if lease is None:
        return False
    _deliver(lease)
    return True


def _deliver(lease: Lease) -> None:
    item, order = lease.item, lease.item.enforcement
    try:
        endpoint = endpoint_of(order.connector)
    except CannotOpen as error:
        log.error("connector %s: %s", order.connector.slug, error)
        _again(lease, f"the connector's secret cannot be opened: {error}")
        return
    account = item.account.external_id
    try:
        state = webhook.read_state(endpoint, account)
    except (NotSent, NoAnswer) as error:
        _trouble(lease, error)
        return
    _well(order.connector)
    before = state or Account.State.ACTIVE.value
    wanted, why_not = _wanted(lease, state)
    if wanted == state:
        if lease.note_before(before):
            _done(lease, state)
        return
    if why_not:
        lease.settle(Item.SKIPPED, last_error=why_not)
        _finish(order)
        return
    if not lease.note_before(before):
        return  # another worker has it now
    try:
        answer = webhook.send(endpoint, key=str(item.key), body=_body(item, wanted))
    except NotSent as error:
        _trouble(lease, error)
        return
    except NoAnswer as error:
        _trouble(lease, error, unknown=True)
        return
    _after_answer(lease, endpoint, wanted, answer)


def _wanted(lease: Lease, state: str | None) -> tuple[str, str]:
    """The state that the account shall have, and why nothing may be sent (or "")."""
    item, order = lease.item, lease.item.enforcement
    wanted = webhook.COMMANDS[order.kind][1]
    reverses = order.blast_radius.get("reverses")
    if reverses:
        was = EnforcementItem.objects.filter(
            enforcement__number=reverses, account=item.account
        ).first()
        wanted = was.state_before
        ordered = webhook.COMMANDS[was.enforcement.kind][1]
        if state != wanted and state != ordered:
            return wanted, f"is {state} now, which O-{reverses} did not do: left as it is"
    if order.state == Order.CANCELLED:
        return wanted, "the order was cancelled before it took effect"
    if order.expires_at and order.expires_at <= timezone.now():
        return wanted, "the order's end had passed"
    if order.kind == Kind.LIMIT and state == Account.State.SUSPENDED:
        return wanted, "is suspended: a limit would loosen that"
    return wanted, ""


def _body(item: EnforcementItem, state: str) -> bytes:
    order = item.enforcement
    return webhook.command(
        order.kind,
        account=item.account.external_id,
        state=state,
        order=order.ref,
        at=order.reviewed_at,
        reason=order.reason,
        # a restricted case is not named to those who run the platform
        case="" if order.case.restricted else order.case.ref,
        notice=order.notice,
        until=order.expires_at,
    )


def _after_answer(lease: Lease, endpoint, wanted: str, answer: Answer) -> None:
    item, connector = lease.item, lease.item.enforcement.connector
    status = answer.status
    said = {"last_status": status, "last_error": f"answered {status}"}
    wait = answer.retry_after(timezone.now())
    if 200 <= status < 300:
        _well(connector)
        try:
            state = webhook.read_state(endpoint, item.account.external_id)
        except (NotSent, NoAnswer) as error:
            _trouble(lease, error, unknown=True, last_status=status)
            return
        if state == wanted:
            _done(lease, state, last_status=status)
        else:
            _again(
                lease, f"accepted, but reads {state}", unknown=True, wait=wait, last_status=status
            )
    elif status in (425, 429):
        _slow_down(connector, wait)
        _again(lease, said["last_error"], wait=wait, last_status=status)
    elif status == 408 or status >= 500:
        _ill(connector, wait)
        # it may have taken effect before it broke
        _again(lease, said["last_error"], unknown=True, wait=wait, last_status=status)
    elif status == 410:
        Connector.objects.filter(pk=connector.pk).update(enabled=False)
        log.error("connector %s answered 410 Gone and is switched off", connector.slug)
        _again(lease, "answered 410: the connector is switched off", last_status=status)
    else:
        _well(connector)
        lease.settle(Item.FAILED, **said)
        _finish(item.enforcement)


def _done(lease: Lease, state: str, **fields) -> None:
    order = lease.item.enforcement
    with transaction.atomic():
        if not lease.settle(Item.DONE, state_after=state, last_error="", **fields):
            return
        record_account_state(
            lease.item.account.external_id,
            state=state,
            actor=order.ref,
            reason=order.reason[:300],
            at=timezone.now(),
        )
    _finish(order)


def _trouble(lease: Lease, error: Exception, *, unknown: bool = False, **fields) -> None:
    answer = getattr(error, "answer", None)
    wait = answer.retry_after(timezone.now()) if answer else None
    if answer and answer.status == 429:
        _slow_down(lease.item.enforcement.connector, wait)
    else:
        _ill(lease.item.enforcement.connector, wait)
    _again(lease, str(error), unknown=unknown, wait=wait, **fields)


def _again(
    lease: Lease, problem: str, *, unknown: bool = False, wait: float | None = None, **fields
) -> None:
    """Leave the item for a later try; after the last it failed, or is unknown until a person looks.

    What may have been sent once stays unknown, whatever happened to this try.
    """
    unknown = unknown or lease.sent_before
    attempts = lease.item.attempts
    if attempts < TRIES:
        rest = max(min(2.0**attempts, 1800.0) * random.uniform(0.5, 1.0), wait or 0.0)
        due = timezone.now() + timedelta(seconds=rest)
        state = Item.UNKNOWN if unknown else Item.WAITING
        lease.settle(state, due_at=due, last_error=problem, **fields)
        return
    problem = f"gave up after {attempts} tries: {problem}"
    lease.settle(Item.UNKNOWN if unknown else Item.FAILED, last_error=problem, **fields)
    _finish(lease.item.enforcement)


def _well(connector: Connector) -> None:
    Connector.objects.filter(pk=connector.pk, failures__gt=0).update(failures=0, open_until=None)


def _ill(connector: Connector, wait: float | None) -> None:
    """Count a failure; from BREAKER on in a row the connector rests, each time for longer."""
    Connector.objects.filter(pk=connector.pk).update(failures=F("failures") + 1)
    connector.refresh_from_db(fields=["failures"])
    over = connector.failures - BREAKER
    if over >= 0:
        _rest(connector, max(min(30.0 * 2 ** min(over, 5), 900.0), wait or 0.0))


def _slow_down(connector: Connector, wait: float | None) -> None:
    _rest(connector, wait if wait is not None else 5.0)


def _rest(connector: Connector, seconds: float) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    Connector.objects.filter(pk=connector.pk).update(open_until=until)


def _finish(order: Enforcement) -> None:
    """Close the order when no item is open. Of several workers one wins."""
    if EnforcementItem.objects.filter(OPEN, enforcement=order).exists():
        return
    now = timezone.now()
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=order.case_id)
        orders = Enforcement.objects.filter(pk=order.pk)
        finished = orders.filter(state=Order.RUNNING).update(state=Order.DONE, finished_at=now)
        if not finished:
            finished = orders.filter(state=Order.CANCELLED, finished_at=None).update(
                finished_at=now
            )
        if not finished:
            return
        counts = dict(order.items.values_list("state").annotate(n=Count("pk")).order_by())
        append_event(
            case,
            TimelineEvent.Kind.ENFORCEMENT_FINISHED,
            actor=None,
            content={"order": order.ref, "kind": order.kind, "items": counts},
        )


def _finish_what_is_complete() -> None:
    """Orders whose last worker was killed between its item and the order."""
    left = EnforcementItem.objects.filter(OPEN, enforcement=OuterRef("pk"))
    for order in Enforcement.objects.filter(
        Q(state=Order.RUNNING) | Q(state=Order.CANCELLED, finished_at=None)
    ).exclude(Exists(left)):
        _finish(order)
