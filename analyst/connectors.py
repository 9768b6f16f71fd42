"""What the desk shows of connectors: how each is, and what was said last. Constant in queries."""

from datetime import datetime

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone

from cases.models import Connector, EnforcementItem, Exchange
from cases.services.lease import BREAKER, OPEN

LAST = 30


def standing_of(connector: Connector, now: datetime) -> tuple[str, str, str]:
    """How it is, in words; icon and tone."""
    if not connector.enabled:
        who = connector.off_because or "switched off"
        return f"off: {who}" if connector.off_because else "off", "no", "bad"
    failed = f"{connector.failures:,} failure{'s' if connector.failures != 1 else ''} in a row"
    if connector.open_until and connector.open_until > now:
        why = failed if connector.failures >= BREAKER else "it asked to slow down"
        return f"rests until {connector.open_until:%H:%M:%S} UTC: {why}", "clock", "up"
    if connector.failures >= BREAKER:
        return f"tries one account: {failed}", "half", "up"
    if connector.failures:
        return failed, "warn", "up"
    return "on", "check", "good"


def rows() -> list[Connector]:
    """All connectors with standing, open items by state, and the last exchange."""
    now = timezone.now()
    last = Exchange.objects.filter(connector=OuterRef("pk")).order_by("-id").values("pk")[:1]
    found = list(
        Connector.objects.select_related("switched_by")
        .defer("sealed_secret")
        .annotate(last_pk=Subquery(last))
        .order_by("name", "pk")
    )
    exchanges = Exchange.objects.in_bulk([one.last_pk for one in found if one.last_pk])
    counts: dict[int, dict[str, int]] = {}
    items = EnforcementItem.objects.filter(OPEN, due_at__isnull=False)
    for pk, state, count in items.values_list("enforcement__connector", "state").annotate(
        n=Count("pk")
    ):
        counts.setdefault(pk, {})[state] = count
    for one in found:
        one.words, one.icon, one.tone = standing_of(one, now)
        one.open = counts.get(one.pk, {})
        one.open_total = sum(one.open.values())
        one.last = exchanges.get(one.last_pk)
    return found


def ill() -> list[Connector]:
    """Those that carry nothing now, with their standing; for whoever waits for an action."""
    now = timezone.now()
    found = []
    for one in Connector.objects.defer("sealed_secret").order_by("name", "pk"):
        one.words, one.icon, one.tone = standing_of(one, now)
        if one.tone != "good":
            found.append(one)
    return found


def last_exchanges(connector: Connector | None) -> list[Exchange]:
    said = Exchange.objects.select_related("connector", "item__account", "item__enforcement")
    if connector:
        said = said.filter(connector=connector)
    return list(said.order_by("-id")[:LAST])
