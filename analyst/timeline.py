"""Reads what happened to a case, a bounded number of rows whatever its size, for cases.timeline."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count, Max
from django.db.models.functions import TruncDate

from analyst.templatetags.desk import person
from cases.models import Case, Member, TimelineEvent
from cases.timeline import (
    ACTIONS,
    EVENT_KINDS,
    PEOPLE,
    SIGNALS,
    Entry,
    EventRow,
    SignalDay,
    StateDay,
    by_day,
    from_context,
    from_event,
    from_signals,
    from_states,
    merge,
    place_from_text,
    place_to_text,
    signals_before,
)
from ingest.models import ContextEvent, Detector, Signal

PAGE = 40
COUNTED = 10_000
SIGNALS_READ = 2000
MEMBERS_READ = 500
SHELVES = [("", "All"), (PEOPLE, "People"), (ACTIONS, "Actions"), (SIGNALS, "Signals")]
LOOKS = ("content_revealed", "share_downloaded", "packet_downloaded")


@dataclass(frozen=True)
class TimelinePage:
    days: list
    older: str | None
    shelf: str
    head: TimelineEvent | None


def timeline_page(case: Case, data) -> TimelinePage:
    """One screenful of the merged timeline, newest first; data are the URL's parameters."""
    shelf = data.get("show") if data.get("show") in dict(SHELVES) else ""
    before = place_from_text(data.get("older") or "")
    events = _events(case, shelf, before)
    sources: list[list[Entry]] = [[from_event(_row(event)) for event in events]]
    known_since = None
    if shelf in ("", SIGNALS):
        signals, known_since = _signals(case, before)
        sources.append(signals)
    if shelf in ("", ACTIONS):
        sources.append(_states(case))
    if shelf == "":
        sources.append(_context(case))
    entries, older = merge(*sources, before=before, limit=PAGE, known_since=known_since)
    return TimelinePage(
        days=by_day(entries),
        older=place_to_text(older) if older else None,
        shelf=shelf,
        head=_head(case, None if shelf or before else events),
    )


def counts(case: Case) -> dict[str, str]:
    """How many entries each filter holds. Counted no further than COUNTED, and said so."""
    latest = case.events.order_by("-seq").values("pk")[: COUNTED + 1]
    kinds = TimelineEvent.objects.filter(pk__in=latest).values_list("kind")
    shelves: Counter[str] = Counter()
    for kind, number in kinds.annotate(n=Count("pk")).order_by():
        shelves[EVENT_KINDS.get(kind, (PEOPLE,))[0]] += number
    members = Member.objects.current().filter(case=case).values("account")
    signals = Signal.objects.filter(account__in=members).order_by()[: COUNTED + 1].count()
    shelves[SIGNALS] += signals
    return {name: _said(shelves[name]) for name, _ in SHELVES if name}


def who_looked(case: Case) -> list[Entry]:
    """The latest reveals and downloads."""
    events = _with_content(case.events.filter(kind__in=LOOKS))[:5]
    return [from_event(_row(event)) for event in events]


def _said(count: int) -> str:
    return f"{COUNTED:,}+" if count > COUNTED else f"{count:,}"


def _with_content(events):
    return events.select_related("actor", "content").order_by("-seq")


def _row(event: TimelineEvent) -> EventRow:
    content = getattr(event, "content", None)
    return EventRow(
        seq=event.seq,
        kind=event.kind,
        at=event.at,
        actor=person(event.actor),
        body=content.body if content else None,
    )


def _head(case: Case, newest: list[TimelineEvent] | None) -> TimelineEvent | None:
    """The chain's last event; newest: the first page of all of them, where that was read."""
    if newest is None:
        return case.events.order_by("-seq").first()
    return newest[0] if newest else None


def _events(case: Case, shelf: str, before) -> list[TimelineEvent]:
    events = case.events.all()
    if shelf:
        events = events.filter(kind__in=[k for k, (s, _) in EVENT_KINDS.items() if s == shelf])
    if before:
        events = events.filter(at__lte=before[0])
        if before[1].startswith("e") and before[1][1:].isdigit():
            events = events.filter(seq__lt=int(before[1][1:11]))
    return list(_with_content(events)[: PAGE + 1])


def _signals(case: Case, before) -> tuple[list[Entry], object]:
    """Signals by day and detector, and the day down to which they were read.

    Read are the latest of the most probable members, SIGNALS_READ in all. Where that left some out
    the entries say "or more", and the next page starts below the last day that was read.
    """
    members = min(max(case.members_total, 1), MEMBERS_READ)
    each = SIGNALS_READ // members
    end = signals_before(before)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH latest AS MATERIALIZED (
                SELECT s.* FROM (
                    SELECT account_id FROM {Member._meta.db_table}
                    WHERE case_id = %(case)s AND left_at IS NULL
                    ORDER BY probability DESC, id DESC LIMIT %(members)s
                ) m CROSS JOIN LATERAL (
                    SELECT account_id, detector_id, window_end, score, summary,
                           row_number() OVER (ORDER BY window_end DESC) AS place
                    FROM {Signal._meta.db_table}
                    WHERE account_id = m.account_id
                      AND (%(end)s::timestamptz IS NULL OR window_end < %(end)s)
                    ORDER BY window_end DESC LIMIT %(each)s
                ) s
            ), known AS (
                SELECT date_trunc('day', max(window_end) AT TIME ZONE 'UTC') AS day
                FROM latest WHERE place = %(each)s
            )
            SELECT date_trunc('day', l.window_end AT TIME ZONE 'UTC') AS day, d.slug,
                   count(*), count(DISTINCT l.account_id), max(l.score),
                   (array_agg(l.summary ORDER BY l.score DESC, l.summary))[1],
                   max(known.day)
            FROM latest l JOIN {Detector._meta.db_table} d ON d.id = l.detector_id, known
            WHERE known.day IS NULL OR l.window_end >= known.day AT TIME ZONE 'UTC'
            GROUP BY 1, 2 ORDER BY 1 DESC, 2
            """,
            {"case": case.pk, "each": each, "members": members, "end": end},
        )
        found = cursor.fetchall()
    known = found[0][-1] if found else None
    some = case.members_total > members
    rows = [
        SignalDay(
            day.date(), slug, signals, accounts, score, summary, at_least=some or day == known
        )
        for day, slug, signals, accounts, score, summary, _ in found
    ]
    entries = [from_signals(row) for row in rows]
    since = min(entry.at for entry in entries) if known else None
    return entries, since


def _states(case: Case) -> list[Entry]:
    members = Member.objects.current().filter(case=case)
    found = (
        members.exclude(account__state_at=None)
        .annotate(day=TruncDate("account__state_at"))
        .values("day", "account__state", "account__state_actor")
        .annotate(n=Count("pk"), reason=Max("account__state_reason"))
        .order_by("-day")[:200]
    )
    return [
        from_states(
            StateDay(
                row["day"], row["account__state"], row["account__state_actor"], row["n"],
                row["reason"],
            )
        )
        for row in found
    ]  # fmt: skip


def _context(case: Case) -> list[Entry]:
    if not case.first_activity_at:
        return []
    events = ContextEvent.objects.filter(start_at__gte=case.first_activity_at - timedelta(days=1))
    return [
        from_context(event.pk, event.get_kind_display(), event.label, event.start_at, event.end_at)
        for event in events.order_by("-start_at", "-id")[:200]
    ]
