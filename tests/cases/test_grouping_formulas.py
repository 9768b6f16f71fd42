"""The formulas that grouping rests on, each by itself."""

from dataclasses import replace

import numpy as np
import pytest

from cases.grouping.benign import Figures, explain
from cases.grouping.bridges import split
from cases.grouping.question import meets_by_chance
from cases.grouping.rarity import p_value_bits, paid, rarity_bits, several


def test_rarity_is_in_bits_and_unknown_stays_unknown():
    assert rarity_bits(16, 412_000) == pytest.approx(14.5, abs=0.05)
    assert np.isnan(rarity_bits(np.nan, 100))


def test_a_p_value_is_worth_at_most_the_bound():
    assert p_value_bits(np.nan) == 0
    assert p_value_bits(0.5) == 0
    assert p_value_bits(0.001) == pytest.approx(5.73, abs=0.01)
    assert np.isfinite(p_value_bits(0.0))


def test_the_looks_are_paid_for():
    assert paid(6.0, 0, 1) == pytest.approx(6.0)
    assert paid(6.0, 0, 64) == 0


def test_who_shares_all_of_many_values_has_more_than_who_shares_one():
    ranks = np.arange(12)
    everything = paid(4.0, ranks, 12)
    assert everything[0] < 1 < everything[-1] == pytest.approx(4.0)
    together = several(np.sort(everything)[::-1], ranks).sum()
    assert together > several(paid(4.0, 0, 1), 0)
    assert together < 8.0  # values of one kind come together


def test_meeting_by_chance_is_a_hypergeometric_tail():
    from scipy.stats import hypergeom

    exact = np.log10(hypergeom.sf(4, 200, 30, 20))
    assert meets_by_chance(5, 30, 20, 200) == pytest.approx(exact, abs=1e-6)
    assert meets_by_chance(0, 30, 20, 200) == 0


def test_a_dense_block_is_not_cut():
    tie = np.repeat(np.arange(8), 10)
    account = np.concatenate([np.arange(10)] * 8)
    parts, bridges = split(tie, account, np.ones(80))
    assert len(parts) == 1
    assert not bridges


def test_every_innocent_explanation_is_answered():
    course = Figures(
        members=40, organisations=40, largest_organisation=1, aggregates=0, place_share=0.95,
        cards=0, card_share=None, hours=[0] * 8 + [50] * 16, active_days=3,
    )  # fmt: skip
    fits = {e.name: e.fit for e in explain(course)}
    assert fits["university or course"] == "fits"
    assert fits["homework"] == "not ruled out"
    assert fits["evaluation harness"] == "does not fit"
    assert fits["migrated workload"] == "not tested"
    assert all(e.why for e in explain(replace(course, hours=(), active_days=0)))
