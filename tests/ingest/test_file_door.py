import csv
import gzip
import io
import json
from datetime import timedelta

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from django.core.management import CommandError, call_command

from ingest import files
from ingest.management.commands import ingest as door
from ingest.models import ActivityHour, AttributeUse, Batch, Detector, Rejection, Signal
from tests.base import make_detector
from tests.ingest.records import DAY, as_lines, make_record

pytestmark = pytest.mark.django_db
RECORDS = [make_record(f"r-{n}", account={"id": f"a-{n % 3}"}) for n in range(7)]


@pytest.fixture(autouse=True)
def detector():
    return make_detector()


@pytest.fixture
def ingest(capsys):
    def run(*arguments):
        try:
            call_command("ingest", *map(str, arguments))
        except CommandError as error:
            return error.returncode, str(error)
        return 0, capsys.readouterr().out

    return run


def flat(record):
    account = record["account"]
    cells = {name: value for name, value in record.items() if name != "account"}
    return cells | {
        "account_id": account["id"],
        "organisation": account.get("organisation"),
        "is_aggregate": account.get("is_aggregate", False),
    }


def as_csv(records, **changes):
    rows = [flat(record) | changes for record in records]
    for row in rows:
        for name in files.JSON_COLUMNS:
            if name in row:
                row[name] = json.dumps(row[name])
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(records, unit="us", nested=False, **changes):
    rows = [flat(record) | changes for record in records]
    for n, row in enumerate(rows):
        row["window_start"], row["window_end"] = DAY, DAY + timedelta(days=1)
        for name in files.JSON_COLUMNS:
            if not nested or name == "evidence":
                row[name] = json.dumps(row[name])
        row["p_value"] = float("nan") if n == 0 else row["p_value"]
    table = pyarrow.Table.from_pylist(rows)
    for name in ("window_start", "window_end"):
        place = table.schema.get_field_index(name)
        column = table.column(name).cast(pyarrow.timestamp(unit, tz="UTC"))
        table = table.set_column(place, name, column)
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, row_group_size=3)
    return sink.getvalue()


def test_every_kind_of_file_stores_the_same_rows(tmp_path, ingest):
    kinds = {
        "s.jsonl": as_lines(*RECORDS),
        "s.csv": as_csv(RECORDS),
        "s.parquet": as_parquet(RECORDS),
        "ns.parquet": as_parquet(RECORDS, unit="ns", nested=True),
    }
    for name, body in kinds.items():
        for suffix, packed in (
            ("", body),
            (".gz", gzip.compress(body)),
            (".zst", zstandard.compress(body)),
        ):
            Signal.objects.all().delete()
            (tmp_path / (name + suffix)).write_bytes(packed)
            assert ingest(tmp_path / (name + suffix)) == (
                0,
                f"{name}{suffix}: 7 stored, 0 repeated, 0 rejected\n",
            )
            signal = Signal.objects.select_related("account").get(ref="r-4")
            assert signal.window_start == DAY
            assert signal.samples == RECORDS[4]["samples"]
            assert signal.evidence == RECORDS[4]["evidence"]
            assert signal.account.external_id == "a-1"
    assert AttributeUse.objects.count() == ActivityHour.objects.count() == 3
    assert set(Batch.objects.values_list("door", flat=True)) == {"file"}


def test_one_file_in_two_forms_is_one_set_of_signals(tmp_path, ingest):
    (tmp_path / "a.jsonl").write_bytes(as_lines(*RECORDS))
    (tmp_path / "b.csv").write_bytes(as_csv(RECORDS))
    code, said = ingest(tmp_path / "a.jsonl", tmp_path / "b.csv")
    assert code == 0 and "b.csv: 0 stored, 7 repeated" in said


def test_a_file_that_was_broken_off_goes_on_after_its_last_batch(tmp_path, ingest, monkeypatch):
    monkeypatch.setattr(door, "BATCH", 3)
    path = tmp_path / "s.jsonl"
    path.write_bytes(as_lines(*RECORDS))
    record_signals, calls = door.record_signals, []

    def broken_off(records, **fields):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(records)
        return record_signals(records, **fields)

    monkeypatch.setattr(door, "record_signals", broken_off)
    code, said = ingest(path)
    assert (code, Signal.objects.count()) == (130, 6)
    assert "goes on" in said
    monkeypatch.setattr(door, "record_signals", record_signals)
    code, said = ingest(path)
    assert "after record 6" in said and "1 stored, 0 repeated" in said
    assert Signal.objects.count() == 7
    moved = path.rename(tmp_path / "moved.jsonl")
    assert "0 stored, 0 repeated" in ingest(moved)[1]


@pytest.mark.parametrize("name", ["s.csv", "s.parquet"])
def test_a_table_goes_on_too(name, tmp_path, ingest, monkeypatch):
    path = tmp_path / name
    path.write_bytes(as_csv(RECORDS) if name == "s.csv" else as_parquet(RECORDS))
    monkeypatch.setattr(door, "BATCH", 4)
    with files.SignalFile(str(path)) as file:
        assert [number for number, _ in file.records(skip=4)] == [5, 6, 7]
    assert ingest(path)[0] == 0


def test_a_changed_file_is_read_again_and_stores_only_what_is_new(tmp_path, ingest):
    path = tmp_path / "s.jsonl"
    path.write_bytes(as_lines(*RECORDS))
    ingest(path)
    path.write_bytes(as_lines(*RECORDS, make_record("r-new")))
    assert "1 stored, 7 repeated" in ingest(path)[1]


def test_rejected_records_end_with_1_and_are_named_and_kept(tmp_path, ingest, capsys):
    path = tmp_path / "s.jsonl"
    path.write_bytes(as_lines(RECORDS[0], b"{", make_record("x", score=7)))
    code, said = ingest(path)
    assert code == 1 and "replay_rejections --detector volume" in said
    assert Rejection.objects.count() == 2 and Signal.objects.count() == 1
    assert "record 3, score: must be at most 1" in capsys.readouterr().err


def test_a_bad_row_of_a_table_costs_itself_alone(tmp_path, ingest):
    head, *rows = as_csv(RECORDS).splitlines()
    rows[1] += b",one,more"
    rows[2] = rows[2].replace(b"0.9", b"high", 1)
    rows[3] = rows[3].replace(b"r-3", b"r-\xff", 1)
    rows[4] = rows[4].replace(b"[{", b"[{{", 1)
    rows[5] = rows[5].replace(b"r-5", b"r-\x00", 1)
    (tmp_path / "s.csv").write_bytes(b"\n".join([head, *rows, b""]))
    assert ingest(tmp_path / "s.csv")[0] == 1
    assert set(Signal.objects.values_list("ref", flat=True)) == {"r-0", "r-6"}
    fields = dict(Rejection.objects.values_list("line", "field"))
    assert fields == {2: "", 3: "score", 4: "", 5: "attributes", 6: "ref"}


def test_nan_leaves_a_p_value_out_and_infinity_is_refused(tmp_path, ingest):
    (tmp_path / "a.parquet").write_bytes(as_parquet(RECORDS[:2]))
    (tmp_path / "b.parquet").write_bytes(as_parquet(RECORDS[2:3], score=float("inf")))
    assert ingest(tmp_path / "a.parquet")[0] == 0
    assert Signal.objects.get(ref="r-0").p_value is None
    assert ingest(tmp_path / "b.parquet")[0] == 1
    assert Rejection.objects.get().field == "score"


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("s.txt", b"", "not .jsonl, .csv or .parquet"),
        ("missing.jsonl", None, "No such file"),
        ("s.jsonl.gz", b"no gzip", "cannot be read to its end"),
        ("s.jsonl.gz", gzip.compress(as_lines(*RECORDS))[:-9], "cannot be read to its end"),
        ("s.jsonl.zst", b"no zstd", "cannot be read to its end"),
        ("s.parquet", b"no parquet", "cannot be read to its end"),
        ("s.csv", b"ref,shoe\n", "no column is called 'shoe'"),
        ("s.csv", b"ref,score\n", "the column account_id is missing"),
        ("s.csv", b"", "the column ref is missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_2(name, body, says, tmp_path, ingest):
    if body is not None:
        (tmp_path / name).write_bytes(body)
    code, said = ingest(tmp_path / name)
    assert (code, says in said, "\n" in said) == (2, True, False), said


def test_a_detector_must_be_known_and_may_be_left_out_when_it_is_the_only_one(tmp_path, ingest):
    path = tmp_path / "s.jsonl"
    path.write_bytes(as_lines(RECORDS[0]))
    code, said = ingest(path, "--detector", "shoes")
    assert code == 2 and "create_detector shoes" in said and "volume" in said
    make_detector("other")
    assert ingest(path)[0] == 2
    assert ingest(path, "--detector", "other")[0] == 0
    Detector.objects.filter(slug="other").update(enabled=False)
    assert "disabled" in ingest(path, "--detector", "other")[1]


def test_create_detector_prints_a_token_that_works(capsys, client):
    call_command("create_detector", "marks", "--family", "watermark", "--name", "Marks")
    token = capsys.readouterr().out.strip()
    made = Detector.objects.get(slug="marks")
    assert (made.family, made.name, made.token_digest) == ("watermark", "Marks", made.digest(token))

    def status(token):
        return client.post(
            "/api/v1/signals/", as_lines(RECORDS[0]), content_type="application/x-ndjson",
            headers={"Authorization": f"Bearer {token}"},
        ).status_code  # fmt: skip

    assert status(token) == 200
    call_command("create_detector", "marks", "--replace-token")
    assert status(token) == 401
    assert status(capsys.readouterr().out.strip()) == 200


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["volume", "--family", "volume"], "exists"),
        (["new"], "--family is needed"),
        (["a b", "--family", "volume"], "slug"),
        (["nobody", "--replace-token"], "no detector"),
    ],
)
def test_create_detector_says_what_is_wrong(arguments, says):
    with pytest.raises(CommandError, match=says):
        call_command("create_detector", *arguments)


def test_replay_rejections_says_what_went_through(tmp_path, ingest, capsys):
    path = tmp_path / "s.jsonl"
    path.write_bytes(as_lines(b"{", RECORDS[0] | {"score": 7}))
    ingest(path)
    Rejection.objects.filter(line=2).update(body=as_lines(RECORDS[0]).strip())
    capsys.readouterr()
    call_command("replay_rejections", "--detector", "volume")
    shown = capsys.readouterr()
    assert "1 stored, 0 repeated, 1 rejected again" in shown.out
    assert Signal.objects.count() == 1
    for arguments in (["--detector", "x"], ["--batch", "999999"]):
        with pytest.raises(CommandError):
            call_command("replay_rejections", *arguments)
