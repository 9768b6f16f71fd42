"""The merged timeline, without a database: rows in, entries out."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cases.models import TimelineEvent
from cases.timeline import (
    EVENT_KINDS,
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

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def event(event_kind, seq=1, at=NOON, actor="A. Silva", **body):
    return from_event(EventRow(seq=seq, kind=event_kind, at=at, actor=actor, body=body))


def entry(minutes, key="e1"):
    return Entry(NOON + timedelta(minutes=minutes), key, "people", "flag", f"at {minutes}")


def test_every_kind_of_event_has_a_shelf_and_words():
    for kind in TimelineEvent.Kind.values:
        assert kind in EVENT_KINDS
        assert event(kind).text.strip()


def test_a_decision_says_who_how_sure_and_why():
    said = event(
        "decision_recorded", outcome="other_abuse", stated_probability=0.4,
        competing_hypothesis="resale", rationale="a shop front",
    )  # fmt: skip
    assert said.text == "A. Silva decided: other abuse"
    assert said.by == "P(distillation) 0.40; or else resale; “a shop front”"
    assert said.tone == "strong"


def test_an_order_s_events_lead_to_the_order():
    asked = event("enforcement_requested", order="O-7", kind="limit", accounts=1284, reason="r")
    assert (asked.order, asked.text) == ("O-7", "A. Silva proposed O-7: limit 1,284 accounts")
    ended = event(
        "enforcement_finished", actor="", order="O-7", items={"done": 3, "unknown": 1, "failed": 0}
    )
    assert (ended.text, ended.by) == ("O-7 finished", "3 read back, 1 unknown")


def test_an_erased_event_stays_as_a_line_without_content():
    row = EventRow(seq=3, kind="note_added", at=NOON, actor="A. Silva", body=None)
    assert (from_event(row).text, from_event(row).by) == ("A. Silva wrote a note", "content erased")


@pytest.mark.parametrize("body", [{"joined": "many"}, {"members": None}, {"accounts": "x"}])
def test_content_of_another_shape_is_no_error(body):
    for kind in ("case_opened", "member_judged", "enforcement_requested", "packet_sealed"):
        assert event(kind, **body).text


def test_a_day_of_signals_stands_at_the_foot_of_its_day_and_says_when_it_is_not_all():
    line = from_signals(SignalDay(date(2026, 11, 20), "volume", 9, 7, 0.93, "40 times", True))
    assert line.at == datetime(2026, 11, 20, tzinfo=UTC)
    assert line.whole_day
    assert line.text == "volume: 7 or more accounts"
    assert line.by == "strongest 0.93: 40 times"


def test_states_and_the_world_are_lines_too():
    state = from_states(StateDay(date(2026, 11, 20), "limited", "gateway", 96, "O-305"))
    assert (state.text, state.by) == ("96 accounts limited at the platform", "gateway, O-305")
    silence = from_context(1, "silence", "volume silent", NOON, NOON + timedelta(hours=2))
    assert (silence.tone, silence.by) == ("warn", "silence, until 20 Nov 14:00")


def test_a_walk_over_the_pages_shows_everything_once_newest_first():
    people = [entry(m, f"e{m:03d}") for m in range(0, 50)]
    # several sources may say something at the same moment
    actions = [entry(m, f"a{m:03d}") for m in range(0, 50, 5)]
    seen, before = [], None
    while True:
        page, before = merge(people, actions, before=before, limit=7)
        seen += page
        if before is None:
            break
        before = place_from_text(place_to_text(before))
    assert len(seen) == 60
    assert seen == sorted({*people, *actions}, key=lambda e: e.place, reverse=True)


def test_a_page_ends_where_a_source_was_read_no_further():
    page, before = merge(
        [entry(0), entry(-60), entry(-3000)],
        [entry(-10, "svolume")],
        before=None,
        limit=10,
        known_since=NOON - timedelta(minutes=100),
    )
    assert [e.text for e in page] == ["at 0", "at -10", "at -60"]
    rest, _ = merge([entry(-3000)], before=before, limit=10)
    assert [e.text for e in rest] == ["at -3000"]


def test_the_day_s_signals_are_read_again_until_the_list_is_past_the_day():
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    tomorrow = midnight + timedelta(days=1)
    assert signals_before(None) is None
    assert signals_before((NOON, "e1")) == tomorrow
    assert signals_before((midnight, "svolume")) == tomorrow
    assert signals_before((midnight, "")) == midnight


@pytest.mark.parametrize("text", ["", "x", "2026-11-20", "2026-11-20T12:00:00~", "~e1", "é~\x00"])
def test_a_broken_place_shows_the_first_page(text):
    assert place_from_text(text) is None


def test_days_keep_their_order():
    days = by_day([entry(0), entry(-10), entry(-1500)])
    assert [(str(day), len(lines)) for day, lines in days] == [
        ("2026-11-20", 2),
        ("2026-11-19", 1),
    ]
