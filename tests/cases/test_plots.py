"""Figures, without a database: rows in, Plotly figures out."""

import copy
import json
import math
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import plotly.graph_objects as go
import pytest

from cases.plots import (
    POINTS_MAX,
    Mark,
    Series,
    Shade,
    activity,
    heat,
    in_order,
    waterfall,
    week,
)
from cases.plots.layout import named
from cases.plots.shades import key, steps

START = datetime(2026, 11, 10, tzinfo=UTC)
HOSTILE = '<img src=x onerror=alert(1)>\u202e<a href="javascript:x">'


def drawn(figure):
    """Plotly itself refuses a property that it does not know, and a colour that is none."""

    def coloured(value):
        if isinstance(value, str) and value.startswith("--"):
            return "#123456"
        if isinstance(value, list):
            return [coloured(item) for item in value]
        if isinstance(value, dict):
            return {k: coloured(v) for k, v in value.items()}
        return value

    plain = coloured(copy.deepcopy({"data": figure["data"], "layout": figure["layout"]}))
    json.dumps(figure)
    return go.Figure(plain)


def tiers(bins, each=3):
    return [Series(name, [each] * bins, "--s1") for name in ("core", "likely", "possible")]


def test_activity_is_a_figure_that_plotly_takes_with_counts_from_zero():
    figure = drawn(activity(START, 2, tiers(168)))
    assert figure.layout.barmode == "stack"
    assert figure.layout.yaxis.rangemode == "tozero"
    assert figure.data[0].x[1] == "2026-11-10T02:00"
    assert sum(len(trace.y) for trace in figure.data) == 504


def test_a_figure_never_holds_more_than_its_limit():
    with pytest.raises(ValueError, match="5001"):
        activity(START, 1, tiers(1667))
    with pytest.raises(ValueError, match="5100"):
        heat(START, 1, [str(i) for i in range(51)], [[1] * 100] * 51, of=51)
    assert activity(START, 1, tiers(1666))["points"] <= POINTS_MAX


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([0] * 30, "No request"),
        ([1] * 10 + [2] * 10 + [9] * 10, "grows: the last third carries 9.0 times"),
        ([9] * 10 + [2] * 10 + [1] * 10, "shrinks"),
        ([5] * 30, "holds steady"),
    ],
)
def test_the_sentence_says_what_the_bars_do(values, says):
    assert says in activity(START, 1, [Series("core", values, "--s1")])["say"]


def test_decisions_are_named_dashed_lines_whose_names_do_not_cover_each_other():
    marks = [
        Mark(START + timedelta(hours=h), label)
        for h, label in (
            (10, "O-1 suspend"),
            (12, "confirmed"),
            (300, "O-2 reinstate"),
            (9999, "no"),
        )
    ]
    figure = activity(START, 2, tiers(168), marks=marks)
    drawn(figure)
    lines = [shape for shape in figure["layout"]["shapes"] if shape["type"] == "line"]
    assert [line["line"]["dash"] for line in lines] == ["dash"] * 3
    names = {a["text"]: a for a in figure["layout"]["annotations"]}
    assert set(names) == {"O-1 suspend", "confirmed", "O-2 reinstate"}
    assert names["O-1 suspend"]["yshift"] != names["confirmed"]["yshift"]
    assert figure["layout"]["margin"]["t"] > activity(START, 2, tiers(168))["layout"]["margin"]["t"]


def test_a_silence_is_shaded_and_named():
    shade = Shade(START + timedelta(hours=4), START + timedelta(days=99), "volume silent")
    figure = activity(START, 2, tiers(12), shades=[shade])
    drawn(figure)
    (band,) = figure["layout"]["shapes"]
    assert (band["type"], band["x1"]) == ("rect", "2026-11-11T00:00")


def test_no_tag_of_a_stranger_s_reaches_a_label():
    figure = activity(START, 2, [Series(HOSTILE, [1, 2], "--s1")], marks=[Mark(START, HOSTILE)])
    labels = [figure["data"][0]["name"], figure["layout"]["annotations"][0]["text"]]
    rows = heat(START, 1, [HOSTILE], [[1, 2]], of=1)
    labels += [*rows["data"][0]["y"], *rows["layout"]["yaxis"]["tickvals"]]
    for label in labels:
        assert "<" not in label
        assert "\u202e" not in label
        assert label.startswith("&lt;img")
    assert named("a" * 300) == "a" * 25 + "…"


def test_pools_that_take_turns_become_blocks():
    # five pools of four hours each, their accounts interleaved
    counts = [[6 if (hour // 4) % 5 == i % 5 else 0 for hour in range(96)] for i in range(40)]
    order = in_order(counts)
    pools = [i % 5 for i in order]
    changes = sum(a != b for a, b in pairwise(pools))
    assert sorted(order) == list(range(40))
    assert changes == 4
    say = heat(START, 1, [f"a{i}" for i in range(40)], counts, of=300)["say"]
    assert say.startswith("40 busiest of 300 accounts")
    assert "pools that take turns" in say


def test_accounts_without_a_pattern_are_not_called_blocks():
    chance = random.Random(1)
    counts = [[int(chance.random() < 0.1) for _ in range(96)] for _ in range(30)]
    assert "no blocks" in heat(START, 1, [f"a{i}" for i in range(30)], counts, of=30)["say"]


def test_heat_is_a_figure_whose_cells_have_gaps_and_whose_names_stay_apart():
    names = ["account-number-0001", "account-number-0002", "x"]
    names = [f"{'y' * 30}{name}" for name in names]
    figure = drawn(heat(START, 1, names, [[1, 0], [3, 2], [0, 0]], of=3))
    assert len(set(figure.data[0].y)) == 3
    assert figure.data[0].xgap > 0  # without gaps Plotly writes a style attribute
    assert figure.data[0].ygap > 0


@pytest.mark.parametrize("largest", [0, 1, 4, 5, 17, 1000, 123_456])
def test_every_shade_holds_a_count_and_the_scale_fits_the_key(largest):
    limits = steps(largest)
    assert limits == sorted(set(limits))
    assert limits[-1] >= largest
    entries = key(limits)
    assert entries[0]["label"] == "none"
    colours = heat(START, 1, ["a"], [[largest]], of=1)["data"][0]["colorscale"]
    places = [place for place, _ in colours]
    assert places[0] == 0
    assert places[-1] == 1
    assert places == sorted(places)
    top = limits[-1]
    for count in (0, 1, largest):
        shade = next(colour for place, colour in reversed(colours) if place <= count / top)
        assert shade == entries[sum(count > limit for limit in (0, *limits))]["token"]


def test_the_week_tells_a_night_from_none():
    people = [[0 if h < 7 else 50 for h in range(24)]] * 5 + [
        [0 if h < 7 else 5 for h in range(24)]
    ] * 2
    machine = [[20] * 24] * 7
    assert "A night, as people keep it" in week(people)["say"]
    assert "a weekend day has 10 % of a working day" in week(people)["say"]
    assert "No night" in week(machine)["say"]
    assert "No request" in week([[0] * 24] * 7)["say"]
    assert drawn(week(people)).layout.yaxis.ticktext[0] == "Mon"


def test_bars_of_the_waterfall_hang_together_and_add_up():
    rows = [
        {"family": "prior", "what": "1 in 3,000", "bits": -11.6, "capped": False},
        {"family": "template", "what": "T-88", "bits": 6.0, "capped": True, "members": 1246},
        {"family": "volume", "why": "as a hobbyist", "bits": -0.3, "capped": False},
        {"family": "payment", "what": "card", "bits": 10.0, "capped": False},
    ]
    fall = waterfall(rows)
    assert math.isclose(fall.total, 4.1, abs_tol=1e-9)
    assert fall.odds == "17 to 1"
    assert 0.94 < fall.probability < 0.95
    assert [bar.family for bar in fall.bars if bar.capped] == ["template"]
    for before, bar in pairwise(fall.bars):
        edges = (bar.left, round(bar.left + bar.width, 2))
        assert any(abs(before.end - edge) < 0.02 for edge in edges)
    for bar in fall.bars:
        assert 0 <= bar.left <= bar.left + bar.width <= 100
    assert dict((label, place) for place, label in fall.ticks)["0"] == fall.zero
    assert waterfall([]) is None
    assert waterfall([{"family": "x", "bits": "many"}]) is None


@pytest.mark.parametrize("bits", [0.0, 1e-9, 900.0, -5000.0])
def test_a_waterfall_of_any_size_can_be_drawn(bits):
    fall = waterfall([{"family": "prior", "bits": bits}])
    assert 0 <= fall.probability <= 1
    assert len(fall.ticks) <= 12
    assert fall.odds
