"""Figures of a case for the page: the database bins the hours, cases.plots draws them.

Whatever the case's size, a figure takes at most cases.plots.POINTS_MAX points out of SQL.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from cases import plots
from cases.models import Case, Member
from ingest.models import Account, ActivityHour, ContextEvent

SPAN_MAX = timedelta(weeks=13)
BINS_MAX = 240
STEPS = (1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 168)
ACCOUNTS_SHOWN = 5
ROWS_MAX, COLUMNS_MAX = 48, 96
HOUR = timedelta(hours=1)
TIERS = (("core", "--s1"), ("likely", "--s1-soft"), ("possible", "--s1-pale"))
ACCOUNT_TOKENS = ("--s1", "--s2", "--s3", "--s4", "--s6", "--s5")
NAMES = {
    "member": Member._meta.db_table,
    "hour": ActivityHour._meta.db_table,
    "account": Account._meta.db_table,
}


@dataclass(frozen=True)
class Table:
    """A figure's data for people: fewer and rounder than its CSV."""

    caption: str
    columns: list[str]
    rows: list[list]


@dataclass(frozen=True)
class Drawn:
    """A figure, its rows as they are for CSV, and a table of them for people."""

    figure: dict
    columns: list[str]
    rows: list[list]
    table: Table


@dataclass(frozen=True)
class Window:
    """Whole bins of `hours` hours from start; end is the start of the bin after the last."""

    start: datetime
    hours: int
    bins: int

    @property
    def end(self) -> datetime:
        return self.start + self.hours * self.bins * HOUR

    def at(self, place: int) -> datetime:
        return self.start + self.hours * place * HOUR


def window(case: Case, *, bins: int, span: timedelta = SPAN_MAX) -> Window | None:
    """The case's activity, or the last `span` of it, in at most so many bins; None without any."""
    first, last = case.first_activity_at, case.last_activity_at
    if not first or not last:
        return None
    end = last.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    start = max(first, end - span).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = max(1, (end - start) // HOUR)
    step = next((s for s in STEPS if hours / s <= bins), STEPS[-1])
    # whole bins up to the end: half a bin at the end would look like a fall in traffic
    bins = -(-hours // step)
    return Window(end - step * bins * HOUR, step, bins)


def by_tier(case: Case) -> Drawn:
    """Requests over time, stacked by tier."""
    when = window(case, bins=BINS_MAX) or _nothing()
    counts = {name: [0] * when.bins for name, _ in TIERS}
    for place, tier, requests in _rows(
        """
        SELECT floor(extract(epoch FROM h.hour - %(start)s) / 3600 / %(step)s)::int, m.tier,
               sum(h.requests)
        FROM {member} m JOIN {hour} h ON h.account_id = m.account_id
        WHERE m.case_id = %(case)s AND m.left_at IS NULL
          AND h.hour >= %(start)s AND h.hour < %(end)s
        GROUP BY 1, 2
        """,
        case,
        when,
    ):
        counts[tier][place] = int(requests)
    series = [plots.Series(name, counts[name], token) for name, token in TIERS]
    return _activity(case, when, series, "tier")


def by_account(case: Case) -> Drawn:
    """Requests over time, the busiest accounts and all others."""
    when = window(case, bins=BINS_MAX) or _nothing()
    counts: dict[str, list[int]] = {}
    for place, name, requests in _rows(
        """
        WITH busiest AS MATERIALIZED (
            SELECT m.account_id, sum(h.requests) AS requests
            FROM {member} m JOIN {hour} h ON h.account_id = m.account_id
            WHERE m.case_id = %(case)s AND m.left_at IS NULL
              AND h.hour >= %(start)s AND h.hour < %(end)s
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(shown)s
        ), binned AS (
            SELECT floor(extract(epoch FROM h.hour - %(start)s) / 3600 / %(step)s)::int AS place,
                   b.account_id, sum(h.requests) AS requests
            FROM {member} m
            JOIN {hour} h ON h.account_id = m.account_id
            LEFT JOIN busiest b ON b.account_id = m.account_id
            WHERE m.case_id = %(case)s AND m.left_at IS NULL
              AND h.hour >= %(start)s AND h.hour < %(end)s
            GROUP BY 1, 2
        )
        SELECT binned.place, a.external_id, binned.requests
        FROM binned LEFT JOIN {account} a ON a.id = binned.account_id
        """,
        case,
        when,
        shown=ACCOUNTS_SHOWN,
    ):
        counts.setdefault(name, [0] * when.bins)[place] = int(requests)
    others = counts.pop(None, None)
    ranked = sorted(counts, key=lambda name: (-sum(counts[name]), name))
    series = [
        plots.Series(name, counts[name], token)
        for name, token in zip(ranked, ACCOUNT_TOKENS, strict=False)
    ]
    if others:
        rest = f"{max(case.members_total - len(ranked), 1):,} others"
        series.append(plots.Series(rest, others, ACCOUNT_TOKENS[-1]))
    return _activity(case, when, series, "account")


def by_hour(case: Case) -> Drawn:
    """Account × hour over the last four days."""
    return _heat(case, window(case, bins=COLUMNS_MAX, span=timedelta(days=4)))


def by_span(case: Case) -> Drawn:
    """Account × time over all of the case."""
    return _heat(case, window(case, bins=COLUMNS_MAX))


def by_week(case: Case) -> Drawn:
    """Requests by hour of the week, UTC."""
    when = window(case, bins=BINS_MAX) or _nothing()
    counts = [[0] * 24 for _ in range(7)]
    for day, hour, requests in _rows(
        """
        SELECT extract(isodow FROM h.hour AT TIME ZONE 'UTC')::int,
               extract(hour FROM h.hour AT TIME ZONE 'UTC')::int, sum(h.requests)
        FROM {member} m JOIN {hour} h ON h.account_id = m.account_id
        WHERE m.case_id = %(case)s AND m.left_at IS NULL
          AND h.hour >= %(start)s AND h.hour < %(end)s
        GROUP BY 1, 2
        """,
        case,
        when,
    ):
        counts[day - 1][hour] = int(requests)
    names = plots.DAYS
    return Drawn(
        plots.week(counts),
        ["weekday", "hour_utc", "requests"],
        [[names[d], h, counts[d][h]] for d in range(7) for h in range(24)],
        Table(
            "Requests by hour of the week, UTC",
            ["Hour", *names],
            [[f"{h:02d}–{(h + 1) % 24:02d}", *(counts[d][h] for d in range(7))] for h in range(24)],
        ),
    )


FIGURES: dict[str, Callable[[Case], Drawn]] = {
    "activity": by_tier,
    "accounts": by_account,
    "heat": by_hour,
    "heat-all": by_span,
    "week": by_week,
}


def marks(case: Case) -> list[plots.Mark]:
    """Decisions, delivered actions and releases: what a change in traffic may follow."""
    found = [
        plots.Mark(at, outcome.replace("_", " "))
        for at, outcome in case.decisions.order_by("decided_at").values_list(
            "decided_at", "outcome"
        )[:20]
    ]
    found += [
        plots.Mark(at, f"O-{number} {kind}")
        for at, number, kind in case.enforcements.filter(state__in=["running", "done"])
        .order_by("reviewed_at")
        .values_list("reviewed_at", "number", "kind")[:20]
        if at
    ]
    return found


def surroundings(when: Window) -> tuple[list[plots.Mark], list[plots.Shade]]:
    """Releases and prices as lines; outages and silent detectors as shaded times."""
    lines, shades = [], []
    events = ContextEvent.objects.filter(start_at__lt=when.end, start_at__gte=when.start - SPAN_MAX)
    for event in events.order_by("start_at", "id")[:40]:
        if event.kind in {ContextEvent.Kind.OUTAGE, ContextEvent.Kind.SILENCE}:
            shades.append(plots.Shade(event.start_at, event.end_at or when.end, event.label))
        else:
            lines.append(plots.Mark(event.start_at, event.label))
    return lines, shades


def _activity(case: Case, when: Window, series: list[plots.Series], by: str) -> Drawn:
    lines, shades = surroundings(when)
    figure = plots.activity(
        when.start, when.hours, series, marks=[*marks(case), *lines], shades=shades
    )
    names = [s.name for s in series]
    rows = [[when.at(i).isoformat(), s.name, s.values[i]] for i in range(when.bins) for s in series]
    days: dict[str, list[int]] = {}
    for i in range(when.bins):
        day = days.setdefault(f"{when.at(i):%-d %b %Y}", [0] * len(series))
        for j, s in enumerate(series):
            day[j] += s.values[i]
    table = Table(
        f"Requests a day by {by}", ["Day", *names], [[day, *v] for day, v in days.items()]
    )
    return Drawn(figure, ["start_utc", by, "requests"], rows, table)


def _heat(case: Case, when: Window | None) -> Drawn:
    when = when or _nothing()
    counts: dict[str, list[int]] = {}
    for name, place, requests in _rows(
        """
        WITH busiest AS MATERIALIZED (
            SELECT m.account_id, sum(h.requests) AS requests
            FROM {member} m JOIN {hour} h ON h.account_id = m.account_id
            WHERE m.case_id = %(case)s AND m.left_at IS NULL
              AND h.hour >= %(start)s AND h.hour < %(end)s
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(shown)s
        )
        SELECT a.external_id,
               floor(extract(epoch FROM h.hour - %(start)s) / 3600 / %(step)s)::int,
               sum(h.requests)
        FROM busiest b
        JOIN {hour} h ON h.account_id = b.account_id
        JOIN {account} a ON a.id = b.account_id
        WHERE h.hour >= %(start)s AND h.hour < %(end)s
        GROUP BY 1, 2
        """,
        case,
        when,
        shown=ROWS_MAX,
    ):
        counts.setdefault(name, [0] * when.bins)[place] = int(requests)
    names = sorted(counts)
    lines, shades = surroundings(when)
    figure = plots.heat(
        when.start,
        when.hours,
        names,
        [counts[name] for name in names],
        of=case.members_total,
        marks=[*marks(case), *lines],
        shades=shades,
    )
    ordered = [names[i] for i in plots.in_order([counts[name] for name in names])]
    days = list(dict.fromkeys(f"{when.at(i):%-d %b}" for i in range(when.bins)))
    table = []
    for name in ordered:
        per_day = dict.fromkeys(days, 0)
        for i, value in enumerate(counts[name]):
            per_day[f"{when.at(i):%-d %b}"] += value
        table.append([name, *per_day.values()])
    return Drawn(
        figure,
        ["account", "start_utc", "requests"],
        [
            [name, when.at(i).isoformat(), value]
            for name in ordered
            for i, value in enumerate(counts[name])
            if value
        ],
        Table("Requests a day by account", ["Account", *days], table),
    )


def _nothing() -> Window:
    return Window(datetime(2000, 1, 1, tzinfo=UTC), 1, 1)


def _rows(query: str, case: Case, when: Window, **parameters):
    parameters |= {"case": case.pk, "start": when.start, "end": when.end, "step": when.hours}
    with connection.cursor() as cursor:
        cursor.execute(query.format(**NAMES), parameters)
        return cursor.fetchall()
