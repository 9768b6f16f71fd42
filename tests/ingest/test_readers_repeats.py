"""Lines that come twice: counted once where their ids tell, and said where they cannot."""

from ingest.readers import read_logs
from tests.ingest.test_readers_hostile import line, words, write


def test_lines_of_one_id_count_once_across_files_and_the_fullest_stays(tmp_path):
    begun = line(request_id="x", output_tokens=None)
    ended = line(request_id="x", output_tokens=40, ts="2026-11-02T08:15:04Z")
    for names in (("1", "2"), ("2", "1")):
        for name, one in zip(names, (begun, ended), strict=True):
            write(tmp_path / f"{name}.jsonl", one, line(request_id=f"own-{name}"))
        log = read_logs(str(tmp_path))
        assert (log.lines, log.repeated) == (4, 1)
        found = log.requests.filter(log.requests.request_id == "x").to_pyarrow().to_pylist()
        assert [row["output_tokens"] for row in found] == [40], "whatever the order of files"


def test_one_account_does_not_hide_anothers_requests_by_its_ids(tmp_path):
    lines = [line(request_id="same", account_id=name) for name in ("a", "b")]
    log = read_logs(write(tmp_path / "log.jsonl", *lines))
    assert log.repeated == 0 and log.requests.count().execute() == 2


def test_an_id_that_comes_back_at_another_time_is_marked(tmp_path):
    lines = [line(request_id="mine", ts=f"2026-11-02T0{hour}:00:00Z") for hour in range(5)]
    log = read_logs(write(tmp_path / "log.jsonl", *lines))
    assert log.repeated == 4
    assert "come back at another time, counted once: 1; if clients may choose" in words(log)


def test_without_ids_repeated_lines_count_and_the_log_says_so(tmp_path):
    log = read_logs(write(tmp_path / "log.jsonl", line(), line()))
    assert log.requests.count().execute() == 2
    assert "no request ids: a line that was delivered twice counts twice" in words(log)
    log = read_logs(write(tmp_path / "log.jsonl", line(), line(request_id="x")))
    assert "counted twice when delivered twice: 1 lines" in words(log)
