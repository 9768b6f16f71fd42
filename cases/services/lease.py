"""A worker takes items of one connector for a while. Fenced: who was too slow settles nothing.

All of it is set-based: one claim and one settlement for as many items as are tried side by side.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from cases.models import Connector, Enforcement, EnforcementItem

Order, Item = Enforcement.State, EnforcementItem.State
LEASE = timedelta(seconds=60)  # longer than the three requests of one try can take
BREAKER = 5  # failures in a row, then the connector rests
OPEN = Q(state__in=[Item.WAITING, Item.SENDING]) | Q(state=Item.UNKNOWN, due_at__isnull=False)
FINAL = (Item.DONE, Item.FAILED, Item.SKIPPED)
DUE = Q(state__in=[Item.WAITING, Item.SENDING, Item.UNKNOWN])  # as the index of the sweep has it
READY = Q(enforcement__state=Order.RUNNING, enforcement__paused_at=None, state=Item.WAITING) | Q(
    enforcement__state__in=[Order.RUNNING, Order.CANCELLED], state__in=[Item.SENDING, Item.UNKNOWN]
)


@dataclass
class Lease:
    """An item that is ours until leased_until, which no other lease of it shares."""

    item: EnforcementItem
    leased_until: datetime
    sent_before: bool  # it may have been sent: an earlier try got no answer, or its worker died


@dataclass
class Settlement:
    """How one try ended. due_at: when the next one may be made; None: never by itself.

    tried False: nothing was asked of the platform, so that no try is used up.
    """

    lease: Lease
    state: str
    due_at: datetime | None = None
    status: int | None = None
    error: str = ""
    state_after: str = ""
    tried: bool = True


def due_connectors() -> list[Connector]:
    """Those that are on, don't rest, and have an item that is due."""
    now = timezone.now()
    due = EnforcementItem.objects.filter(
        READY, DUE, due_at__lte=now, enforcement__connector=OuterRef("pk")
    )
    return list(
        Connector.objects.filter(
            Q(open_until=None) | Q(open_until__lte=now), Exists(due), enabled=True
        ).order_by("pk")
    )


def claim(connector: Connector, *, most: int, only: int | None = None) -> list[Lease]:
    """Lease up to `most` items that are due for longest, in a transaction of its own.

    The connector's row is held meanwhile: claims on it follow each other, so each sees what the
    others took, and two orders about one account are never on their way together. A connector
    that fails gets what is left until its breaker opens; after its rest one probe, not a burst.
    only: the key of the one item that is wanted.
    """
    with transaction.atomic():
        connector = Connector.objects.select_for_update().get(pk=connector.pk)
        now = timezone.now()
        if not connector.enabled or (connector.open_until and connector.open_until > now):
            return []
        if connector.failures >= BREAKER:
            most = 1
        elif connector.failures:
            most = min(most, BREAKER - connector.failures)
        found = _ready(connector, now)
        if only:
            found = found.filter(pk=only)
        items = list(found[:most])
        if not items:
            return []
        until = now + LEASE
        # a lease that runs out makes the item due again by itself
        EnforcementItem.objects.filter(pk__in=[item.pk for item in items]).update(
            state=Item.SENDING, attempts=F("attempts") + 1, leased_until=until, due_at=until
        )
        if connector.failures >= BREAKER:
            Connector.objects.filter(pk=connector.pk).update(open_until=until)
    leases = []
    for item in items:
        # the state before is noted just before the call: without it nothing was ever sent
        sent = item.state == Item.UNKNOWN or (item.state == Item.SENDING and item.state_before)
        leases.append(Lease(item, leased_until=until, sent_before=bool(sent)))
        item.state, item.attempts = Item.SENDING, item.attempts + 1
        item.enforcement.connector = connector
    return leases


def _ready(connector: Connector, now: datetime):
    """What may be tried now, longest due first.

    Of two orders about one account the one that was approved first ends first, so the later one
    has the last word; what is on its way already ends before anything else begins.
    """
    others = EnforcementItem.objects.filter(
        OPEN,
        due_at__isnull=False,
        account=OuterRef("account"),
        enforcement__connector=OuterRef("enforcement__connector"),
    ).exclude(pk=OuterRef("pk"))
    on_the_way = Q(state__in=[Item.SENDING, Item.UNKNOWN])
    another = ~Q(enforcement=OuterRef("enforcement"))  # keys of one account may go side by side
    # what needed no second person runs from when it was asked for
    approved = Coalesce("enforcement__reviewed_at", "enforcement__requested_at")
    others = others.alias(approved=approved)
    earlier = Q(approved__lt=OuterRef("approved")) | Q(
        approved=OuterRef("approved"), enforcement__number__lt=OuterRef("enforcement__number")
    )
    return (
        EnforcementItem.objects.select_related(
            "account", "enforcement__case", "enforcement__reverses"
        )
        .alias(approved=approved)
        .select_for_update(skip_locked=True, of=("self",))
        .filter(READY, DUE, due_at__lte=now, enforcement__connector=connector)
        .filter(
            Q(state=Item.WAITING) & ~Exists(others.filter(another & on_the_way | earlier))
            | on_the_way & ~Exists(others.filter(on_the_way & earlier))
        )
        .order_by("due_at", "id")
    )


def note_before(readings: Iterable[tuple[Lease, str, Mapping]]) -> set[int]:
    """Keep the state that a reversal will restore, before anything is sent.

    readings: (lease, state, native settings). What an earlier try kept stays. Returns the keys of
    the items that are still ours; nothing may be sent for the others.
    """
    rows = list(readings)
    for lease, state, native in rows:
        if not lease.item.state_before:
            lease.item.state_before, lease.item.native_before = state, dict(native) or None
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE cases_enforcementitem i
            SET state_before = CASE i.state_before WHEN '' THEN v.state ELSE i.state_before END,
                native_before = CASE i.state_before WHEN '' THEN v.native::jsonb
                    ELSE i.native_before END
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[])
                v(id, lease, state, native)
            WHERE i.id = v.id AND i.state = 'sending' AND i.leased_until = v.lease
            RETURNING i.id
            """,
            [
                [lease.item.pk for lease, _, _ in rows],
                [lease.leased_until for lease, _, _ in rows],
                [state for _, state, _ in rows],
                [json.dumps(dict(native)) if native else None for _, _, native in rows],
            ],
        )
        return {pk for (pk,) in cursor.fetchall()}


def settle(settlements: Iterable[Settlement]) -> set[int]:
    """End tries. Returns the keys that held: an item that another worker took since is not ours."""
    rows, now = list(settlements), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE cases_enforcementitem i
            SET state = v.state, due_at = v.due, leased_until = NULL,
                last_status = coalesce(v.status, i.last_status),
                last_error = CASE WHEN v.tried OR v.error <> '' THEN v.error
                    ELSE i.last_error END,
                state_after = CASE v.after WHEN '' THEN i.state_after ELSE v.after END,
                attempts = i.attempts - CASE WHEN v.tried THEN 0 ELSE 1 END,
                finished_at = CASE WHEN v.state = ANY(%s) THEN %s ELSE i.finished_at END
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::int[],
                %s::text[], %s::text[], %s::bool[])
                v(id, lease, state, due, status, error, after, tried)
            WHERE i.id = v.id AND i.state = 'sending' AND i.leased_until = v.lease
            RETURNING i.id
            """,
            [
                [str(state) for state in FINAL],
                now,
                [row.lease.item.pk for row in rows],
                [row.lease.leased_until for row in rows],
                [str(row.state) for row in rows],
                [row.due_at for row in rows],
                [row.status for row in rows],
                [row.error[:300] for row in rows],
                [row.state_after for row in rows],
                [row.tried for row in rows],
            ],
        )
        return {pk for (pk,) in cursor.fetchall()}
