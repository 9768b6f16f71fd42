"""Running windows: each told once, whatever comes late, again, at once or is killed midway."""

from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from django.db import connection

from ingest.models import Census, Detector, DetectorCost, DetectorRun, Rejection, Signal
from ingest.running import Pace, hour_key, late_lines, next_window, watermark
from ingest.services import detect_write
from ingest.services.detect import LOCK, TRIES, Busy, detect, detect_configured, detect_due
from ingest.services.log_source import LogSource
from tests.ingest.traffic import Growing, day

PACE = Pace(timedelta(days=2), timedelta(days=1), timedelta(hours=1))
LATER = day(30)


@pytest.fixture
def log(tmp_path):
    return Growing(tmp_path)


@pytest.fixture
def one_detector(monkeypatch):
    """The cheapest detector alone: what is asked here is about windows."""
    from ingest.detectors import volume

    monkeypatch.setattr(detect_write, "DETECTORS", (volume,))


def stored():
    return sorted(Signal.objects.values_list("detector__slug", "ref", "body_digest"))


# windows, without a log


def test_a_window_is_due_once_the_log_has_gone_past_its_end_by_the_lateness():
    assert next_window(day(2), day(3) - timedelta(seconds=1), PACE) is None
    assert next_window(day(2), day(3), PACE) == (day(1), day(3))
    assert next_window(None, day(3) + timedelta(hours=5), PACE) == (day(1), day(3))


def test_neither_a_line_of_tomorrow_nor_a_log_that_stands_still_moves_the_clock():
    assert watermark(day(9), day(3), PACE.lateness) == day(3) - PACE.lateness
    assert watermark(day(1), day(3), PACE.lateness) == day(1) - PACE.lateness


def test_only_hours_that_were_closed_count_as_late():
    before = {hour_key(day(1)): 5, hour_key(day(2)): 1}
    now = {hour_key(day(1)): 7, hour_key(day(2)): 0, hour_key(day(3)): 9, hour_key(day(0)): 4}
    assert late_lines(before, now, day(1), day(3)) == 2


@pytest.mark.parametrize(
    ("size", "step"), [(24, 25), (24, 0), (1.5, 1), (24, 0.5)], ids=lambda hours: f"{hours}h"
)
def test_a_pace_that_would_leave_requests_out_is_refused(size, step):
    with pytest.raises(ValueError, match="whole hours"):
        Pace(timedelta(hours=size), timedelta(hours=step), timedelta())


# on a log


@pytest.mark.django_db
def test_windows_follow_each_other_and_none_is_told_twice(log, one_detector):
    source = LogSource(str(log.write(day(2.5))))
    assert detect_due(source, PACE, now=LATER).window_end == day(2)
    before = stored()
    assert before
    assert detect_due(source, PACE, now=LATER) is None
    log.write(day(3.5))
    run = detect_due(source, PACE, now=LATER)
    assert (run.window_start, run.window_end, run.late) == (day(1), day(3), 0)
    assert set(before) < set(stored())
    assert not Rejection.objects.exists()
    assert Detector.objects.get().expected_interval == timedelta(hours=50)


@pytest.mark.django_db
def test_late_and_repeated_lines_change_no_closed_window_and_count_in_the_next(log, one_detector):
    held_back = {r["request_id"] for r in log.rows if day(1.2) <= r["at"] < day(1.9)}
    source = LogSource(str(log.write(day(2.5), without=held_back)))
    detect_due(source, PACE, now=LATER)
    before = stored()
    log.write(day(2.5), repeat=40)  # the late lines come, and others come again
    assert detect_due(source, PACE, now=LATER) is None
    assert stored() == before
    log.write(day(3.5), repeat=40)
    run = detect_due(source, PACE, now=LATER)
    assert run.late == len(held_back) > 0
    assert run.repeated == 40
    inside = [r for r in log.rows if day(1) <= r["at"] < day(3)]
    assert run.requests == len(inside), "late ones are in, repeated ones once"
    assert [row for row in stored() if row in before] == before


@pytest.mark.django_db
def test_by_hand_a_closed_window_counts_late_lines_and_stores_nothing(log, one_detector):
    held_back = {r["request_id"] for r in log.rows if day(1.2) <= r["at"] < day(1.9)}
    source = LogSource(str(log.write(day(4), without=held_back)))
    span = {"since": day(0), "until": day(3)}
    detect(source, **span)
    before, said = stored(), []
    log.write(day(4), repeat=9)
    run, scores = detect(source, **span, say=said.append)
    assert stored() == before and Census.objects.count() == 1
    assert run.late == len(held_back)
    assert f"  {len(held_back)} requests came after that" in "\n".join(said)
    assert len(scores) == len({r["account_id"] for r in log.rows})


@pytest.mark.django_db
def test_a_new_release_of_a_detector_tells_a_closed_window(log, monkeypatch):
    from ingest.detectors import volume

    source = LogSource(str(log.write(day(4))))
    monkeypatch.setattr(detect_write, "DETECTORS", (volume,))
    detect(source)
    newer = SimpleNamespace(**{name: getattr(volume, name) for name in dir(volume)})
    newer.VERSION = "999"
    monkeypatch.setattr(detect_write, "DETECTORS", (newer,))
    detect(source)
    assert set(DetectorCost.objects.values_list("version", flat=True)) == {volume.VERSION, "999"}
    assert DetectorRun.objects.count() == 1


@pytest.mark.django_db
def test_a_run_that_was_killed_goes_on_and_stores_nothing_twice(log, monkeypatch):
    from ingest.detectors import timing, volume

    class Killed(BaseException):
        """Nothing catches it, as nothing catches a kill."""

    def dies(requests, population):
        raise Killed

    source = LogSource(str(log.write(day(2.5))))
    broken = SimpleNamespace(**{name: getattr(timing, name) for name in dir(timing)})
    broken.detect = dies
    monkeypatch.setattr(detect_write, "DETECTORS", (volume, broken))
    with pytest.raises(Killed):
        detect_due(source, PACE, now=LATER)
    run, before = DetectorRun.objects.get(), stored()
    assert run.state == DetectorRun.State.RUNNING and before
    monkeypatch.setattr(detect_write, "DETECTORS", (volume, timing))
    again = detect_due(source, PACE, now=LATER)
    assert (again.pk, again.state, again.tries) == (run.pk, DetectorRun.State.DONE, 2)
    assert Census.objects.count() == 1
    assert [row for row in stored() if row[0] == "volume"] == before
    assert not Signal.objects.filter(batch__repeated__gt=0).exists()
    assert DetectorCost.objects.count() == 2


@pytest.mark.django_db
def test_a_window_that_always_fails_stops_no_other(log, monkeypatch):
    from ingest.detectors import volume

    def fails(requests, population):
        raise RuntimeError("it is broken")

    broken = SimpleNamespace(**{name: getattr(volume, name) for name in dir(volume)})
    broken.detect = fails
    monkeypatch.setattr(detect_write, "DETECTORS", (broken,))
    source = LogSource(str(log.write(day(3.5))))
    for _ in range(TRIES):
        with pytest.raises(RuntimeError):
            detect_due(source, PACE, now=LATER)
    run = DetectorRun.objects.get()
    assert run.state == DetectorRun.State.FAILED and "it is broken" in run.error
    log.write(day(4))
    monkeypatch.setattr(detect_write, "DETECTORS", (volume,))
    assert detect_due(source, PACE, now=LATER) is None
    log.rows.append({**log.rows[0], "request_id": "newest", "at": day(4.5)})
    log.write(day(5))
    assert detect_due(source, PACE, now=LATER).window_end == day(4)


@pytest.mark.django_db
def test_a_second_run_at_once_is_refused_and_reads_nothing(log):
    made = connection.get_connection_params()
    made = {key: value for key, value in made.items() if key in {"dbname", "user", "host", "port"}}
    with psycopg.connect(**made) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        with pytest.raises(Busy, match="another run"):
            detect(LogSource(str(log.path.parent / "not-there.parquet")))
    assert not DetectorRun.objects.exists()


@pytest.mark.django_db
def test_the_beat_tells_what_is_due_and_survives_a_log_that_is_not_there(
    log, one_detector, settings, caplog
):
    settings.DETECT_LOGS = str(log.path)
    settings.DETECT_WINDOW, settings.DETECT_STEP, settings.DETECT_LATENESS = 48, 24, 60
    assert detect_configured() == 0
    assert "there is no file" in caplog.text
    log.write(day(3.5))
    assert detect_configured() == 1
    assert detect_configured() == 0
    settings.DETECT_LOGS = ""
    assert detect_configured() == 0


@pytest.mark.django_db
def test_each_run_keeps_what_each_detector_cost(log, one_detector):
    run, _ = detect(LogSource(str(log.write(day(4)))))
    cost = DetectorCost.objects.get()
    assert cost.requests == run.requests == len(log.rows)
    assert cost.seconds > 0 and cost.rows > 0
    assert cost.seconds_per_million == pytest.approx(1e6 * cost.seconds / cost.requests)
    assert run.bytes_read > 0


@pytest.mark.django_db
def test_every_signal_keeps_how_many_accounts_were_tested_and_what_share_was_told_of(
    log, one_detector, monkeypatch
):
    from ingest.detectors import Findings, volume
    from ingest.wire import AccountRef, Observation

    def tells_two(requests, population):
        start, end = population.window
        names = sorted(population.accounts.index)
        own = {"accounts_tested": 3, "base_rate": 0.5}  # a detector's own word is kept
        told = [
            Observation(
                ref=f"r-{i}", account=AccountRef(id=names[i]), window_start=start, window_end=end,
                score=0.5, summary="odd", p_value=0.01, **(own if i else {}),
            )
            for i in range(2)
        ]  # fmt: skip
        return Findings(told, dict.fromkeys(names, 0.1))

    monkeypatch.setattr(volume, "detect", tells_two)
    run, _ = detect(LogSource(str(log.write(day(4)))))
    first, second = Signal.objects.order_by("ref")
    assert first.accounts_tested == run.accounts > 2
    assert first.base_rate == pytest.approx(2 / run.accounts)
    assert first.by_chance == pytest.approx(0.01 * run.accounts)
    assert (second.accounts_tested, second.base_rate) == (3, 0.5)
    cost = DetectorCost.objects.get()
    assert (cost.tested, cost.flagged) == (run.accounts, 2)


@pytest.mark.django_db
def test_a_detector_whose_columns_are_not_recorded_is_not_tested(log, monkeypatch):
    from ingest.detectors import volume

    needy = SimpleNamespace(**{name: getattr(volume, name) for name in dir(volume)})
    needy.NEEDS = ("prompt",)
    for row in log.rows:
        row["prompt"] = None
    monkeypatch.setattr(detect_write, "DETECTORS", (needy,))
    said = []
    detect(LogSource(str(log.write(day(4)))), say=said.append)
    assert DetectorCost.objects.get().not_tested == "the log does not record prompt"
    assert not Signal.objects.exists()
    assert any("not tested, the log does not record prompt" in line for line in said)
