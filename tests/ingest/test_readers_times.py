"""Moments, whatever way they are written: one meaning, or a refusal that says what to do."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import LogError, open_logs, read_logs
from ingest.readers.duck import connect
from ingest.readers.values import UNITS, as_moment, writing

CONNECTION = connect()
FACTORS = {1: 1, 2: 1_000, 3: 1_000_000, 4: 1_000_000_000}
# from here on an epoch number has its unit by its size, whichever it is
SINCE = datetime(2001, 9, 10, tzinfo=UTC)
moments = st.datetimes(
    SINCE.replace(tzinfo=None), datetime(2099, 12, 30), timezones=st.just(UTC)
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))


def read_column(values, kind, zone=None):
    """(moment, writing) of each value."""
    CONNECTION.con.register("moments", pa.table({"t": pa.array(values, kind)}))
    t = CONNECTION.table("moments")
    found = CONNECTION.to_pyarrow(t.select(at=as_moment(t.t, zone), how=writing(t.t))).to_pylist()
    return [(row["at"], row["how"]) for row in found]


@settings(max_examples=40, deadline=None)
@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(sorted(FACTORS)))
def test_every_unit_gives_the_same_moment_to_the_millisecond(drawn, unit):
    millis = [round(moment.timestamp() * 1000) for moment in drawn]
    wanted = [(moment.replace(tzinfo=None), unit) for moment in drawn]
    whole = [number * FACTORS[unit] // 1000 if unit > 1 else number / 1000 for number in millis]
    if unit > 1:
        assert read_column(whole, pa.int64()) == wanted
        assert read_column([str(number) for number in whole], pa.string()) == wanted
    else:
        assert read_column(whole, pa.float64()) == wanted
        assert read_column([f"{number:.3f}" for number in whole], pa.string()) == wanted


@settings(max_examples=40, deadline=None)
@given(moments, st.integers(-14 * 60, 14 * 60), st.sampled_from(["T", " "]), st.booleans())
def test_an_offset_is_taken_off_however_it_is_spelled(moment, minutes, between, blank):
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    there = (moment + timedelta(minutes=minutes)).replace(tzinfo=None)
    text = f"{there.isoformat(between, 'milliseconds')}{' ' * blank}{sign}{hours:02}:{rest:02}"
    [(at, _)] = read_column([text], pa.string())
    assert at == moment.replace(tzinfo=None), text


@pytest.mark.parametrize("text", [
    "2026-11-02 08:15:02 PM", "2026-11-02 08:15:02 somewhere", "2026-02-30", "infinity", "epoch",
    "02/Nov/2026:08:15:02 +0000", "20261102", "", "-1", "12", "99999999999999999999", "NaN",
])  # fmt: skip
def test_what_is_no_moment_is_none_and_never_nearly_one(text):
    assert read_column([text], pa.string()) == [(None, None)]


def log_of(folder, *times, name="log.jsonl"):
    lines = [{"ts": time, "account_id": "a", "request_id": str(n)} for n, time in enumerate(times)]
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(folder / name)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 4), (1, 4), (3, 2)])
def test_a_column_of_two_units_is_refused_by_name_with_both_counts(tmp_path, one, other):
    seconds = 1_793_607_302
    times = [seconds * FACTORS[one]] * 2 + [seconds * FACTORS[other]]
    with pytest.raises(LogError) as caught:
        read_logs(log_of(tmp_path, *times))
    said = str(caught.value)
    assert "'ts' holds epoch numbers of several units" in said and "--map at=COLUMN" in said
    assert f"2 lines in {UNITS[one]}" in said and f"1 lines in {UNITS[other]}" in said


def test_units_that_differ_between_files_are_refused_too(tmp_path):
    log_of(tmp_path, 1_793_607_302, name="1.jsonl")
    log_of(tmp_path, 1_793_607_302_000, name="2.jsonl")
    with pytest.raises(LogError, match="several units"):
        read_logs(str(tmp_path))


def test_text_without_a_zone_is_refused_until_one_is_named(tmp_path):
    path = log_of(tmp_path, "2026-11-02 08:15:02", "2026-11-02T08:15:02Z")
    with pytest.raises(LogError, match=r"'ts' names no time zone on 1 of 2 lines.*--zone UTC"):
        read_logs(path)
    for zone, hour in (("UTC", 8), ("Europe/Berlin", 7), ("America/New_York", 13)):
        requests = open_logs(path, zone=zone).order_by("request_id").to_pyarrow().to_pylist()
        assert [row["at"].hour for row in requests] == [hour, 8], "only what names none is shifted"


@settings(max_examples=25, deadline=None)
@given(moments, st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/New_York"]))
def test_a_named_zone_keeps_its_summer_time(moment, zone):
    there = moment.astimezone(ZoneInfo(zone))
    [(at, _)] = read_column([there.replace(tzinfo=None).isoformat(" ")], pa.string(), zone)
    ambiguous = there.replace(fold=1).utcoffset() != there.replace(fold=0).utcoffset()
    assert at == moment.replace(tzinfo=None) or ambiguous


def test_mixed_zones_in_one_column_are_one_clock(tmp_path):
    path = log_of(
        tmp_path, "2026-11-02T08:15:02Z", "2026-11-02T10:15:02+02:00",
        "2026-11-02 03:15:02 -05:00", "2026-11-02 09:15:02 Europe/Berlin",
    )  # fmt: skip
    assert open_logs(path)["at"].nunique().execute() == 1


def test_a_type_without_a_zone_is_read_as_utc_and_marked(tmp_path):
    bare = pa.array([datetime(2026, 11, 2, 8, 15, 2)], pa.timestamp("us"))
    pq.write_table(pa.table({"ts": bare, "account_id": ["a"]}), tmp_path / "log.parquet")
    log = read_logs(str(tmp_path / "log.parquet"))
    assert any("has no time zone: read as UTC" in str(gap) for gap in log.gaps)
    shifted = open_logs(str(tmp_path / "log.parquet"), zone="Europe/Berlin")
    assert shifted.to_pyarrow().to_pylist()[0]["at"] == datetime(2026, 11, 2, 7, 15, 2)


def test_a_zone_that_does_not_exist_is_refused(tmp_path):
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(LogError, match="no such time zone"):
            read_logs(log_of(tmp_path, 1_793_607_302), zone=zone)
