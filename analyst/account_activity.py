"""An account's requests over time by model: the figure, and the same by day as a table."""

from datetime import UTC, datetime, timedelta

from django.db.models import Count, Max, Min, Sum
from django.db.models.functions import TruncDate

from cases import plots
from ingest.models import Account, ActivityHour

TOKENS = ("--s1", "--s2", "--s3", "--s4", "--s6")
OTHERS = "--s5"
STEPS = (1, 2, 3, 6, 12, 24, 48, 168)  # hours that a bar may cover
BARS_MAX = 160
SPAN_MAX = timedelta(weeks=13)
DAYS_SHOWN = 14


def figure(account: Account) -> dict:
    """Stacked bars by model, of the last 13 weeks that are known at most."""
    hours = ActivityHour.objects.filter(account=account)
    known = hours.aggregate(first=Min("hour"), last=Max("hour"))
    if known["last"] is None:
        start, step, bars = _midnight(datetime.now(UTC)), 24, 1
    else:
        start = max(known["first"], known["last"] - SPAN_MAX)
        span = (known["last"] - start) // timedelta(hours=1) + 1
        step = next((s for s in STEPS if span / s <= BARS_MAX), STEPS[-1])
        start = _midnight(start)  # bars begin where clocks do
        bars = (known["last"] - start) // timedelta(hours=step) + 1
    counts: dict[str, list[int]] = {}
    for model, hour, requests in hours.filter(hour__gte=start).values_list(
        "model", "hour", "requests"
    ):
        place = (hour - start) // timedelta(hours=step)
        counts.setdefault(model, [0] * bars)[place] += requests
    marks = []
    if account.state_at and account.state != Account.State.ACTIVE:
        marks = [plots.Mark(account.state_at, account.state)]
    return plots.activity(start, step, _layers(counts), marks=marks)


def days(account: Account) -> list[dict]:
    """The last days with traffic, newest first: {"day", "requests", "tokens", "hours"}."""
    return list(
        ActivityHour.objects.filter(account=account)
        .annotate(day=TruncDate("hour", tzinfo=UTC))
        .values("day")
        .annotate(
            requests=Sum("requests"),
            tokens=Sum("output_tokens"),
            hours=Count("hour", distinct=True),
        )
        .order_by("-day")[:DAYS_SHOWN]
    )


def _layers(counts: dict[str, list[int]]) -> list[plots.Series]:
    ranked = sorted(counts, key=lambda model: (-sum(counts[model]), model))
    layers = [
        plots.Series(model or "model unknown", counts[model], token)
        for model, token in zip(ranked, TOKENS, strict=False)
    ]
    if rest := ranked[len(TOKENS) :]:
        together = [sum(column) for column in zip(*(counts[model] for model in rest), strict=True)]
        layers.append(plots.Series(f"{len(rest)} other models", together, OTHERS))
    return layers


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
