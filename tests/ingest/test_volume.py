"""Habits of accounts and of clusters: what stands out, among whom, and what doesn't."""

import random

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.detectors import Population, volume
from ingest.detectors.crossing import Crossing
from ingest.detectors.peers import bonferroni, peer_groups, poisson_p, robust_z
from ingest.detectors.volume_clusters import compare, pooled
from ingest.detectors.volume_failover import failover_p, failovers
from ingest.detectors.volume_rhythm import hours, rhythm, saturation
from ingest.readers.columns import TYPES
from tests.ingest.logs import COLUMNS, LogBook


class LimitedBook(LogBook):
    """A log that records what was throttled."""

    def write(self, path):
        schema = pa.schema([*COLUMNS.items(), ("status", pa.string())])
        pq.write_table(pa.Table.from_pylist(self.rows, schema=schema), path)
        return path


def people(
    book: LogBook, many: int, *, days: int = 6, seed: int = 1, most: int = 9, **fields
) -> None:
    """A few requests on each day, none at night."""
    draw = random.Random(seed)
    for number in range(many):
        own = {"payment": f"card-{seed}-{number}", "asn": 64512 + number % 30} | fields
        for day in range(days):
            for _ in range(draw.randint(most // 3, most)):
                at = day * 24 + draw.uniform(8, 19)
                book.add(f"p{seed}-{number}", "What is for dinner tonight?", hours=at, **own)


def habits(book: LogBook, folder) -> pd.DataFrame:
    return volume.habits_of(book.open(folder))


def told(findings) -> dict:
    return {o.account.id: o for o in findings.observations}


# habits


def test_habits_agree_with_hand_counts(tmp_path):
    book = LogBook()
    for minute in (0, 1, 2, 3):  # four an hour apart by a minute, then a day later one
        book.add("a", hours=1 + minute / 60)
    book.add("a", hours=25)
    row = habits(book, tmp_path).loc["a"]
    assert (row.requests, row.active_hours, row.active_days, row.span) == (5, 2, 2, 25)
    assert (row.gaps, row.gap_cv) == (3, pytest.approx(0)), "a day's pause is no gap"
    assert row.first_day == 4
    assert row.hour_entropy == pytest.approx(0), "both mornings are the same hour of the day"
    assert row.throttled == 0 and np.isnan(row.minutes), "not throttled: no limit is known"


def test_a_change_of_pace_is_told_with_its_day(tmp_path):
    book = LogBook()
    for day in range(10):
        for turn in range(4 if day < 6 else 40):
            book.add("a", hours=day * 24 + turn / 3)
    row = habits(book, tmp_path).loc["a"]
    steps = np.array([-1] * 6 + [1.5] * 4) / np.sqrt(1.5) - 0.5  # by hand: x − mean over its spread
    assert row.change == pytest.approx(steps[6:].sum(), abs=1e-6)
    assert pd.Timestamp(int(row.change_day), unit="D").date().isoformat() == "2026-11-11"


def test_even_gaps_and_work_round_the_clock_stand_out_though_little_is_sent(tmp_path):
    book = LogBook()
    people(book, 60, most=24)
    for step in range(6 * 24 * 2):  # every half hour: about as many a day as a busy person
        book.add("clock", "next", hours=step / 2)
    observation = told(volume.detect(book.open(tmp_path)))["clock"]
    assert {"duty", "flatness", "evenness"} <= observation.evidence["robust_z"].keys()
    assert observation.evidence["duty_cycle"] > 0.9
    assert "evaluation harness" in observation.evidence["also_seen_of"]


def test_an_account_at_its_limit_stands_out_where_throttling_is_recorded(tmp_path):
    book = LimitedBook()
    people(book, 60, status="200")
    for minute in range(40):
        for turn in range(12):
            status = "429" if turn >= 10 else "200"
            book.add("full", "next", hours=9 + (minute + turn / 13) / 60, status=status)
    for minute in range(40):
        book.add("once", "next", hours=9 + minute / 60, status="429" if minute == 5 else "200")
        if minute == 7:
            book.add("once", "next", hours=9 + minute / 60, status="200")
    requests = book.open(tmp_path)
    found = saturation(requests, hours(requests)).execute().set_index("account_id")
    assert tuple(found.loc["full"]) == (40, 40)
    assert tuple(found.loc["once"]) == (40, 2), "throttled once, and once as busy as ever"
    assert set(found.index) == {"full", "once"}
    assert told(volume.detect(requests))["full"].evidence["minutes_at_limit"] == "40 of 40"


def test_peers_have_the_plan_and_the_age_and_small_groups_are_widened():
    plan = pd.Series(["free"] * 30 + ["build"] * 25 + ["rare"] * 3)
    created = pd.Series(pd.Timestamp("2026-11-01"), index=plan.index)
    created[:8] = pd.Timestamp("2020-01-01")
    groups = peer_groups(plan, created, pd.Timestamp("2026-11-24"))
    told = {g.words: (list(g.of), len(g.among)) for g in groups}
    assert told["plan free, under a month old"] == (list(range(8, 30)), 22)
    assert told["plan free"] == (list(range(8)), 30), "eight old ones are too few among themselves"
    assert told["plan build, under a month old"] == (list(range(30, 55)), 25)
    assert told["all accounts"] == ([55, 56, 57], 58)


def test_what_is_not_recorded_has_no_say_in_the_median():
    z = robust_z(np.array([np.nan] * 50 + [1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (z[:50] == 0).all() and z[52] == 0 and z[54] > 1


def test_each_p_value_says_among_whom_and_pays_for_a_second_test(tmp_path):
    plain, limited = LogBook(), LimitedBook()
    for book, fields in ((plain, {}), (limited, {"status": "200"})):
        people(book, 60, **fields)
        for turn in range(900):
            status = {"status": "429" if turn == 0 else "200"} if fields else {}
            book.add("giant", "again", hours=24 + turn / 80, **status)
    one, two = (told(volume.detect(book.open(tmp_path)))["giant"] for book in (plain, limited))
    assert one.p_value == pytest.approx(1 / 61, abs=1e-6)
    assert two.p_value == pytest.approx(2 / 61, abs=1e-6)
    assert "61 peers" in one.evidence["tested_against"]
    assert "fail-over" in two.evidence["tested_against"]


# clusters


def test_a_population_at_26_a_day_each_stands_out_together_on_its_card(tmp_path):
    book = LogBook()
    for card in range(40):
        people(book, 6, seed=card + 2, payment=f"shared-{card}")
    draw = random.Random(5)
    for number in range(8):
        for day in range(6):
            for _ in range(26):
                book.add(f"c{number}", f"Task {draw.random()}", payment="theirs",
                         hours=day * 24 + draw.uniform(6, 22))  # fmt: skip
    found = volume.detect(book.open(tmp_path), of_clusters=True)
    together = [o for o in found.observations if o.group_key]
    assert {o.account.id for o in together} == {f"c{n}" for n in range(8)}
    assert len({o.group_key for o in together}) == 1
    assert len({o.ref for o in found.observations}) == len(found.observations)
    first = together[0]
    assert first.p_value == pytest.approx(1 / 41)
    assert first.evidence["groups_compared"] == 41
    assert "8 accounts of 8 organisations" in first.summary
    assert all(o.score <= volume.HIGHEST_SCORE for o in found.observations)


def test_one_organisation_is_no_cluster_and_one_giant_makes_none():
    uses = pd.DataFrame(
        [("tenant", "t", f"t{n}") for n in range(9)]
        + [(f"o{n}", "mixed", f"m{n}") for n in range(6)],
        columns=["organisation", "value", "account_id"],
    ).assign(kind="payment")
    paces = pd.DataFrame({"account_id": uses.account_id, "pace": 4.0})
    paces.loc[paces.account_id == "m0", "pace"] = 4000.0
    tables = ibis.memtable(uses), ibis.memtable(paces)
    found = ibis.duckdb.connect().to_pandas(pooled(*tables)).set_index("value")
    assert list(found.index) == ["mixed"]
    assert found.pace["mixed"] == pytest.approx((5 * np.log(4) + np.log(4000)) / 6)
    assert found.accounts["mixed"] == 6


def test_clusters_are_compared_with_their_like_or_with_smaller_ones_or_not_at_all():
    def clusters(sizes):
        return pd.DataFrame(
            {
                "kind": "payment",
                "value": [f"v{n}" for n in range(len(sizes))],
                "accounts": sizes,
                "organisations": sizes,
                "largest": 1,
                "pace": np.linspace(1, 2, len(sizes)),
            }
        )

    few = compare(clusters([6] * 19), 1000)
    assert few.empty, "nineteen are too few to compare"
    mixed = compare(clusters([6] * 30 + [12] * 30 + [60]), 10_000).set_index("value")
    assert mixed.peers["v0"] == 60, "five to twelve is like six"
    assert mixed.peers["v60"] == 61 and mixed.p["v60"] == pytest.approx(1 / 61)
    hub = compare(clusters([6] * 30 + [300]), 1000)
    assert "v30" not in set(hub.value), "a value that many carry is no cluster"


# fail-over


def failing_over(book: LogBook, times: int, *, after: float) -> None:
    """Every two hours a is throttled, and b starts so many seconds later."""
    for turn in range(times):
        at = turn * 2 + 0.4
        book.add("a", "Judge this proof of the lemma", hours=at - 0.1, status="200")
        book.add("a", "Judge this proof of the lemma", hours=at, status="429")
        book.add("b", "Judge this proof of the lemma", hours=at + after / 3600, status="200")


def test_fail_over_to_a_stranger_on_the_same_wording_is_told_with_its_chance(tmp_path):
    book = LimitedBook()
    people(book, 40, status="200")
    failing_over(book, 8, after=60)
    requests = book.open(tmp_path)
    found = failovers(requests).execute().set_index("account_id")
    assert (found.events["a"], found.followed["a"]) == (8, 8)
    assert found["mean"]["a"] == pytest.approx(-8 * np.log(1 - 180 / 3600))
    assert failover_p(found)["a"] < 1e-5
    assert "8 of 8 times" in told(volume.detect(requests))["a"].summary


def test_work_that_goes_on_anyway_or_starts_later_is_no_fail_over(tmp_path):
    book = LimitedBook()
    failing_over(book, 6, after=900)
    for hour in range(-1, 14):  # c works all the time, a little after a is throttled too
        for part in (0.41, 0.68, 0.95):
            book.add("c", "Judge this proof of the lemma", hours=hour + part, status="200")
    found = failovers(book.open(tmp_path)).execute().set_index("account_id")
    assert found.followed.get("a", 0) == 0


def test_an_organisations_own_accounts_take_over_for_each_other_without_a_word(tmp_path):
    book = LimitedBook()
    failing_over(book, 6, after=60)
    for row in book.rows:
        row["organisation"] = "one"
    book.add("guest", "Judge this proof of the lemma", hours=40.9, status="200")
    assert failovers(book.open(tmp_path)).execute().empty


def test_the_poisson_law_bounds_independent_trials_at_every_count():
    chances = np.array([0.6, 0.3, 0.05, 0.4, 0.01])
    law = np.array([1.0])
    for chance in chances:
        law = np.convolve(law, [1 - chance, chance])
    mean = -np.log(1 - chances).sum()
    for count in range(6):
        assert poisson_p(count, mean) >= law[count:].sum() - 1e-12
    assert bonferroni(np.array([0.01, 0.9]), np.array([0.5, 0.8])) == pytest.approx([0.02, 1.0])


# where it runs


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "clickhouse", "trino"])
def test_the_expressions_compile_for_the_warehouses(dialect):
    requests = ibis.table(TYPES, name="requests")
    hourly = hours(requests)
    for expression in (rhythm(hourly), saturation(requests, hourly)):
        assert ibis.to_sql(expression, dialect=dialect)


def test_it_runs_in_a_locked_log_and_prompts_stay_there(tmp_path):
    book = LimitedBook()
    people(book, 60, status="200")
    failing_over(book, 8, after=60)
    requests = book.open(tmp_path)
    with (
        Crossing(requests, locked=True).open() as crossing,
        crossing.of("volume", frozenset(volume.EXPORTS)),
    ):
        found = told(volume.detect(requests, Population(requests)))
    assert "a" in found
