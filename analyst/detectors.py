"""What the detectors page shows: who was heard, who is silent, what was rejected."""

from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate

from ingest.models import Batch, Detector, Rejection

DAYS = 14
BATCHES_SHOWN = 25
REJECTIONS_SHOWN = 25


def dressed_detectors(now: datetime) -> list[Detector]:
    """Every detector with its sums, its signals a day over two weeks, and how it stands."""
    detectors = list(Detector.objects.order_by("family", "slug"))
    sums = {
        row["detector"]: row
        for row in Batch.objects.values("detector")
        .annotate(stored=Sum("stored"), repeated=Sum("repeated"), rejected=Sum("rejected"))
        .order_by()
    }
    daily = _daily(Batch.objects.all(), now)
    nothing = {"stored": 0, "repeated": 0, "rejected": 0}
    for detector in detectors:
        detector.sums = sums.get(detector.pk, nothing)
        detector.trend = daily.get(detector.pk, [0] * DAYS)
        detector.standing = standing(detector, now)
    return detectors


def trend_of(detector: Detector, now: datetime) -> list[int]:
    """Its signals a day over two weeks."""
    return _daily(detector.batches.all(), now).get(detector.pk, [0] * DAYS)


def _daily(batches: QuerySet, now: datetime) -> dict[int, list[int]]:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=DAYS - 1)
    daily: dict[int, list[int]] = {}
    for pk, day, stored in (
        batches.filter(received_at__gte=first)
        .annotate(day=TruncDate("received_at", tzinfo=UTC))
        .values_list("detector", "day")
        .annotate(Sum("stored"))
        .order_by()
    ):
        daily.setdefault(pk, [0] * DAYS)[(day - first.date()).days] = stored
    return daily


def standing(detector: Detector, now: datetime) -> str:
    """off, never (not heard yet), silent (for longer than it may be) or heard."""
    if not detector.enabled:
        return "off"
    if detector.last_heard_at is None:
        return "never"
    allowed = detector.expected_interval
    return "silent" if allowed and now - detector.last_heard_at > allowed else "heard"


def span(length: timedelta) -> str:
    """10 min, 6 h, 2 d."""
    seconds = length.total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def latest_batches(detector: Detector | None) -> list[Batch]:
    batches = Batch.objects.select_related("detector").order_by("-id")
    if detector:
        batches = batches.filter(detector=detector).order_by("-received_at")
    return list(batches[:BATCHES_SHOWN])


def latest_rejections(detector: Detector | None) -> list[Rejection]:
    """Newest first, those that were mended since included; without their bodies."""
    rejections = Rejection.objects.select_related("batch__detector").defer("body").order_by("-id")
    if detector:
        rejections = rejections.filter(batch__detector=detector)
    return list(rejections[:REJECTIONS_SHOWN])
