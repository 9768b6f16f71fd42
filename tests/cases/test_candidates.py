"""The candidate links of a full rebuild as one expression: the same stars as in memory."""

import random

import ibis
import numpy as np
import pandas as pd
import pytest

from cases.grouping import Facts
from cases.grouping.candidates import candidate_links
from cases.grouping.links import ties, unlikely
from cases.grouping.rarity import KINDS
from cases.grouping.witnesses import witnesses
from tests.bench.worlds import world
from tests.cases.test_incremental import N, stream

PRIOR = 1 / 3000


def tables(facts: Facts) -> dict[str, pd.DataFrame]:
    return {
        "uses": pd.DataFrame(
            {
                "account": facts.account[facts.use_account],
                "attribute": facts.attribute[facts.use_attribute],
                "first_at": facts.use_first,
                "last_at": facts.use_last,
            }
        ),
        "attributes": pd.DataFrame(
            {
                "attribute": facts.attribute,
                "kind": [KINDS[code] for code in facts.kind],
                "carriers": facts.carriers,
                "population": facts.population,
            }
        ),
        "accounts": pd.DataFrame(
            {
                "account": facts.account,
                "party": facts.party,
                "aggregate": facts.aggregate,
                "flagged": facts.flagged,
            }
        ),
    }


def stars_of(frame: pd.DataFrame) -> set:
    """(values, accounts) of every star beyond chance."""
    some = frame[
        unlikely(frame.spread.to_numpy(), frame.expected.to_numpy(), frame.population.to_numpy())
    ]
    grouped = some.groupby(["a", "a_episode", "b", "b_episode"])
    return {
        (int(a), int(b), frozenset(rows.account.tolist()), round(float(rows.bits.iloc[0]), 6))
        for (a, _, b, _), rows in grouped
    }


def stars_in_memory(facts: Facts) -> set:
    seen = witnesses(facts)
    found = ties(facts, seen, prior=PRIOR, left_out=facts.aggregate)
    return {
        (
            int(facts.attribute[seen.attribute[a]]),
            int(facts.attribute[seen.attribute[b]]),
            frozenset(facts.account[found.account[found.tie == place]].tolist()),
            round(float(bits), 6),
        )
        for place, (a, b, bits) in enumerate(zip(found.a, found.b, found.bits, strict=True))
    }


def of_stream(seed: int) -> Facts:
    """Episodes weeks apart, shared accounts, values whose prevalence is unknown."""
    attributes, places, deliveries = stream(seed)
    rng = random.Random(seed)
    attributes = [
        (pk, kind, d if rng.random() < 0.95 else None, N) for pk, kind, d, _ in attributes
    ]
    people = {row for accounts, _, _ in deliveries for row in accounts}
    uses = {row for _, some, _ in deliveries for row in some}
    signals = [row for _, _, some in deliveries for row in some if not row[3]]
    return Facts.from_rows(sorted(people), attributes, sorted(uses), signals, places)


def through(connection, facts: Facts) -> set:
    given = tables(facts)
    for name, frame in given.items():
        connection.create_table(name, ibis.memtable(frame), overwrite=True)
    stars = candidate_links(*(connection.table(name) for name in given), prior=PRIOR)
    return stars_of(connection.to_pandas(stars))


@pytest.fixture(scope="module")
def duckdb():
    return ibis.duckdb.connect()


@pytest.mark.parametrize("seed", range(8))
def test_duckdb_finds_the_stars_that_memory_finds_in_any_stream(duckdb, seed):
    facts = of_stream(seed)
    assert through(duckdb, facts) == stars_in_memory(facts)


@pytest.mark.parametrize("seed", [1, 2])
def test_duckdb_finds_the_stars_of_a_planted_population(duckdb, seed):
    facts = world(seed, 1_500, 2).facts
    stars = stars_in_memory(facts)
    assert len(stars) > 20
    assert through(duckdb, facts) == stars


def test_streams_have_stars_at_all():
    every = [stars_in_memory(of_stream(seed)) for seed in range(8)]
    assert sum(map(len, every)) >= 30


@pytest.mark.parametrize("dialect", ["bigquery", "snowflake", "clickhouse"])
def test_it_is_one_query_elsewhere(dialect):
    given = tables(of_stream(1))
    names = {
        name: ibis.table(ibis.memtable(frame).schema(), name=name) for name, frame in given.items()
    }
    sql = ibis.to_sql(candidate_links(*names.values(), prior=PRIOR), dialect=dialect)
    assert str(sql).upper().count("GROUP BY") >= 1
    assert ";" not in str(sql)


def test_unlikely_is_poissons_tail():
    expected, population = np.array([0.1, 2.0, np.nan]), np.array([9e3, 9e3, np.nan])
    assert unlikely(np.array([3, 3, 3]), expected, population).tolist() == [True, False, True]
