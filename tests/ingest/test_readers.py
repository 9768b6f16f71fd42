"""Logs of each format give the same normal form, or one line that says what is wrong."""

import gzip
import json
from datetime import UTC, datetime

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ingest.readers import LogError, open_logs, read_logs
from ingest.readers.columns import TYPES
from ingest.readers.values import as_type

LINES = [
    {"request_id": "a", "ts": "2026-11-02T08:15:02.417Z", "account_id": "0042", "org_id": "o1",
     "payment_fingerprint": "card-1", "prompt": "hello <b>there</b>", "prompt_tokens": 12},
    {"request_id": "b", "ts": "2026-11-02T10:15:02.417+02:00", "account_id": "7", "org_id": None,
     "payment_fingerprint": "", "prompt": "\u202eright to left", "prompt_tokens": None},
]  # fmt: skip
MOMENT = datetime(2026, 11, 2, 8, 15, 2, 417000)


def as_jsonl(lines) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def as_csv(lines) -> bytes:
    names = list(lines[0])
    cell = lambda value: "" if value is None else '"' + str(value).replace('"', '""') + '"'  # noqa: E731
    rows = [",".join(cell(line[name]) for name in names) for line in lines]
    return "\n".join([",".join(names), *rows]).encode() + b"\n"


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst", "log.csv",
                                  "log.csv.gz", "log.csv.zst", "log.parquet"])  # fmt: skip
def test_each_format_gives_the_same_normal_form(tmp_path, name):
    path = tmp_path / name
    body = as_csv(LINES) if ".csv" in name else as_jsonl(LINES)
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(LINES), path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(body))
    elif name.endswith(".zst"):
        path.write_bytes(zstandard.compress(body))
    else:
        path.write_bytes(body)
    requests = open_logs(str(path))
    assert list(requests.columns) == list(TYPES)
    one, other = requests.order_by("request_id").to_pyarrow().to_pylist()
    assert one["account_id"] == "0042"  # an id keeps its zeros
    assert (one["organisation"], one["payment"], one["input_tokens"]) == ("o1", "card-1", 12)
    assert one["at"] == other["at"] == MOMENT
    assert one["prompt"] == "hello <b>there</b>" and other["prompt"] == "\u202eright to left"
    assert other["organisation"] is None and other["payment"] is None
    assert other["input_tokens"] is None, "what is not recorded is null and never 0"


def test_columns_that_the_log_lacks_are_typed_nulls(tmp_path):
    (tmp_path / "log.jsonl").write_bytes(as_jsonl(LINES))
    logs = read_logs(str(tmp_path / "log.jsonl"))
    assert {"asn", "device", "reasoning_tokens"} <= set(logs.not_recorded)
    assert logs.requests.reasoning_tokens.type().is_integer()
    assert logs.requests.reasoning_tokens.count().execute() == 0


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
@pytest.mark.parametrize("form", ["json", "parquet"])
def test_epoch_seconds_milliseconds_microseconds_and_nanoseconds_are_told_apart(
    tmp_path, unit, form
):
    moment = datetime(2026, 11, 2, 8, 15, 2, tzinfo=UTC)
    lines = [{"timestamp": int(moment.timestamp()) * unit, "user": "u"}]
    path = tmp_path / ("log.parquet" if form == "parquet" else "log.jsonl")
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(lines), path)
    else:
        path.write_bytes(as_jsonl(lines))
    assert open_logs(str(path)).to_pyarrow().to_pylist()[0]["at"] == moment.replace(tzinfo=None)


def test_float_seconds_keep_their_milliseconds(tmp_path):
    (tmp_path / "log.jsonl").write_bytes(as_jsonl([{"startTime": 1793607302.417, "user": "u"}]))
    at = open_logs(str(tmp_path / "log.jsonl")).to_pyarrow().to_pylist()[0]["at"]
    assert at.microsecond == 417_000


def test_a_request_that_was_delivered_twice_counts_once(tmp_path):
    (tmp_path / "log.jsonl").write_bytes(as_jsonl([*LINES, LINES[0]]))
    logs = read_logs(str(tmp_path / "log.jsonl"))
    assert (logs.lines, logs.repeated) == (3, 1)
    assert logs.requests.count().execute() == 2


def test_requests_without_an_id_are_all_kept(tmp_path):
    lines = [{"ts": "2026-11-02T08:00:00Z", "account_id": "a", "request_id": None}] * 3
    lines.append({"ts": "2026-11-02T08:00:00Z", "account_id": "a", "request_id": "x"})
    (tmp_path / "log.jsonl").write_bytes(as_jsonl([*lines, lines[-1]]))
    assert read_logs(str(tmp_path / "log.jsonl")).requests.count().execute() == 4


def test_map_names_a_column_and_wins_over_the_usual_names(tmp_path):
    lines = [{"ts": "2026-11-02T08:00:00Z", "account_id": "wrong", "Tenant": "right"}]
    (tmp_path / "log.jsonl").write_bytes(as_jsonl(lines))
    requests = open_logs(str(tmp_path / "log.jsonl"), mapping={"account_id": "tenant"})
    assert requests.to_pyarrow().to_pylist()[0]["account_id"] == "right"


@pytest.mark.parametrize(
    ("lines", "mapping", "words"),
    [
        ([{"ts": "2026-11-02", "who": "x"}], {}, ["account_id", "--map account_id=COLUMN", "who"]),
        ([{"account_id": "x", "when": 1}], {}, ["no column for at", "--map at=COLUMN", "when"]),
        ([{"ts": 1, "account_id": "x"}], {"payment": "card"}, ["no column 'card'", "ts"]),
        ([{"ts": 1, "account_id": "x"}], {"wallet": "card"}, ["wallet", "no such field"]),
        ([{"ts": "soon", "account_id": "x"}], {}, ["readable time", "'ts'"]),
        ([{"ts": 12, "account_id": "x"}], {}, ["readable time", "1990"]),
        ([{"ts": "2026-11-02", "account_id": None}], {}, ["no line has an account"]),
    ],
)
def test_what_is_missing_is_named_with_what_to_give(tmp_path, lines, mapping, words):
    (tmp_path / "log.jsonl").write_bytes(as_jsonl(lines))
    with pytest.raises(LogError) as caught:
        read_logs(str(tmp_path / "log.jsonl"), mapping=mapping)
    said = str(caught.value)
    assert "\n" not in said
    assert all(word in said for word in words), said


def test_lines_without_account_or_time_are_left_out_and_counted(tmp_path):
    lines = [{"ts": "2026-11-02T08:00:00Z", "account_id": "a"}, {"ts": "?", "account_id": "a"},
             {"ts": "2026-11-02T08:00:00Z", "account_id": ""}]  # fmt: skip
    (tmp_path / "log.jsonl").write_bytes(as_jsonl(lines))
    logs = read_logs(str(tmp_path / "log.jsonl"))
    assert (logs.without_account, logs.without_time) == (1, 1)
    assert logs.requests.count().execute() == 1


def test_a_folder_is_read_whole_and_a_mixed_one_is_refused(tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.jsonl").write_bytes(as_jsonl([LINES[number - 1]]))
    assert open_logs(str(tmp_path)).count().execute() == 2
    assert open_logs(str(tmp_path / "*.jsonl")).count().execute() == 2
    (tmp_path / "same.csv").write_bytes(as_csv(LINES))
    with pytest.raises(LogError, match="csv and json files, which may be the same"):
        open_logs(str(tmp_path))


@pytest.mark.parametrize("content", [b"PAR1 cut short", b""])
def test_a_truncated_parquet_file_is_one_line(tmp_path, content):
    (tmp_path / "log.parquet").write_bytes(content)
    with pytest.raises(LogError, match=r"log\.parquet can't be read") as caught:
        read_logs(str(tmp_path / "log.parquet"))
    assert "\n" not in str(caught.value)


def test_broken_json_and_a_missing_file_are_one_line(tmp_path):
    (tmp_path / "log.jsonl").write_bytes(as_jsonl(LINES) + b'{"ts": "2026-11-02", "acc\n')
    for path in (tmp_path / "log.jsonl", tmp_path / "none.jsonl", tmp_path / "what.xlsx"):
        with pytest.raises(LogError) as caught:
            read_logs(str(path))
        assert "\n" not in str(caught.value)


def test_a_backend_is_read_by_its_table(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as base:
        base.execute("CREATE TABLE calls AS SELECT 'a' AS account_id, TIMESTAMP '2026-11-02' AS ts")
    assert open_logs("calls", backend=f"duckdb://{path}").count().execute() == 1
    with pytest.raises(LogError, match="no table nothing"):
        open_logs("nothing", backend=f"duckdb://{path}")


def test_a_password_in_a_backend_url_is_not_repeated():
    with pytest.raises(LogError) as caught:
        open_logs("calls", backend="nosuch://user:s3cret@host/base")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "trino"])
def test_the_normal_form_compiles_for_the_warehouses(dialect):
    # Spark compiles only with its driver at hand: Ibis asks it for an option. ClickHouse has no
    # moment from an epoch in milliseconds: there a log needs a timestamp column.
    raw = ibis.table({"ts": "string", "n": "float64", "when": "int64"}, name="calls")
    moments = {name: as_type(raw[name], "timestamp") for name in ("ts", "when")}
    assert ibis.to_sql(raw.select(**moments, n=as_type(raw.n, "int64")), dialect=dialect)
