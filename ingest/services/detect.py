"""A run of the detectors over one window of one log: what the command and the beat's task call.

The window is a row (DetectorRun) and so is each detector that is done with it (DetectorCost): a run
that was killed goes on where it was. One run at a time, by a lock of the database session, which
goes with whoever held it.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pandas as pd
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from ingest.detectors.population import moment
from ingest.models import DetectorRun
from ingest.readers import LogError
from ingest.running import Pace, late_lines, next_window, watermark
from ingest.services.detect_write import close, tell
from ingest.services.log_source import LogSource
from ingest.services.looking import Looked, Say, look, looking

log = logging.getLogger(__name__)
LOCK = 0x5711_0002  # the one lock of detection: two runs would share the memory and tell twice
TRIES = 3  # of a running window; then the next one has its turn
CATCH_UP_SECONDS = 300  # after an outage; what is still due then waits for the next beat


class Busy(LogError):
    """Another run is at work."""


def detect(
    source: LogSource,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    say: Say = log.info,
) -> tuple[DetectorRun, dict[str, float] | None]:
    """One window by hand, stored: from since to until, as far as the log goes where an end is open.
    The scores of every account come along, None for a locked log.

    A window that was told is closed: requests that it did not have are counted and left to another
    window, and only detectors (or releases) that are new to it run. Raises LogError.
    """
    with one_at_a_time(), looking(source, say) as looked:
        look(looked, since, until, say)
        start, end = looked.population.window
        run = claim(source, start, end, requests=looked.count(), repeated=looked.logs.repeated)
        if run.state == DetectorRun.State.DONE:
            _note_late(run, looked.count(), say)
        with noting_failure(run):
            tell(run, looked, say)
        return run, looked.scores()


def detect_due(
    source: LogSource, pace: Pace, *, now: datetime | None = None, say: Say = log.info
) -> DetectorRun | None:
    """The next running window of a log if one is due, None if none is. Raises LogError, and Busy
    while another run is at work."""
    now = now or timezone.now()
    last = latest_of(source)
    if last and is_over(last) and now < last.window_end + pace.step + pace.lateness:
        return None  # not even a complete log would make one due: nothing is read
    with one_at_a_time(), looking(source, say) as looked:
        newest = looked.logs.requests["at"].max().execute()
        newest = None if pd.isna(newest) else moment(newest)
        last = latest_of(source)  # again: until the lock was ours another may have been at it
        window = due_window(last, newest, now, pace)
        if window is None:
            upto = f"{newest:%d %b %Y %H:%M} UTC" if newest else "no request"
            say(f"no window is due: the log goes up to {upto}")
            return None
        run = claim(source, *window, lateness=pace.lateness, newest_at=newest)
        with noting_failure(run):
            _tell_window(run, looked, pace, say)
        return run


def detect_configured() -> int:
    """The windows that are due of the log in DETECT_LOGS, told; how many. None is configured, or
    another run is at it: 0. What is wrong with the log goes to our log, for every beat tries anew.
    """
    if not settings.DETECT_LOGS:
        return 0
    source, pace, told = configured_source(), configured_pace(), 0
    began = time.monotonic()
    try:
        while time.monotonic() - began < CATCH_UP_SECONDS and detect_due(source, pace):
            told += 1
    except Busy:
        pass
    except LogError as error:
        log.error("DETECT_LOGS: %s", error)
    return told


def configured_source() -> LogSource:
    return LogSource(
        settings.DETECT_LOGS,
        backend=settings.DETECT_BACKEND,
        mapping=settings.DETECT_MAP,
        format=settings.DETECT_FORMAT or None,
        zone=settings.DETECT_ZONE or None,
        locked=settings.DETECT_LOCKED,
        max_bytes=settings.DETECT_MAX_BYTES or None,
    )


def configured_pace() -> Pace:
    return Pace(
        size=timedelta(hours=settings.DETECT_WINDOW),
        step=timedelta(hours=settings.DETECT_STEP),
        lateness=timedelta(minutes=settings.DETECT_LATENESS),
    )


def due_window(
    last: DetectorRun | None, newest: datetime | None, now: datetime, pace: Pace
) -> tuple[datetime, datetime] | None:
    """The window that was begun and not finished, else the next one that is complete."""
    if last and not is_over(last):
        return last.window_start, last.window_end
    if newest is None:
        return None
    mark = watermark(newest, now, pace.lateness)
    return next_window(last.window_end if last else None, mark, pace)


def claim(source: LogSource, start: datetime, end: datetime, **known) -> DetectorRun:
    """The row of a window: made, or found and, when it is not done, taken up again."""
    run, made = DetectorRun.objects.get_or_create(
        location=source.location,
        window_start=start,
        window_end=end,
        defaults={"locked": source.locked} | known,
    )
    if not made and run.state != DetectorRun.State.DONE:
        DetectorRun.objects.filter(pk=run.pk).update(
            state=DetectorRun.State.RUNNING, tries=F("tries") + 1, error="", **known
        )
        run.refresh_from_db()
    return run


def latest_of(source: LogSource) -> DetectorRun | None:
    """The newest running window of the log."""
    runs = DetectorRun.objects.filter(location=source.location, lateness__isnull=False)
    return runs.order_by("-window_end", "-window_start").first()


def is_over(run: DetectorRun) -> bool:
    """Done, or given up after some tries, so that a window that breaks the run stops no other."""
    return run.state == DetectorRun.State.DONE or run.tries >= TRIES


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Holds the lock of detection. Raises Busy at once when somebody else does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise Busy("another run of the detectors is at work: try again when it is done")
    try:
        yield
    finally:
        # a broken transaction can't unlock, and a lost session has: both end with the session
        if connection.needs_rollback or not connection.is_usable():
            connection.close()
        else:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


@contextmanager
def noting_failure(run: DetectorRun) -> Iterator[None]:
    """What ended the run is told on its row, where it can be."""
    try:
        yield
    except Exception as error:
        if not connection.needs_rollback and connection.is_usable():
            DetectorRun.objects.filter(pk=run.pk).exclude(state=DetectorRun.State.DONE).update(
                state=DetectorRun.State.FAILED, error=f"{type(error).__name__}: {error}"[:500]
            )
        raise


def _tell_window(run: DetectorRun, looked: Looked, pace: Pace, say: Say) -> None:
    start, end = run.window_start, run.window_end
    looked.cut(start, end)
    looked.copy()
    run.hours = looked.by_hour()
    run.requests = sum(run.hours.values())
    run.repeated = looked.logs.repeated
    before = (
        DetectorRun.objects.filter(
            location=run.location,
            lateness__isnull=False,
            state=DetectorRun.State.DONE,
            window_end__lt=end,
        )
        .order_by("-window_end")
        .first()
    )
    if before:
        run.late = late_lines(before.hours, run.hours, start, before.window_end)
    run.save(update_fields=["hours", "requests", "repeated", "late"])
    say(f"window {start:%d %b %Y %H:%M} – {end:%d %b %Y %H:%M} UTC, {run.requests:,} requests")
    if run.late:
        say(f"  {run.late:,} of them came after the window before was told: they count here")
    if run.requests:
        # a log that stands still closes no window, and then the detectors fall silent
        tell(run, looked, say, expected=2 * (pace.step + pace.lateness))
    else:
        close(run, looked)


def _note_late(run: DetectorRun, requests: int, say: Say) -> None:
    say(f"run {run.pk} has told this window: it is closed")
    if requests > run.requests:
        run.late = requests - run.requests
        run.save(update_fields=["late"])
        say(
            f"  {run.late:,} requests came after that: they are counted, and left to the next "
            "window that covers them (another --since or --until is another window)"
        )
