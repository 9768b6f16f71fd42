from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cases.waiting import Bin, place, waiting

MINUTE = timedelta(minutes=1)


def binned(minutes, still_open=()):
    counts: dict[int, list[int]] = {}
    for at, open_ in [*((m, 0) for m in minutes), *((m, 1) for m in still_open)]:
        counts.setdefault(place(60 * at), [0, 0])[open_] += 1
    return [Bin(at, *both) for at, both in counts.items()]


def test_with_everything_done_the_median_is_the_middle_one_within_a_bin():
    told = waiting(binned([5, 10, 100, 200, 1000]))
    assert (told.done, told.open) == (5, 0)
    assert abs(told.median / (100 * MINUTE) - 1) < 0.05
    assert abs(told.ninetieth / (1000 * MINUTE) - 1) < 0.05


def test_what_is_still_open_counts_as_waiting_and_not_as_missing():
    quick = [10.0] * 4
    assert waiting(binned(quick)).median < 11 * MINUTE
    # six more were opened, and wait: half of ten were not done within any time that was seen
    told = waiting(binned(quick, still_open=[500] * 6))
    assert (told.done, told.open, told.median) == (4, 6, None)


def test_one_that_was_looked_at_early_weighs_only_as_long_as_it_was_watched():
    # the product limit by hand: at 10 min 1 of 4 ends, one open leaves at 20, at 30 1 of 2 ends
    told = waiting(binned([10, 30, 100], still_open=[20]))
    # S = 3/4 after 10, 3/8 after 30, 0 after 100
    assert abs(told.median / (30 * MINUTE) - 1) < 0.05
    assert abs(told.ninetieth / (100 * MINUTE) - 1) < 0.05


def test_nothing_is_no_time():
    assert waiting([]) == (0, 0, None, None)


@given(st.lists(st.floats(0, 1e5), max_size=60), st.lists(st.floats(0, 1e5), max_size=60))
def test_order_is_of_no_account_and_waiting_makes_no_time_shorter(done, still_open):
    rows = binned(done, still_open)
    told = waiting(rows)
    assert told == waiting(reversed(rows))
    if told.median is not None:
        assert told.median >= waiting(binned(done)).median
    if told.ninetieth is not None:
        assert told.median <= told.ninetieth
