"""Who keeps time with whom: synchrony of tied pairs, hand-over, and all that only looks like it."""

import random

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from ingest.detectors import timing
from ingest.detectors.crossing import Crossing
from ingest.detectors.population import Population
from ingest.detectors.timing_cells import (
    CELLS,
    TURNS,
    _mean,
    acting,
    hand_overs,
    meetings,
    seconds_of,
    turns,
)
from ingest.detectors.timing_pairs import MOST_PAIRS, NEXT, pairs_of
from ingest.readers.columns import TYPES
from tests.ingest.logs import LogBook


def moments(draw: random.Random, many: int, days: int = 10) -> list[float]:
    """Hours since the log's start, by day."""
    return sorted(draw.randrange(days) * 24 + draw.uniform(8, 20) for _ in range(many))


def crowd(book: LogBook, many: int = 80, **fields) -> None:
    """People by themselves, three to a card, with one daily rhythm."""
    draw = random.Random(2)
    for number in range(many):
        for at in moments(draw, 60):
            book.add(f"p{number}", hours=at, payment=f"card-{number // 3}", **fields)


def in_step(book: LogBook, many: int = 6, jobs: int = 40, **fields) -> None:
    """One trigger, many accounts, within a second or two."""
    draw = random.Random(3)
    for at in moments(draw, jobs):
        for number in range(many):
            wait = draw.uniform(0, 1.5) / 3600
            book.add(f"s{number}", hours=at + wait, **{"payment": "theirs"} | fields)


def called(book: LogBook, folder) -> dict:
    return {o.account.id: o for o in timing.detect(book.open(folder)).observations}


# synchrony


def test_accounts_in_step_are_told_as_one_group_with_what_was_expected(tmp_path):
    book = LogBook()
    crowd(book)
    in_step(book)
    found = called(book, tmp_path)
    assert set(found) == {f"s{n}" for n in range(6)}
    assert len({o.group_key for o in found.values()}) == 1
    one = found["s0"]
    assert one.p_value < 1e-6 and one.score > 0.5
    told = one.evidence["synchrony"]
    assert told["accounts_in_step"] == 5 and told["own_pairs_tested"] == 5
    assert told["best_pair"]["coincidences"] > 20 > 5 > told["best_pair"]["expected"]
    assert one.evidence["pairs_tested"] == 26 * 3 + 1 + 15
    assert any(a.value == "theirs" for a in one.attributes)


def test_who_is_tied_by_nothing_is_not_compared(tmp_path):
    book = LogBook()
    crowd(book)
    in_step(book)
    for row in book.rows:
        if row["account_id"].startswith("s"):
            row["payment"] = row["account_id"]
    assert called(book, tmp_path) == {}


def test_one_organisation_may_keep_its_own_time(tmp_path):
    book = LogBook()
    crowd(book)
    in_step(book, organisation="one")
    assert called(book, tmp_path) == {}


def test_the_full_minute_is_crons_and_no_synchrony(tmp_path):
    book = LogBook()
    crowd(book)
    draw = random.Random(4)
    for _ in range(60):
        at = draw.randrange(10) * 24 + draw.randrange(8, 20) + draw.randrange(60) / 60
        for number in range(6):
            book.add(f"s{number}", hours=at + draw.uniform(-2, 2) / 3600, payment="theirs")
    assert called(book, tmp_path) == {}


def test_those_who_all_come_back_after_one_outage_are_not_in_step(tmp_path):
    book = LogBook()
    crowd(book)
    draw = random.Random(5)
    for number in range(6):
        for at in moments(draw, 40):
            book.add(f"s{number}", hours=at, payment="theirs")
        for burst in range(6):  # half an hour of retries in the same seconds
            book.add(f"s{number}", hours=60.21 + burst / 12, payment="theirs")
    assert called(book, tmp_path) == {}


def test_a_clock_of_whole_minutes_is_too_coarse_to_tell(tmp_path):
    book = LogBook()
    crowd(book)
    in_step(book)
    for row in book.rows:
        row["at"] = row["at"].replace(second=30, microsecond=0)
    told = called(book, tmp_path).values()
    assert not any("synchrony" in observation.evidence for observation in told)


def test_coincidences_agree_with_a_hand_count(tmp_path):
    book = LogBook()
    for second in (305, 306, 312, 331):  # cells 0, 0, 1 and 5 of the second part of the hour
        book.add("a", hours=second / 3600)
    for second in (308, 334, 700, 301):  # cells 0 and 5, another part, and the minute's start
        book.add("b", hours=second / 3600)
    requests = book.open(tmp_path)
    strata = acting(seconds_of(requests, ["a", "b"]))
    rows = strata.execute().sort_values(["account_id", "part"])
    assert rows[["account_id", "part", "n", "cells"]].values.tolist() == [
        ["a", 1, 3, 1 + 2 + 32],
        ["b", 1, 2, 1 + 32],
        ["b", 2, 1, 1 << 17],
    ]
    pairs = ibis.memtable({"pair": [0], "one": ["a"], "other": ["b"]})
    met = meetings(pairs, strata).execute().iloc[0]
    assert (met.strata, met.hits, met.hours) == (1, 1, 1), "once a stratum"
    assert met["mean"] == pytest.approx(-2 * np.log(1 - 3 / (CELLS + 1 - 2)))


@pytest.mark.parametrize("cells", [CELLS, TURNS])
def test_the_mean_of_a_stratum_is_never_below_the_hypergeometric_one(cells):
    sizes = [(a, b) for a in range(1, cells + 1) for b in range(1, cells + 1) if a + b <= cells]
    table = ibis.memtable(pd.DataFrame(sizes, columns=["a", "b"]))
    told = ibis.duckdb.connect().to_pandas(table.mutate(mean=_mean(table.a, table.b, cells)))
    used = told[told["mean"] <= np.log(2)]
    exact = -np.log(hypergeom.pmf(0, cells, used.a, used.b))
    assert (used["mean"] >= exact - 1e-9).all() and len(used) > cells
    alone = used[used.a == 1]
    assert alone["mean"].to_numpy() == pytest.approx(-np.log(1 - alone.b / cells))


# pairs


def carriers(many: int, value: str = "hub", organisations: int | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": [f"{value}-{n}" for n in range(many)],
            "kind": "payment",
            "value": value,
            "organisations": organisations or many,
        }
    )


def of_their_own(ties: pd.DataFrame) -> pd.Series:
    names = ties.account_id.unique()
    return pd.Series(names, index=names)


def test_few_carriers_make_every_pair_and_many_a_ring():
    small = carriers(2 * NEXT + 1)
    pairs, _ = pairs_of(small, of_their_own(small))
    assert len(pairs) == (2 * NEXT + 1) * NEXT and not pairs.sampled.any()
    hub = carriers(10_000)
    pairs, left_out = pairs_of(hub, of_their_own(hub))
    assert len(pairs) == 10_000 * NEXT and left_out == 0 and pairs.sampled.all()
    seen = pd.concat([pairs.one, pairs.other]).value_counts()
    assert len(seen) == 10_000 and set(seen) == {2 * NEXT}


def test_the_rarest_ties_are_tested_first_and_the_rest_is_counted():
    ties = pd.concat([carriers(MOST_PAIRS // NEXT), carriers(2, "rare")])
    pairs, left_out = pairs_of(ties, of_their_own(ties))
    assert len(pairs) == MOST_PAIRS and left_out == 1
    assert pairs.value[0] == "rare"


def test_pairs_of_one_organisation_are_not_made():
    ties = carriers(6)
    party = pd.Series(["one"] * 5 + ["two"], index=ties.account_id)
    pairs, _ = pairs_of(ties, party)
    assert len(pairs) == 5
    assert all(party[row.one] != party[row.other] for row in pairs.itertuples())


def test_an_accounts_p_value_pays_for_every_pair_and_value_that_was_tried():
    pairs = pd.DataFrame(
        {"one": "a", "other": ["b", "c", "d"], "kind": "payment", "value": "v", "sampled": False,
         "strata": 9, "hits": 4, "mean": 0.1, "hours": 4, "p": [1e-5, 0.5, 1.0], "q": [0.01, 1, 1]}
    )  # fmt: skip
    turning = pd.DataFrame(
        {"account_id": ["a", "b"], "kind": "payment", "value": "v", "strata": 9, "hits": [0, 5],
         "mean": 0.1, "hours": [0, 5], "p": [1.0, 1e-7], "q": [1.0, 0.01], "tests": [1, 4]}
    )  # fmt: skip
    told = timing.by_account(pairs, turning)
    assert told.p["a"] == pytest.approx(2 * 3 * 1e-5), "three pairs, and hand-over too"
    assert told.p["b"] == pytest.approx(2 * 4 * 1e-7), "one pair, and four values"
    assert told.p["c"] == told.p["d"] == 1
    assert list(told.index[told.called]) == ["a", "b"]
    assert told.group["a"] == told.group["b"] != told.group["c"]


# hand-over


def shifts(book: LogBook, many: int = 8, turns: int = 300) -> None:
    """One works for some minutes, then another takes over within the minute; all day long."""
    draw, at = random.Random(6), 8.0
    for turn in range(turns):
        until = at + draw.uniform(0.1, 0.4)
        while at < until:
            book.add(f"w{turn % many}", hours=at, payment="theirs")
            at += draw.uniform(60, 200) / 3600
        at = until + draw.uniform(5, 50) / 3600


def test_those_who_take_turns_on_one_card_are_told_together(tmp_path):
    book = LogBook()
    crowd(book)
    shifts(book)
    found = called(book, tmp_path)
    assert len(found) >= 6 and all(name.startswith("w") for name in found)
    assert len({o.group_key for o in found.values()}) == 1
    one = next(iter(found.values()))
    told = one.evidence["hand_over"]
    assert told["starts_at_its_ends"] > 3 * told["expected"]
    assert told["tied_by"] == "payment" and one.p_value < 1e-3


def test_an_organisation_takes_turns_with_itself_without_a_word(tmp_path):
    book = LogBook()
    crowd(book)
    shifts(book)
    for row in book.rows:
        if row["account_id"].startswith("w"):
            row["organisation"] = "one"
    book.add("guest", hours=200.2, payment="theirs")
    assert called(book, tmp_path) == {}


def test_hand_overs_agree_with_a_hand_count(tmp_path):
    book = LogBook()
    for minute in (1.5, 7, 8.2):  # ends at 8.2, and a minute later is cell 2
        book.add("a", hours=9 + minute / 60)
    book.add("b", hours=9 + 9.5 / 60)  # starts in cell 2
    book.add("c", hours=9 + 40.5 / 60)  # in cell 12
    book.add("a", hours=11 + 10.5 / 60)  # alone in its hour
    carried = ibis.memtable(
        pd.DataFrame({"account_id": ["a", "b", "c"], "party": ["a", "b", "c"], "value": "v"})
    )
    found = hand_overs(carried, turns(seconds_of(book.open(tmp_path), ["a", "b", "c"]))).execute()
    row = found.set_index("account_id").loc["a"]
    assert (row.strata, row.hits) == (1, 1)
    assert row["mean"] == pytest.approx(-np.log(1 - 2 / TURNS)), "two others start in its hour"


# where it runs


def test_a_log_without_shared_values_has_nothing_to_test(tmp_path):
    book = LogBook()
    for number in range(30):
        book.add(f"a{number}", hours=number / 7)
    found = timing.detect(book.open(tmp_path))
    assert found.observations == [] and set(found.scores.values()) == {0.0}


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "clickhouse", "trino"])
def test_the_expressions_compile_for_the_warehouses(dialect):
    requests = ibis.table(TYPES, name="requests")
    pairs = ibis.table({"pair": "int64", "one": "string", "other": "string"}, name="pairs")
    tied = ibis.table({"account_id": "string", "party": "string", "value": "string"}, name="tied")
    assert ibis.to_sql(meetings(pairs, acting(seconds_of(requests, ["a"]))), dialect=dialect)
    assert ibis.to_sql(hand_overs(tied, turns(seconds_of(requests, ["a"]))), dialect=dialect)


def test_it_runs_in_a_locked_log(tmp_path):
    book = LogBook()
    crowd(book)
    in_step(book)
    requests = book.open(tmp_path)
    with (
        Crossing(requests, locked=True).open() as crossing,
        crossing.of("timing", frozenset(timing.EXPORTS)),
    ):
        found = timing.detect(requests, Population(requests))
    assert len(found.observations) == 6
