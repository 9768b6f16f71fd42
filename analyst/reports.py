"""What the desk did in a number of days: its work, what was taken, whether actions helped.

Counts that people may see of cases that they may see: a restricted case is in its readers' figures
alone. A merged case counts as the case that it went into. Every figure is one query whatever the
number of cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Q, QuerySet

from analyst.access import visible_cases
from analyst.figures import Drawn, Table
from analyst.reshape import aftermath_words
from cases import plots, scoring
from cases.agreement import krippendorff_alpha
from cases.models import Aftermath, Case, Decision, SampleAnswer, TimelineEvent
from cases.services.aftermath import DAYS
from cases.waiting import STEPS, Bin, Waiting, waiting

SPANS = (7, 28, 90)
USUAL = 28
ORDERS_SHOWN = 50
LEVELS = ("P1", "P2", "P3")
FEWEST_READERS = 3  # with two, the team's agreement would tell how each of them judges
Kind = TimelineEvent.Kind


@dataclass(frozen=True)
class Period:
    """Whole days in UTC, the last one today."""

    days: int
    end: datetime  # the end of today
    now: datetime

    @property
    def start(self) -> datetime:
        return self.end - timedelta(days=self.days)


def period(days: int, now: datetime) -> Period:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Period(days, today + timedelta(days=1), now)


@dataclass(frozen=True)
class Level:
    """The work of one service level, by the priority that a case has now.

    due, in_time: cases with a due time in the period that has passed, and those decided by then.
    """

    name: str
    open: int
    unclaimed: int
    overdue: int
    oldest: datetime | None
    due: int
    in_time: int
    claimed: Waiting
    decided: Waiting

    @property
    def share_in_time(self) -> float | None:
        return self.in_time / self.due if self.due else None


# One row a level, with the standing work and what fell due.
STANDING = """
SELECT {level} AS level,
       count(*) FILTER (WHERE {open}),
       count(*) FILTER (WHERE {open} AND (c.owner_id IS NULL OR c.claimed_until < %(now)s)),
       count(*) FILTER (WHERE {open} AND c.due_at < %(now)s),
       min(c.opened_at) FILTER (WHERE {open}),
       count(*) FILTER (WHERE c.due_at >= %(start)s AND c.due_at < %(now)s),
       count(*) FILTER (WHERE c.due_at >= %(start)s AND c.due_at < %(now)s
                          AND d.at IS NOT NULL AND d.at <= c.due_at)
FROM cases_case c
LEFT JOIN LATERAL (
    SELECT max(decided_at) AS at FROM cases_decision WHERE case_id = c.id
) d ON true
WHERE c.id IN ({seen}) AND c.merged_into_id IS NULL
GROUP BY 1
"""
# Cases opened in the period: bins of the time to the first claim and to the first decision.
TIMES = """
WITH opened AS (
    SELECT c.id, c.opened_at, {level} AS level FROM cases_case c
    WHERE c.id IN ({seen}) AND c.merged_into_id IS NULL
      AND c.opened_at >= %(start)s AND c.opened_at < %(end)s
), times AS (
    SELECT o.level, o.opened_at, t.what, t.at FROM opened o CROSS JOIN LATERAL (
        SELECT 'decided' AS what, min(decided_at) AS at FROM cases_decision WHERE case_id = o.id
        UNION ALL
        SELECT 'claimed', min(at) FROM cases_timelineevent
        WHERE case_id = o.id AND kind IN ('case_claimed', 'decision_recorded')
    ) t
)
SELECT level, what,
       floor({steps} * ln(1 + greatest(
           extract(epoch FROM coalesce(at, %(now)s) - opened_at), 0) / 60))::int,
       count(at), count(*) - count(at)
FROM times GROUP BY 1, 2, 3
"""


def levels(user: User, when: Period) -> list[Level]:
    standing = {row[0]: row[1:] for row in _rows(STANDING, user, when)}
    bins: dict[tuple[str, str], list[Bin]] = {}
    for level, what, *counts in _rows(TIMES, user, when):
        bins.setdefault((level, what), []).append(Bin(*counts))
        bins.setdefault(("all", what), []).append(Bin(*counts))
    answer = []
    for name in LEVELS:
        opened, unclaimed, overdue, oldest, due, in_time = standing.get(name, (0, 0, 0, None, 0, 0))
        answer.append(
            Level(
                name, opened, unclaimed, overdue, oldest, due, in_time,
                waiting(bins.get((name, "claimed"), [])), waiting(bins.get((name, "decided"), [])),
            )
        )  # fmt: skip
    return [*answer, _together(answer, bins)]


def _together(found: Sequence[Level], bins) -> Level:
    return Level(
        "all",
        *(sum(getattr(one, name) for one in found) for name in ("open", "unclaimed", "overdue")),
        min((one.oldest for one in found if one.oldest), default=None),
        *(sum(getattr(one, name) for one in found) for name in ("due", "in_time")),
        waiting(_summed(bins.get(("all", "claimed"), []))),
        waiting(_summed(bins.get(("all", "decided"), []))),
    )


def _summed(bins: Sequence[Bin]) -> list[Bin]:
    totals: dict[int, list[int]] = {}
    for one in bins:
        sums = totals.setdefault(one.place, [0, 0])
        sums[0] += one.done
        sums[1] += one.open
    return [Bin(place, *sums) for place, sums in totals.items()]


def _rows(sql: str, user: User, when: Period) -> list[tuple]:
    seen, asked = visible_cases(user).order_by().values("pk").query.sql_with_params()
    names = {f"seen{i}": value for i, value in enumerate(asked)}
    placed = seen % tuple(f"%({name})s" for name in names)
    level = (
        f"CASE WHEN c.priority >= {scoring.P1} THEN 'P1' "
        f"WHEN c.priority >= {scoring.P2} THEN 'P2' ELSE 'P3' END"
    )
    text = sql.format(
        level=level, seen=placed, steps=STEPS,
        open="c.status IN ('new', 'in_review', 'escalated', 'reopened')",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(text, names | {"start": when.start, "end": when.end, "now": when.now})
        return cursor.fetchall()


def work_days(user: User, when: Period) -> list[plots.WorkDay]:
    """Each day's cases that came or came back, that were decided, and what was left open.

    What was open is counted back from what is open now: only transitions since are read.
    """
    with connection.cursor() as cursor:
        seen = visible_cases(user).filter(merged_into=None).order_by()
        kinds = [Kind.CASE_OPENED, Kind.CASE_REOPENED, Kind.CASE_GREW, Kind.DECISION_RECORDED]
        events = TimelineEvent.objects.filter(case__in=seen.values("pk"), kind__in=kinds)
        inner, asked = (
            events.filter(at__gte=when.start, at__lt=when.end)
            .order_by()
            .values("at", "kind")
            .query.sql_with_params()
        )
        cursor.execute(
            f"SELECT (e.at AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE e.kind <> %s), "
            f"count(*) FILTER (WHERE e.kind = %s) FROM ({inner}) e GROUP BY 1",
            [Kind.DECISION_RECORDED, Kind.DECISION_RECORDED, *asked],
        )
        counted = {day: counts for day, *counts in cursor.fetchall()}
    left = seen.filter(status__in=Case.OPEN).count()
    answer = []
    for back in range(when.days):
        day = (when.end - timedelta(days=back + 1)).date()
        opened, decided = counted.get(day, (0, 0))
        answer.append(plots.WorkDay(day, opened, decided, left))
        left += decided - opened
    return answer[::-1]


def backlog_drawn(user: User, when: Period) -> Drawn:
    days = work_days(user, when)
    rows = [[one.day.isoformat(), one.opened, one.decided, one.left] for one in days]
    columns = ["Day", "Came", "Decided", "Open at its end"]
    busy = [row for row in rows if any(row[1:3])] or rows[-1:]
    return Drawn(
        plots.backlog(days),
        ["day_utc", "opened", "decided", "open_at_end"],
        rows,
        Table("Days on which something came or was decided", columns, busy),
    )


def verdicts(user: User, when: Period) -> list[dict]:
    """Decisions of the period by outcome, the usual ones first: {"outcome", "words", "count"}."""
    seen = visible_cases(user).values("pk")
    rows = dict(
        Decision.objects.filter(case__in=seen, decided_at__gte=when.start, decided_at__lt=when.end)
        .values_list("outcome")
        .annotate(n=Count("pk"))
        .order_by()
    )
    named = [choice for choice in Case.Verdict.choices if choice[0] != Case.Verdict.UNDECIDED]
    return [{"outcome": o, "words": words, "count": rows.get(o, 0)} for o, words in named]


@dataclass(frozen=True)
class Taken:
    """Output tokens that confirmed cases took, as a range. missing: cases without recorded
    tokens."""

    cases: int
    core: int
    weighted: int
    all: int
    missing: int


def taken(user: User, when: Period) -> Taken:
    """By confirmed cases whose verdict fell in the period; an account in two cases counts twice."""
    confirmed = visible_cases(user).filter(
        verdict=Case.Verdict.CONFIRMED, merged_into=None,
        decided_at__gte=when.start, decided_at__lt=when.end,
    )  # fmt: skip
    parts = [part or {} for part in confirmed.values_list("explanation__extraction", flat=True)]
    known = [part for part in parts if part.get("all") is not None]
    sums = (sum(part.get(name) or 0 for part in known) for name in ("core", "weighted", "all"))
    return Taken(len(parts), *sums, len(parts) - len(known))


@dataclass(frozen=True)
class Returned:
    """Return traffic after the actions of which it is known: a lower bound over all of them.

    share: requests after over requests before, of `known` of `orders` actions; None: of none.
    """

    days: int
    share: float | None
    known: int
    orders: int


@dataclass(frozen=True)
class Acted:
    """Actions that took effect in the period, the newest ones in words."""

    orders: int
    accounts: int
    tokens_before: int | None
    hours_missing: int
    time_to_act: timedelta | None  # median from first signal to effect
    returned: list[Returned]
    rows: list[dict]


def acted(user: User, when: Period) -> Acted:
    seen = visible_cases(user).values("pk")
    rows = list(
        Aftermath.objects.filter(
            order__case__in=seen, acted_at__gte=when.start, acted_at__lt=when.end
        )
        .select_related("order__case")
        .defer("order__case__explanation", "order__case__search_text")
        .order_by("-acted_at", "-pk")
    )
    took = [row.acted_at - row.first_signal_at for row in rows if row.first_signal_at]
    tokens = [row.tokens_before for row in rows if row.tokens_before is not None]
    return Acted(
        len(rows),
        sum(row.accounts for row in rows),
        sum(tokens) if tokens else None,
        sum(row.hours_missing for row in rows),
        median(took) if took else None,
        [_pooled(days, rows) for days in DAYS],
        [aftermath_words(row) for row in rows[:ORDERS_SHOWN]],
    )


def _pooled(days: int, rows: Sequence[Aftermath]) -> Returned:
    told = [row.returned.get(str(days)) or {} for row in rows]
    known = [one for one in told if one.get("share") is not None]
    before = sum(one["requests_before"] for one in known)
    after = sum(one["requests_after"] for one in known)
    return Returned(days, after / before if before else None, len(known), len(rows))


@dataclass(frozen=True)
class TeamAgreement:
    """Accounts that two people or more read blind to the end. alpha None: not to be told."""

    alpha: float | None
    units: int
    readers: int
    private: bool


def team_agreement(user: User, when: Period) -> TeamAgreement:
    """Krippendorff's alpha over the team, kept back where it would tell of one person."""
    answers = SampleAnswer.objects.filter(
        reading__finished_at__gte=when.start, reading__finished_at__lt=when.end,
        item__sample__case__in=visible_cases(user).values("pk"),
    ).values_list("item_id", "answer", "reading__reader")  # fmt: skip
    units: dict[int, list[str]] = {}
    people: dict[int, set[int]] = {}
    for item, answer, reader in answers:
        units.setdefault(item, []).append(answer)
        people.setdefault(item, set()).add(reader)
    twice = [item for item, readers in people.items() if len(readers) > 1]
    readers = set().union(*(people[item] for item in twice))
    private = bool(twice) and len(readers) < FEWEST_READERS
    alpha = None if private else krippendorff_alpha(units[item] for item in twice)
    return TeamAgreement(alpha, len(twice), len(readers), private)


def snoozed(user: User, now: datetime) -> int:
    """Open cases that a snooze hides now."""
    rows: QuerySet = visible_cases(user).open().filter(Q(snoozed_until__gt=now))
    return rows.count()
