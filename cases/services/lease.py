"""A worker takes an item of an order for a while. Fenced: who was too slow settles nothing."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from cases.models import Connector, Enforcement, EnforcementItem

Order, Item = Enforcement.State, EnforcementItem.State
LEASE = timedelta(seconds=60)  # longer than the three requests of one try can take
BREAKER = 5  # failures in a row, then the connector rests
OPEN = Q(state__in=[Item.WAITING, Item.SENDING]) | Q(state=Item.UNKNOWN, due_at__isnull=False)


@dataclass
class Lease:
    """An item that is ours until its attempt number moves on."""

    item: EnforcementItem
    sent_before: bool  # it may have been sent: an earlier try got no answer, or its worker died

    def settle(self, state: str, **fields) -> bool:
        """End this try; False when another worker has taken the item since."""
        fields = {"leased_until": None, "due_at": None} | fields
        if "last_error" in fields:
            fields["last_error"] = fields["last_error"][:300]
        if state in (Item.DONE, Item.FAILED, Item.SKIPPED):
            fields["finished_at"] = timezone.now()
        return bool(self._mine().update(state=state, **fields))

    def note_before(self, state: str) -> bool:
        """Keep the state that a reversal will restore, before anything is sent."""
        if self.item.state_before:
            return self._mine().exists()
        self.item.state_before = state
        return bool(self._mine().update(state_before=state))

    def _mine(self):
        return EnforcementItem.objects.filter(
            pk=self.item.pk, state=Item.SENDING, attempts=self.item.attempts
        )


def take(items) -> Lease | None:
    """Lease the item that is due for longest, in a transaction of its own."""
    now = timezone.now()
    # of two orders about one account the earlier one ends first, so the later one has the last word
    earlier = EnforcementItem.objects.filter(
        OPEN,
        due_at__isnull=False,
        account=OuterRef("account"),
        enforcement__connector=OuterRef("enforcement__connector"),
        enforcement__number__lt=OuterRef("enforcement__number"),
    )
    with transaction.atomic():
        item = (
            items.select_related("account", "enforcement__connector", "enforcement__case")
            .select_for_update(skip_locked=True, of=("self",))
            .filter(
                Q(
                    enforcement__state=Order.RUNNING,
                    enforcement__paused_at=None,
                    state=Item.WAITING,
                )
                | Q(
                    enforcement__state__in=[Order.RUNNING, Order.CANCELLED],
                    state__in=[Item.SENDING, Item.UNKNOWN],
                ),
                Q(enforcement__connector__open_until=None)
                | Q(enforcement__connector__open_until__lte=now),
                due_at__lte=now,
                enforcement__connector__enabled=True,
            )
            .exclude(Exists(earlier))
            .order_by("due_at", "id")
            .first()
        )
        if item is None or not _may_ask(item.enforcement.connector, now):
            return None
        lease = Lease(item, sent_before=item.state != Item.WAITING)
        item.state = Item.SENDING
        item.attempts += 1
        # a lease that runs out makes the item due again by itself
        item.leased_until = item.due_at = now + LEASE
        item.save(update_fields=["state", "attempts", "leased_until", "due_at"])
    return lease


def _may_ask(connector: Connector, now) -> bool:
    """After its rest a failing connector gets one probe, not a burst."""
    if connector.failures < BREAKER:
        return True
    rested = Q(open_until=None) | Q(open_until__lte=now)
    return bool(Connector.objects.filter(rested, pk=connector.pk).update(open_until=now + LEASE))
