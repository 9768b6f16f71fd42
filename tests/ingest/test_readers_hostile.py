"""Broken, hostile and incomplete logs: a clear line or a marked gap, never a wrong number."""

import gzip
import json
import os
import stat
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import LogError, open_logs, read_logs
from ingest.readers.columns import TYPES
from ingest.readers.duck import connect
from ingest.readers.normal import shape, tally
from ingest.readers.opened import Opened
from ingest.simulate.hostile import NAMES

CONNECTION = connect()
AT = "2026-11-02T08:15:02Z"
FIXTURES = Path(__file__).parent / "fixtures"


def line(**fields):
    return {"ts": AT, "account_id": "a", **fields}


def write(path, *lines):
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return str(path)


def refusal(location, **options):
    with pytest.raises(LogError) as caught:
        read_logs(str(location), **options)
    said = str(caught.value)
    assert "\n" not in said and len(said) < 2000
    return said


def words(log):
    return "\n".join(map(str, log.gaps))


# broken files


def test_a_broken_line_is_told_by_file_and_number_and_not_repeated(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(f'{json.dumps(line())}\n{json.dumps(line())}\n{{"secret": "s3\n{{}}\n')
    said = refusal(tmp_path)
    assert f"{path}, line 3, is not a JSON object" in said and "s3" not in said


@pytest.mark.parametrize("wrong", ["[1, 2]", "7", '"text"'])
def test_a_line_that_is_no_object_is_told_by_its_number(tmp_path, wrong):
    (tmp_path / "log.jsonl").write_text(f"{json.dumps(line())}\n{wrong}\n")
    assert "line 2" in refusal(tmp_path / "log.jsonl")


def test_a_last_line_that_is_still_being_written_waits_and_is_marked(tmp_path):
    whole = write(tmp_path / "1.jsonl", line(request_id="x"))
    half = tmp_path / "2.jsonl"
    half.write_text(Path(whole).read_text().replace("x", "y") + '{"ts": "2026-11-0')
    log = read_logs(str(tmp_path))
    assert (log.lines, log.without_account) == (2, 0)
    assert "still being written, not read: 1" in words(log)
    half.write_text('{"ts": \n{"ts": "2026-11-0')
    assert "2.jsonl, line 1," in refusal(tmp_path)


def test_csv_that_does_not_fit_its_header_is_refused_and_never_guessed(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f"ts,account_id\n{AT},a\n{AT},a,surplus\n")
    said = refusal(path)
    assert f"{path}: record 3 has 3 cells and the header 2" in said and "surplus" not in said
    path.write_text(f'ts,account_id\n{AT},"a\n{AT},b\n')
    assert "has a quote that does not end" in refusal(path)
    path.write_bytes(b"ts,account_id\n2026,\xff\xfe\n")
    assert "is not UTF-8" in refusal(path)
    path.write_text("ts,,account_id\n")
    assert "the header has an empty name" in refusal(path)
    path.write_text("ts,account_id,Account_ID\n")
    assert "'Account_ID' twice" in refusal(path) or "'account_id' twice" in refusal(path)


def test_csv_with_other_marks_and_files_with_other_columns_are_one_log(tmp_path):
    (tmp_path / "1.csv").write_text(f'\ufeffts;account_id;prompt\n{AT};a;"x,y;z\nnext"\n')
    (tmp_path / "2.csv").write_text(f"account_id,ts\n0042,{AT}\n")
    found = open_logs(str(tmp_path)).order_by("account_id").to_pyarrow().to_pylist()
    assert [row["account_id"] for row in found] == ["0042", "a"]
    assert [row["prompt"] for row in found] == [None, "x,y;z\nnext"]


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_parquet_that_was_cut_is_told_by_its_own_name(tmp_path, cut):
    table = pa.table({"ts": [AT] * 500, "account_id": [str(n) for n in range(500)]})
    for name in ("1.parquet", "2.parquet"):
        pq.write_table(table, tmp_path / name)
    body = (tmp_path / "2.parquet").read_bytes()
    (tmp_path / "2.parquet").write_bytes(body[:cut])
    said = refusal(tmp_path)
    assert f"{tmp_path / '2.parquet'} can't be read" in said and "still being written" in said


def test_parquet_whose_pages_are_damaged_is_told_by_its_name(tmp_path):
    path = tmp_path / "log.parquet"
    table = pa.table({"ts": [AT] * 5000, "account_id": [f"account-{n}" for n in range(5000)]})
    pq.write_table(table, path)
    body = bytearray(path.read_bytes())
    body[1000:9000] = bytes(8000)
    path.write_bytes(body)
    assert str(path) in refusal(path)


def test_a_packed_log_that_was_cut_is_told_by_its_name(tmp_path):
    path = tmp_path / "log.jsonl.gz"
    packed = gzip.compress((json.dumps(line()) + "\n").encode() * 200_000)
    path.write_bytes(packed[: len(packed) // 2])
    said = refusal(path)
    assert str(path) in said and "cut off" in said


def test_empty_files_are_passed_over_and_an_empty_log_is_refused(tmp_path):
    (tmp_path / "0.jsonl").touch()
    assert refusal(tmp_path / "0.jsonl") == f"{tmp_path / '0.jsonl'} has no lines"
    write(tmp_path / "1.jsonl", line(request_id="x"))
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "notes.txt").write_text("hand-over")
    log = read_logs(str(tmp_path))
    assert log.lines == 1
    assert "empty files: 1" in words(log) and "other kinds, passed over: 1" in words(log)


def test_a_folder_of_many_files_in_folders_is_read_whole(tmp_path):
    for day in range(1, 4):
        (tmp_path / f"{day:02}").mkdir()
        for part in range(40):
            write(tmp_path / f"{day:02}" / f"{part}.jsonl", line(request_id=f"{day}-{part}"))
    assert open_logs(str(tmp_path)).count().execute() == 120


# what is missing or of another type


def test_a_log_without_an_account_column_is_refused_with_what_it_has(tmp_path):
    said = refusal(write(tmp_path / "log.jsonl", {"ts": AT, "who": "x", "prompt": "hi"}))
    assert "no column for account_id" in said and "--map account_id=COLUMN" in said
    assert "it has ts, who, prompt" in said


def test_without_prompts_the_log_says_what_is_then_not_tested(tmp_path):
    for fields in ({}, {"prompt": None}, {"prompt": "  "}, {"messages": []}):
        log = read_logs(write(tmp_path / "log.jsonl", line(request_id="x", **fields)))
        assert "no prompts: template, behaviour and content are not tested" in words(log)
        assert "prompt" in log.not_recorded
        assert log.requests.prompt.count().execute() == 0


def test_parquet_whose_prompts_are_all_null_says_so_too(tmp_path):
    table = pa.table({"ts": [AT], "account_id": ["a"], "prompt": pa.array([None], pa.string())})
    pq.write_table(table, tmp_path / "log.parquet")
    assert "no prompts" in words(read_logs(str(tmp_path / "log.parquet")))


def test_a_count_of_another_type_is_not_recorded_and_counted(tmp_path):
    path = write(
        tmp_path / "log.jsonl",
        *(line(request_id=str(n), output_tokens=value)
          for n, value in enumerate(["many", -3, 2**60, 12, None, "17", True])),
    )  # fmt: skip
    log = read_logs(path)
    read = log.requests.order_by("request_id").output_tokens.to_pyarrow().to_pylist()
    assert read == [None, None, None, 12, None, 17, None]
    assert "output_tokens: no whole number in 'output_tokens'" in words(log)
    assert "not recorded: 4 lines" in words(log)


@pytest.mark.parametrize("kind", [pa.bool_(), pa.list_(pa.int64()), pa.struct({"n": pa.int64()})])
def test_a_parquet_column_of_another_type_is_a_gap_and_never_0(tmp_path, kind):
    value = {pa.bool_(): True}.get(kind, [1] if pa.types.is_list(kind) else {"n": 1})
    table = pa.table({"ts": [AT], "account_id": ["a"], "output_tokens": pa.array([value], kind)})
    pq.write_table(table, tmp_path / "log.parquet")
    log = read_logs(str(tmp_path / "log.parquet"))
    assert log.requests.output_tokens.to_pyarrow().to_pylist() == [None]
    assert "output_tokens: no whole number" in words(log) and "output_tokens" in log.not_recorded
    table = pa.table({"account_id": ["a"], "ts": pa.array([value], kind)})
    pq.write_table(table, tmp_path / "log.parquet")
    assert "no line has a readable time in 'ts'" in refusal(tmp_path / "log.parquet")


def test_cached_tokens_have_one_meaning_by_the_names_of_the_columns(tmp_path):
    path = write(
        tmp_path / "log.jsonl",
        line(request_id="x", input_tokens=10, cache_read_input_tokens=90,
             cache_creation_input_tokens=5),
    )  # fmt: skip
    [row] = open_logs(path).to_pyarrow().to_pylist()
    assert (row["input_tokens"], row["cached_tokens"]) == (105, 90), "Anthropic counts them apart"
    path = write(tmp_path / "log.jsonl", line(prompt_tokens=100, cache_read_input_tokens=90))
    [row] = open_logs(path).to_pyarrow().to_pylist()
    assert (row["input_tokens"], row["cached_tokens"]) == (100, 90), "OpenAI counts them in"
    log = read_logs(write(tmp_path / "log.jsonl", line(tokens_in=10, cached_tokens=90)))
    assert "input tokens are too low: 1 requests" in words(log)


def test_a_column_may_be_named_by_a_path_into_its_json(tmp_path):
    lines = [line(meta={"tenant": {"id": name}}) for name in ("x", "y")]
    path = write(tmp_path / "log.jsonl", *lines)
    names = open_logs(path, mapping={"account_id": "meta.tenant.id"}).account_id
    assert sorted(names.to_pyarrow().to_pylist()) == ["x", "y"]
    pq.write_table(pa.Table.from_pylist(lines), tmp_path / "log.parquet")
    names = open_logs(
        str(tmp_path / "log.parquet"), mapping={"account_id": "meta.tenant.id"}
    ).account_id
    assert sorted(names.to_pyarrow().to_pylist()) == ["x", "y"]
    assert "has no column 'meta_tenant'" in refusal(path, mapping={"account_id": "meta_tenant"})


# conversations


@pytest.mark.parametrize(
    ("said", "prompt"),
    [
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "a"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": [
            {"type": "tool_result", "content": "c"}]}], "a"),
        ([{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}
                                       ]}], "x\ny"),
        ({"messages": [{"role": "user", "content": "inside"}]}, "inside"),
        ("just text", "just text"),
        ("{not json", "{not json"),
        ('["a", 1', '["a", 1'),
        ([{"role": "system", "content": "only the system"}], None),
        ([{"role": 5, "content": {"deep": []}}, None, 7], None),
    ],
)  # fmt: skip
def test_the_last_thing_that_the_user_said_is_the_prompt(tmp_path, said, prompt):
    path = write(tmp_path / "log.jsonl", line(messages=said))
    [row] = open_logs(path).to_pyarrow().to_pylist()
    assert row["prompt"] == prompt


def test_a_column_of_prompts_is_never_taken_apart(tmp_path):
    text = '[{"role": "user", "content": "what a customer typed"}]'
    [row] = open_logs(write(tmp_path / "log.jsonl", line(prompt=text))).to_pyarrow().to_pylist()
    assert row["prompt"] == text


def test_nested_messages_in_parquet_read_like_json(tmp_path):
    pq.write_table(
        pa.Table.from_pylist([line(messages=[{"role": "user", "content": "nested"}])]),
        tmp_path / "log.parquet",
    )
    [row] = open_logs(str(tmp_path / "log.parquet")).to_pyarrow().to_pylist()
    assert row["prompt"] == "nested"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["role", "content", "parts", "type", "text", "messages", "stringValue",
                         "arrayValue", "kvlistValue", "values", "key", "value", "intValue"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(json_values)
def test_no_conversation_and_no_attribute_breaks_the_reading(value):
    CONNECTION.con.register("said", pa.table({"t": [json.dumps(value)]}))
    CONNECTION.con.execute(
        "SELECT prompt_of(t), otlp_prompt(t::JSON), otlp_text(t::JSON) FROM said"
    ).fetchall()


def otlp(value):
    kinds = {bool: "boolValue", float: "doubleValue", str: "stringValue"}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"intValue": str(value)}
    return {kinds[type(value)]: value}


@settings(max_examples=60, deadline=None)
@given(st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=50)
       | st.floats(allow_nan=False, allow_infinity=False))  # fmt: skip
def test_a_value_in_otlps_envelope_comes_out_as_it_went_in(value):
    CONNECTION.con.register("wrapped", pa.table({"t": [json.dumps(otlp(value))]}))
    [(text,)] = CONNECTION.con.execute("SELECT otlp_text(t::JSON) FROM wrapped").fetchall()
    if isinstance(value, float):
        assert float(text) == value
    else:
        assert text == (str(value).lower() if isinstance(value, bool) else str(value))


# attackers' text, and what stays behind


def test_hostile_names_come_through_as_they_are(tmp_path):
    lines = [line(account_id=name, request_id=str(n)) for n, name in enumerate(NAMES)]
    log = read_logs(write(tmp_path / "it's; DROP.jsonl", *lines))
    found = log.requests.order_by(log.requests.request_id.cast("int64")).account_id
    assert found.to_pyarrow().to_pylist() == [name.strip()[:200] for name in NAMES]


def test_a_column_with_a_quote_in_its_name_is_a_column(tmp_path):
    path = write(tmp_path / "log.jsonl", {"ts": AT, "a'b\"c": "x"})
    assert open_logs(path, mapping={"account_id": "a'b\"c"}).count().execute() == 1
    said = json.loads((FIXTURES / "otel.jsonl").read_text().splitlines()[1])
    span = said["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"].append({"key": "o'key", "value": {"stringValue": "x"}})
    path = write(tmp_path / "spans.jsonl", said)
    log = read_logs(path, mapping={"account_id": "o'key"})
    assert log.requests.account_id.to_pyarrow().to_pylist() == ["x"]


def test_spans_with_absurd_times_repeated_keys_and_no_attributes_are_left_out_not_fatal(tmp_path):
    batch = json.loads((FIXTURES / "otel.jsonl").read_text().splitlines()[1])
    spans = batch["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[0]["startTimeUnixNano"] = "9" * 40
    spans[0]["attributes"].append(spans[0]["attributes"][0])
    spans[0]["attributes"].append({"key": "gen_ai.prompt.99999999999999.role",
                                   "value": {"stringValue": "user"}})  # fmt: skip
    spans.append({"traceId": "t", "spanId": "s"})
    spans.append({"attributes": []})
    log = read_logs(write(tmp_path / "log.jsonl", batch, {"resourceSpans": []}))
    assert (log.lines, log.without_time) == (2, 1)


def test_what_was_kept_is_ours_alone_and_has_no_name_any_more(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    logs = tmp_path / "logs"
    logs.mkdir()
    log = read_logs(write(logs / "log.jsonl", line()))
    [folder] = tmp_path.glob("stillwatch-*")
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert not list(folder.iterdir())
    assert log.requests.count().execute() == 1


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "trino"])
def test_what_is_counted_of_a_warehouse_compiles_for_it(dialect):
    raw = ibis.table(
        {"ts": "string", "account_id": "string", "n": "float64", "id": "string"}, name="calls"
    )
    columns = {"at": "ts", "account_id": "account_id", "input_tokens": "n", "request_id": "id"}
    opened = Opened("plain", raw, columns, columns)
    shaped = shape(opened, None)
    assert set(TYPES) <= set(shaped.columns)
    asked = []

    class Stop(Exception):
        pass

    def capture(self, *args, **kwargs):
        asked.append(ibis.to_sql(self, dialect=dialect))
        raise Stop

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Stop):
        patched.setattr("ibis.expr.types.Table.to_pyarrow", capture)
        tally(shaped, opened)
    assert asked


def test_lines_that_are_no_batches_of_spans_and_half_written_ones_are_marked(tmp_path):
    body = (FIXTURES / "otel.jsonl").read_text()
    (tmp_path / "1.jsonl").write_text(body + '{"resourceSpans": "text"}\n{"resourceLogs": []}\n')
    (tmp_path / "2.jsonl").write_text(body + '{"resourceSpans": [')
    log = read_logs(str(tmp_path))
    assert (log.lines, log.repeated) == (6, 3)
    assert "no batches of spans: 2 lines" in words(log)
    assert "still being written, not read: 1" in words(log)
    (tmp_path / "1.jsonl").write_text(body + "{]\n" + body)
    assert "1.jsonl, line 3," in refusal(tmp_path)
