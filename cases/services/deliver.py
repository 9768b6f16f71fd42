"""Carries orders out, many accounts side by side: lease, read, send, read back.

The row is the truth. A worker takes items by a lease that runs out, so that a killed worker's
items are taken again; such an item, and one whose answer did not come, is unknown, and read back
before anything is sent twice. Nothing holds a transaction open while the network is asked: the
threads talk to the platform and touch no row, the rows are written for all of a round at once.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from cases.crypto import CannotOpen
from cases.models import Case, Connector, Enforcement, EnforcementItem, Exchange, TimelineEvent
from cases.services import breaker
from cases.services.connect import endpoint_of
from cases.services.lease import (
    OPEN,
    Lease,
    Settlement,
    claim,
    due_connectors,
    note_before,
    settle,
)
from cases.services.nudge import after_commit
from cases.services.outcome import TRIES, Verdict, rest_of
from cases.services.timeline import append_event
from cases.services.tries import Round, Try
from ingest.services.account_states import ReadBack, record_read_back

log = logging.getLogger(__name__)

Order, Item = Enforcement.State, EnforcementItem.State
SIDE_BY_SIDE = 16  # each has a thread of its own, so a round ends within its lease


def deliver_due(limit: int = 5_000, *, seconds: float = 10.0) -> int:
    """The sweep: deliver what is due until nothing is, or the limit or the time is reached.

    Any number may run at once. A connector gets one item first, then twice as many each round, so
    that one that is away or asks to wait is not met by a burst. Returns how many were tried.
    """
    tried, end, at_once = 0, time.monotonic() + seconds, {}
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="deliver") as pool:
        going = True
        while going and tried < limit and time.monotonic() < end:
            going = False
            for connector in due_connectors():
                most = at_once.get(connector.pk, 1)
                leases = claim(connector, most=min(most, limit - tried))
                if leases:
                    tried += _deliver(leases, pool.map)
                    at_once[connector.pk] = min(2 * most, SIDE_BY_SIDE)
                    going = True
    _finish_what_is_complete()
    if going:  # the time was up before the work was
        after_commit("deliver_due_items")
    return tried


def deliver_item(pk: int) -> bool:
    """Try one item if it is due and nobody holds it. False: there was nothing to do."""
    connector = Connector.objects.get(enforcements__items=pk)
    leases = claim(connector, most=1, only=pk)
    return bool(leases) and bool(_deliver(leases, map))


def _deliver(leases: list[Lease], side_by_side: Callable) -> int:
    """One round: all leases are of one connector. Returns how many were tried."""
    connector = leases[0].item.enforcement.connector
    try:
        endpoint = endpoint_of(connector)
    except CannotOpen as error:
        log.error("connector %s: %s", connector.slug, error)
        problem = Verdict("again", "", f"the connector's secret cannot be opened: {error}")
        _settle([Settlement(lease, **_after(lease, problem)) for lease in leases])
        return len(leases)
    now = Round(connector.kind, endpoint, leases)
    for _ in side_by_side(now.read, now.tries):
        pass
    found = [one for one in now.tries if one.ready or (one.verdict and one.verdict.item == "done")]
    ours = note_before([(one.lease, one.state_before, one.native_before) for one in found])
    ready = [one for one in found if one.ready and one.lease.item.pk in ours]
    for _ in side_by_side(now.send, ready):
        pass
    _settle([_settlement(one) for one in now.tries], now)
    breaker.tell(connector, now.ended)
    _finish_all(leases)
    return sum(one.tried for one in now.tries)


def _settlement(one: Try) -> Settlement:
    if one.verdict is None:  # the round stopped before its turn, or another worker has it
        state = Item.UNKNOWN if one.lease.sent_before else Item.WAITING
        return Settlement(one.lease, state, due_at=timezone.now(), tried=False)
    return Settlement(one.lease, **_after(one.lease, one.verdict, one.may_ask_again))


def _after(lease: Lease, verdict: Verdict, may_ask_again: bool = True) -> dict:
    """The fields of a settlement.

    What may have been sent once stays unknown, whatever happened to this try; after the last try
    it is unknown until a person looks, and so it is at once where neither key nor reading could
    keep a second try from being a second effect.
    """
    told = {"status": verdict.status, "error": verdict.says}
    if verdict.item == "done":
        return told | {"state": Item.DONE, "state_after": verdict.state}
    if verdict.item in ("failed", "skipped"):
        return told | {"state": Item.FAILED if verdict.item == "failed" else Item.SKIPPED}
    unknown = verdict.item in ("unknown", "person") or lease.sent_before
    attempts = lease.item.attempts
    if verdict.item == "person" or (unknown and not may_ask_again):
        told["error"] = f"needs a person: {verdict.says}, and it cannot be asked what it did"
        return told | {"state": Item.UNKNOWN}
    if attempts >= TRIES:
        told["error"] = f"gave up after {attempts} tries: {verdict.says}"
        return told | {"state": Item.UNKNOWN if unknown else Item.FAILED}
    due = timezone.now() + timedelta(seconds=rest_of(attempts, verdict.wait))
    return told | {"state": Item.UNKNOWN if unknown else Item.WAITING, "due_at": due}


def _settle(rows: list[Settlement], now: Round | None = None) -> None:
    """The outcome rows, what is believed of the accounts, and what was said: one transaction."""
    at = timezone.now()
    with transaction.atomic():
        held = settle(rows)
        done = [row for row in rows if row.state == Item.DONE and row.lease.item.pk in held]
        record_read_back([_read_back(row) for row in done], at=at)
        if now:
            _keep_exchanges(now, at)


def _read_back(row: Settlement) -> ReadBack:
    item, order = row.lease.item, row.lease.item.enforcement
    kind = order.target_kind if item.target else ""
    return ReadBack(
        item.account_id, row.state_after, order.ref, order.reason, kind=kind, part=item.target
    )


def _keep_exchanges(now: Round, at) -> None:
    Exchange.objects.bulk_create(
        [
            Exchange(
                connector=one.lease.item.enforcement.connector,
                item=one.lease.item,
                attempt=one.lease.item.attempts,
                at=at,
                **vars(said),
            )
            for one in now.tries
            for said in one.wire.said
        ]
    )


def _finish_all(leases: list[Lease]) -> None:
    orders = {lease.item.enforcement_id: lease.item.enforcement for lease in leases}
    for order in orders.values():
        _finish(order)


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
