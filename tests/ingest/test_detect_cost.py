"""The cap on bytes: said in a dry run, refused before reading, kept while reading."""

import duckdb
import pytest
from django.core.management import CommandError, call_command

from ingest import scan
from ingest.models import DetectorRun, Signal
from ingest.readers import LogError
from ingest.readers.columns import TYPES
from ingest.rehearse import OPENING, rehearse
from ingest.scan import Files, Meter, Warehouse, cost_of
from ingest.services.log_source import LogSource
from ingest.services.looking import looking
from tests.ingest.traffic import Growing, day


@pytest.fixture
def path(tmp_path):
    return Growing(tmp_path).write(day(30))


@pytest.fixture
def table(path, tmp_path):
    """The same requests as a table of a stored DuckDB, the plainest warehouse."""
    with duckdb.connect(str(tmp_path / "house.duckdb")) as connection:
        connection.execute(f"CREATE TABLE requests AS SELECT * FROM '{path}'")
    return {"logs": "requests", "backend": f"duckdb://{tmp_path}/house.duckdb"}


def test_parquet_tells_the_bytes_of_each_column_and_the_rows(path):
    files = Files(LogSource(str(path)))
    one, other = files.bytes_of(frozenset({"prompt"})), files.bytes_of(frozenset({"account_id"}))
    assert other > 0 and files.bytes_of(frozenset({"prompt", "account_id"})) == one + other
    stored = duckdb.execute(
        "SELECT sum(total_compressed_size) FROM parquet_metadata(?) "
        "WHERE path_in_schema = 'prompt'", [str(path)],
    ).fetchone()[0]  # fmt: skip
    assert one == stored
    assert files.rows == len(Growing(path.parent).rows)


def test_files_are_read_once_to_be_counted_and_once_for_all_detectors(path):
    first, *later = scan.rehearsal(LogSource(str(path)))
    assert first == OPENING and later == [frozenset(TYPES)]
    assert len(scan.rehearsal(LogSource(str(path), locked=True))) > 10  # and never copied
    warehouse = scan.rehearsal(LogSource("requests", backend="duckdb://house.duckdb"))
    assert len(warehouse) > 10


def test_what_is_copied_are_the_requests_of_the_window(path):
    with looking(LogSource(str(path)), lambda text: None) as looked:
        looked.cut(day(0.25), day(0.5))
        cut, window = looked.requests, looked.population.window
        looked.copy()
        assert looked.population.requests is looked.requests is not cut
        rows = [t.order_by("request_id").to_pyarrow().to_pylist() for t in (cut, looked.requests)]
        assert rows[0] == rows[1] and len(rows[0]) > 10
        assert looked.population.window == window


def test_a_locked_log_is_not_copied(path):
    with looking(LogSource(str(path), locked=True), lambda text: None) as looked:
        looked.cut(None, None)
        cut = looked.requests
        looked.copy()
        assert looked.requests is cut


def test_text_is_read_whole_and_once(path, tmp_path):
    text = tmp_path / "log.csv"
    duckdb.execute(f"COPY (SELECT * FROM '{path}') TO '{text}' (HEADER)")
    files = Files(LogSource(str(text)))
    assert files.bytes_of(OPENING) == text.stat().st_size
    assert files.bytes_of(frozenset({"prompt"})) == 0


@pytest.mark.django_db
def test_a_dry_run_tells_the_cost_of_a_table_and_reads_no_more(table, capsys):
    call_command("detect", table["logs"], backend=table["backend"], dry_run=True)
    said = capsys.readouterr().out
    assert f"in {len(rehearse())} queries" in said and "iB of a log of " in said
    assert "nothing else was read" in said and "accounts of" not in said
    assert not DetectorRun.objects.exists()


@pytest.mark.django_db
def test_beyond_the_cap_nothing_is_read(path, monkeypatch):
    def read(self):
        raise AssertionError("it was read")

    monkeypatch.setattr(LogSource, "read", read)
    with pytest.raises(CommandError, match=r"beyond --max-bytes 100: nothing was read"):
        call_command("detect", str(path), max_bytes=100)
    assert not DetectorRun.objects.exists()


@pytest.mark.django_db
def test_a_run_that_meets_the_cap_half_way_stops_there(path, monkeypatch):
    """As when the rehearsal promised too little."""
    monkeypatch.setattr(scan, "rehearsal", lambda source: (OPENING,))
    cap = Files(LogSource(str(path))).bytes_of(OPENING) + 10
    with pytest.raises(CommandError, match=r"--max-bytes .* is reached: .* were read"):
        call_command("detect", str(path), max_bytes=cap)
    assert not Signal.objects.exists()


@pytest.mark.django_db
def test_the_rehearsal_foresees_what_a_run_reads(path, capsys):
    foreseen = cost_of(LogSource(str(path))).bytes
    call_command("detect", str(path), max_bytes=foreseen)
    read = DetectorRun.objects.get().bytes_read
    assert 0.8 * foreseen <= read <= foreseen


def test_a_stored_duckdb_tells_its_blocks_and_a_view_does_not(table, tmp_path):
    house = Warehouse(LogSource(**table))
    assert house.bytes_of(frozenset({"prompt"})) >= scan.BLOCK
    assert house.bytes_of(frozenset()) == 0
    with duckdb.connect(str(tmp_path / "views.duckdb")) as connection:
        connection.execute(f"CREATE VIEW seen AS SELECT * FROM '{tmp_path}/growing.parquet'")
    source = LogSource("seen", backend=f"duckdb://{tmp_path}/views.duckdb", max_bytes=10**9)
    with pytest.raises(LogError, match="does not tell what a query reads"):
        Meter(source).refuse_beyond_cap()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"running": True, "dry_run": True}, "--running has windows of its own"),
        ({"max_bytes": 0}, "1 or more"),
        ({"locked": True, "scores": True}, "outside the warehouse"),
        ({"backend": "duckdb://x", "dry_run": True, "scores": True}, "tells the cost alone"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(tmp_path, options, words):
    if options.get("scores"):
        options = options | {"scores": tmp_path / "scores.csv"}
    with pytest.raises(CommandError, match=words):
        call_command("detect", "nothing.parquet", **options)


@pytest.mark.django_db
def test_the_settings_are_checked_when_the_desk_starts(tmp_path):
    import os
    import subprocess
    import sys

    for name, value, words in (
        ("DETECT_STEP", "500", "would leave requests out"),
        ("DETECT_WINDOW", "1.5", "must be a whole number"),
        ("DETECT_MAP", "payment", "write FIELD=COLUMN"),
        ("DETECT_EVERY", "0", "must be from"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", "import analyst.settings"],
            env={**os.environ, "VAR": str(tmp_path), name: value}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode and name in done.stderr and words in done.stderr, done.stderr[-300:]
