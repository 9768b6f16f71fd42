"""The merged timeline of a case: rows in, entries out. Pure; strangers' texts stay as they came."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cases.event_words import order_ref, words_of

PEOPLE, ACTIONS, SIGNALS, CONTEXT = "people", "actions", "signals", "context"

# kind of event: (which filter shows it, icon)
EVENT_KINDS = {
    "case_opened": (SIGNALS, "join"),
    "members_changed": (SIGNALS, "join"),
    "case_claimed": (PEOPLE, "user"),
    "case_released": (PEOPLE, "user"),
    "case_snoozed": (PEOPLE, "clock"),
    "case_woken": (PEOPLE, "clock"),
    "case_escalated": (PEOPLE, "flag"),
    "case_reopened": (PEOPLE, "again"),
    "case_closed": (PEOPLE, "decided"),
    "decision_recorded": (PEOPLE, "decided"),
    "member_judged": (PEOPLE, "check"),
    "verdict_undone": (PEOPLE, "again"),
    "case_split": (PEOPLE, "go"),
    "split_undone": (PEOPLE, "again"),
    "cases_merged": (PEOPLE, "join"),
    "merge_undone": (PEOPLE, "again"),
    "merge_proposed": (SIGNALS, "join"),
    "merge_declined": (PEOPLE, "no"),
    "decline_undone": (PEOPLE, "again"),
    "case_grew": (SIGNALS, "again"),
    "wave_opened": (SIGNALS, "again"),
    "operator_linked": (PEOPLE, "join"),
    "operator_unlinked": (PEOPLE, "x"),
    "note_added": (PEOPLE, "chat"),
    "content_revealed": (PEOPLE, "eye"),
    "enforcement_requested": (ACTIONS, "order"),
    "enforcement_approved": (ACTIONS, "check"),
    "enforcement_refused": (ACTIONS, "x"),
    "enforcement_cancelled": (ACTIONS, "x"),
    "enforcement_finished": (ACTIONS, "order"),
    "enforcement_changed": (ACTIONS, "again"),
    "enforcement_paused": (ACTIONS, "clock"),
    "enforcement_resumed": (ACTIONS, "go"),
    "enforcement_staged": (ACTIONS, "go"),
    "enforcement_expired": (ACTIONS, "x"),
    "enforcement_lapsed": (ACTIONS, "again"),
    "enforcement_renewed": (ACTIONS, "check"),
    "renewal_asked": (ACTIONS, "clock"),
    "customers_contacted": (ACTIONS, "chat"),
    "appeal_filed": (ACTIONS, "chat"),
    "appeal_taken": (PEOPLE, "user"),
    "appeal_decided": (PEOPLE, "decided"),
    "authorisation_proposed": (ACTIONS, "order"),
    "authorisation_approved": (ACTIONS, "check"),
    "authorisation_refused": (ACTIONS, "x"),
    "authorisation_ended": (ACTIONS, "x"),
    "platform_drifted": (ACTIONS, "warn"),
    "share_prepared": (ACTIONS, "share"),
    "share_recalled": (ACTIONS, "share"),
    "share_expired": (ACTIONS, "share"),
    "share_approved": (ACTIONS, "check"),
    "share_refused": (ACTIONS, "x"),
    "share_downloaded": (ACTIONS, "share"),
    "match_asked": (ACTIONS, "share"),
    "match_counted": (SIGNALS, "join"),
    "match_names_wanted": (ACTIONS, "share"),
    "match_named": (SIGNALS, "join"),
    "packet_requested": (ACTIONS, "doc"),
    "packet_sealed": (ACTIONS, "lock"),
    "packet_downloaded": (ACTIONS, "doc"),
    "watermark_found": (SIGNALS, "flag"),
    "signals_withdrawn": (SIGNALS, "no"),
    "signals_restored": (SIGNALS, "again"),
    "sample_drawn": (PEOPLE, "review"),
    "sample_finished": (PEOPLE, "check"),
    "sample_cancelled": (PEOPLE, "x"),
    "reading_assigned": (PEOPLE, "user"),
    "reading_finished": (PEOPLE, "check"),
    "pool_test_requested": (PEOPLE, "review"),
    "pool_tested": (SIGNALS, "pulse"),
}
STRONG = {
    "case_escalated", "case_reopened", "decision_recorded", "enforcement_approved",
    "enforcement_requested", "enforcement_paused", "appeal_decided", "share_approved",
}  # fmt: skip
Place = tuple[datetime, str]

STATE_WORDS = {"limited": "limited", "suspended": "suspended", "active": "back in use"}


@dataclass(frozen=True)
class Entry:
    """One line of the timeline. `key` tells apart what happened at the same moment."""

    at: datetime
    key: str
    shelf: str
    icon: str
    text: str
    by: str = ""
    tone: str = ""
    whole_day: bool = False
    order: str = ""
    share: int | None = None
    packet: int | None = None

    @property
    def place(self) -> Place:
        return self.at, self.key


@dataclass(frozen=True)
class EventRow:
    """A TimelineEvent as stored. body None: its content was erased, the event stays."""

    seq: int
    kind: str
    at: datetime
    actor: str
    body: Mapping | None


@dataclass(frozen=True)
class SignalDay:
    """What one detector said of the members in a day. at_least: there may be more of them."""

    day: date
    detector: str
    signals: int
    accounts: int
    score: float
    summary: str
    at_least: bool = False


@dataclass(frozen=True)
class StateDay:
    """Members whose state at the platform was set that day by one actor."""

    day: date
    state: str
    actor: str
    accounts: int
    reason: str


def from_event(row: EventRow) -> Entry:
    shelf, icon = EVENT_KINDS.get(row.kind, (PEOPLE, "flag"))
    body = row.body if isinstance(row.body, Mapping) else {}
    text, by = words_of(row.kind, row.actor or "The desk", body)
    if row.body is None:
        by = "content erased"
    return Entry(
        at=row.at,
        key=f"e{row.seq:010d}",
        shelf=shelf,
        icon=icon,
        text=text,
        by=by,
        tone="strong" if row.kind in STRONG else "",
        order=order_ref(body) if row.kind.startswith("enforcement") else "",
        share=body.get("share") if row.kind.startswith("share") else None,
        packet=body.get("packet") if row.kind.startswith("packet") else None,
    )


def from_signals(row: SignalDay) -> Entry:
    """Stands at the foot of its day: a day's signals have no single moment."""
    number = f"{row.accounts:,}{' or more' if row.at_least else ''}"
    return Entry(
        at=_midnight(row.day),
        key=f"s{row.detector}",
        shelf=SIGNALS,
        icon="pulse",
        text=f"{row.detector}: {number} account{'' if number == '1' else 's'}",
        by=f"strongest {row.score:.2f}: {row.summary}",
        whole_day=True,
    )


def from_states(row: StateDay) -> Entry:
    number = "1 account" if row.accounts == 1 else f"{row.accounts:,} accounts"
    return Entry(
        at=_midnight(row.day),
        key=f"a{row.state}{row.actor}",
        shelf=ACTIONS,
        icon="order",
        text=f"{number} {STATE_WORDS.get(row.state, row.state)} at the platform",
        by=", ".join(part for part in (row.actor, row.reason) if part),
        tone="warn",
        whole_day=True,
    )


def from_context(pk: int, kind: str, label: str, start: datetime, end: datetime | None) -> Entry:
    lasted = f", until {end:%-d %b %H:%M}" if end else ""
    return Entry(
        at=start,
        key=f"c{pk:010d}",
        shelf=CONTEXT,
        icon="warn" if kind in {"outage", "silence"} else "flag",
        text=label,
        by=f"{kind}{lasted}",
        tone="warn" if kind in {"outage", "silence"} else "",
    )


def merge(
    *sources: Iterable[Entry],
    before: Place | None,
    limit: int,
    known_since: datetime | None = None,
) -> tuple[list[Entry], Place | None]:
    """The newest entries before a place, and the place from which the next page goes on.

    Each source must hold at least `limit + 1` of its own entries before that place, or all of
    them. known_since: one source was read no further than this, so the page ends here.
    """
    entries = [
        entry for source in sources for entry in source if before is None or entry.place < before
    ]
    entries.sort(key=lambda entry: entry.place, reverse=True)
    known = [e for e in entries if known_since is None or e.at >= known_since]
    page = known[:limit]
    if len(known) > limit:
        return page, page[-1].place
    return page, (known_since, "") if known_since else None


def place_to_text(place: Place) -> str:
    return f"{place[0].isoformat()}~{place[1]}"


def place_from_text(text: str) -> Place | None:
    """None for anything that is not a place: a broken link shows the first page."""
    moment, mark, key = text.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, key) if mark and at.tzinfo else None


def signals_before(place: Place | None) -> datetime | None:
    """Signals of the days whose entry stands at or after a place in the list end before this."""
    if place is None:
        return None
    at = place[0].astimezone(UTC)
    midnight = _midnight(at.date())
    # a day's own entries stand at its midnight: only a place below all of them is past the day
    return midnight if place == (midnight, "") else midnight + timedelta(days=1)


def by_day(entries: Iterable[Entry]) -> list[tuple[date, list[Entry]]]:
    """Entries, newest first, under their days."""
    days: list[tuple[date, list[Entry]]] = []
    for entry in entries:
        day = entry.at.astimezone(UTC).date()
        if not days or days[-1][0] != day:
            days.append((day, []))
        days[-1][1].append(entry)
    return days


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
