"""Where nothing is planted no p-value is too small; fixed seeds, 2,000 independent draws each."""

import numpy as np
import pytest

from tests.bench.null import (
    DRAWS,
    LEVELS,
    STATISTICS,
    Null,
    clusters,
    flat_synchrony,
    habits,
    most,
    too_small,
    ways_of_asking,
)

SMALLER = {
    "volume_habits": lambda: habits(peers=300),
    "volume_clusters": lambda: clusters(each=150),
    "behaviour_habits": lambda: ways_of_asking(peers=120),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_no_p_value_is_too_small_among_independent_accounts(name):
    null = SMALLER.get(name, STATISTICS[name])()
    assert len(null.p) == DRAWS
    assert too_small(null) == []
    assert (null.p <= 0.2).any(), "a test that never speaks is not calibrated, it is mute"


def test_a_null_that_forgets_the_rhythm_of_the_day_is_caught():
    assert len(too_small(flat_synchrony())) == len(LEVELS) + 1


@pytest.mark.parametrize("level", LEVELS)
def test_a_few_draws_too_many_at_one_level_are_caught(level):
    rng = np.random.default_rng(9)
    p = rng.uniform(LEVELS[0] * 1.1, 1, DRAWS)
    p[: round(most(level, DRAWS) * DRAWS)] = level
    assert too_small(Null(p)) == []
    p[: round(most(level, DRAWS) * DRAWS) + 3] = level
    assert [told.split(" at ")[1] for told in too_small(Null(p))] == [str(level)]


def test_the_smallest_of_several_p_values_without_a_price_is_caught():
    p = np.random.default_rng(10).uniform(size=(DRAWS, 3))
    assert too_small(Null(p.min(axis=1)))
    assert too_small(Null(np.minimum(1, 3 * p.min(axis=1)))) == []


def test_what_is_too_small_only_in_the_middle_is_caught_by_its_randomised_values():
    u = np.random.default_rng(11).uniform(size=DRAWS)
    assert too_small(Null(np.ones(DRAWS), u)) == []
    assert too_small(Null(np.ones(DRAWS), u**1.2)) == ["Kolmogorov–Smirnov"]
    assert too_small(Null(np.ones(DRAWS), u**0.8)) == [], "too large is only a loss of power"
