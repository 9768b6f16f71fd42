"""The detectors' queries compile for warehouses that nobody has here, as they were reviewed."""

import pytest

from tests.ingest.warehouse_sql import DIALECTS, SNAPSHOTS, queries, snapshots

# written by Ibis for strip(): Snowflake reads the first as a letter
UNREADABLE = {"snowflake": ("\\v",), "bigquery": (), "clickhouse": ()}


@pytest.fixture(scope="module")
def asked():
    return list(queries())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_query_is_the_reviewed_sql(dialect, asked):
    now = snapshots(dialect, asked)
    kept = {path.name: path.read_text("utf-8") for path in (SNAPSHOTS / dialect).glob("*.sql")}
    changed = sorted(name for name in now.keys() | kept.keys() if now.get(name) != kept.get(name))
    assert not changed, f"{dialect}: run make snapshots, and review what changed in {changed}"
    for sign in UNREADABLE[dialect]:
        assert not [name for name, sql in now.items() if sign in sql], f"{sign} is no escape there"


def test_every_detector_is_among_them(asked):
    from ingest.detectors import DETECTORS

    parties = [party for party, _ in asked]
    assert {"opening", "population", "activity"} <= set(parties)
    assert {detector.SLUG for detector in DETECTORS} <= set(parties)
    assert len(parties) > 30
