from datetime import UTC, date, datetime, timedelta

import pytest

from cases import scoring
from cases.names import THINGS, TONES, case_name
from cases.scoring import Day

TODAY = date(2026, 11, 24)


def days(*requests, account=1, output=1000, reasoning=0):
    """One account's days, the last of them today."""
    return [
        Day(
            account,
            TODAY - timedelta(days=len(requests) - 1 - i),
            n,
            n * output,
            n * reasoning,
            24,
            0,
        )
        for i, n in enumerate(requests)
        if n
    ]


def test_harm_is_the_mean_of_the_last_seven_active_days_weighted_by_membership():
    rows = days(*[90] * 7, *[10] * 7) + days(10, account=2)
    assert scoring.harm_per_day(rows, {1: 1.0}) == 10_000
    assert scoring.harm_per_day(rows, {1: 0.5}) == 5_000
    assert scoring.harm_per_day([], {}) == 0


def test_days_without_activity_do_not_dilute_harm():
    assert scoring.harm_per_day(days(10, 0, 0, 0, 0, 0, 0, 0, 0, 10), {1: 1.0}) == 10_000


def test_reasoning_counts_twice_but_never_more_than_the_output_holds():
    assert scoring.weigh(100, 40) == 140
    assert scoring.weigh(100, 4000) == 200
    assert scoring.weigh(None, None) == 0


def test_growth_compares_two_weeks():
    rows = days(*[10] * 7, *[15] * 7)
    assert scoring.growth(rows, last_day=TODAY, known_days=14) == pytest.approx(0.5)


@pytest.mark.parametrize("known,silent", [(13, False), (14, True)])
def test_growth_is_unknown_with_too_few_days_or_a_silent_detector(known, silent):
    rows = days(*[10] * 7, *[15] * 7)
    assert scoring.growth(rows, last_day=TODAY, known_days=known, silent=silent) is None


def test_growth_of_a_case_that_began_this_week_is_unknown():
    assert scoring.growth(days(*[10] * 5), last_day=TODAY, known_days=14) is None


def test_a_case_that_falls_keeps_its_priority():
    steady, falling = (scoring.priority(0.9, 40e6, growth) for growth in (0.0, -0.5))
    assert falling.value == steady.value == pytest.approx(36)
    assert scoring.priority(0.9, 40e6, 0.25).value == pytest.approx(45)
    assert scoring.priority(0.97, 46.2e6, 0.25).says == "0.97 × 46.2 M tokens a day × 1.25"
    assert "not known" in scoring.priority(0.9, 40e6, None).says


def test_trend_holds_fourteen_days_up_to_the_last():
    assert scoring.trend(days(3, 0, 5), last_day=TODAY) == [0.0] * 11 + [3.0, 0.0, 5.0]


def test_extraction_is_a_range_and_says_what_is_missing():
    rows = [*days(10), Day(2, TODAY, 5, 400, 0, 3, 0), Day(3, TODAY, 5, None, None, 4, 4)]
    taken = scoring.extraction(rows, {1: 0.9, 2: 0.5, 3: 0.5}, frozenset({1}))
    assert (taken["core"], taken["weighted"], taken["all"]) == (10_000, 9_200, 10_400)
    assert (taken["hours_known"], taken["hours_missing"]) == (27, 4)


def test_each_open_explanation_lowers_p_abuse():
    sure = scoring.p_abuse([0.99, 0.97, 0.3], ["does not fit"])
    assert sure == pytest.approx(0.98)
    assert scoring.p_abuse([0.99, 0.97], ["not ruled out"]) < sure
    assert scoring.p_abuse([0.99, 0.97], ["fits"]) < 0.5
    assert scoring.p_abuse([], []) == 0


def test_due_follows_the_level():
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert [scoring.due_at(p, now) - now for p in (30, 10, 9.9)] == [
        timedelta(days=n) for n in (1, 3, 7)
    ]


def test_names_do_not_repeat_for_four_thousand_cases():
    names = {case_name(number) for number in range(1001, 1001 + len(TONES) * len(THINGS))}
    assert len(names) == 4096
    assert all(len(name.split()) == 2 for name in names)
