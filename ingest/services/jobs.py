"""A worker's hold on a job: signs of life, fenced by the last of them, so that who was taken for
dead changes nothing any more. The row is the queue of record; a sweep finds what waits or was left.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from ingest.models import Job

log = logging.getLogger(__name__)
BEAT = 2.0  # seconds between signs of life that are given beside the work
SILENT = timedelta(seconds=60)  # without a sign of life the worker is taken for dead
GIVEN_UP = 5  # workers that died on one job, one after another


class Superseded(Exception):
    """Another worker took the job: this one was silent for too long."""


class Cancelled(Exception):
    """A person asked for the job to be stopped."""


class Hold:
    """Holds a running job until release(), finish(), fail() or stop()."""

    def __init__(self, job: Job):
        self.job, self._beat_at = job, job.beat_at

    def beat(self, **fields) -> None:
        """A sign of life, with step, done and total. Raises Superseded or Cancelled."""
        self._move(Job.State.RUNNING, **fields)
        if Job.objects.filter(pk=self.job.pk, cancel_asked_at__isnull=False).exists():
            raise Cancelled

    def release(self) -> None:
        """Put it down for a while; the next sweep goes on."""
        self._move(Job.State.WAITING)

    def finish(self) -> None:
        """Done, inside the caller's transaction."""
        self._move(Job.State.DONE, step="", finished_at=timezone.now())

    def fail(self, problem: str) -> None:
        self._move(Job.State.FAILED, error=problem[:500], finished_at=timezone.now())

    def stop(self) -> None:
        self._move(Job.State.STOPPED, finished_at=timezone.now())

    def _move(self, state: str, **fields) -> None:
        now = timezone.now()
        mine = Job.objects.filter(
            pk=self.job.pk, state=Job.State.RUNNING, beat_at=self._beat_at
        ).update(state=state, beat_at=now, **fields)
        if not mine:
            raise Superseded
        if state == Job.State.RUNNING:  # an end may be rolled back with the caller's transaction
            self._beat_at = now


@contextmanager
def signs_of_life(hold: Hold, progress: Mapping) -> Iterator[None]:
    """Beats while the body works, from a thread and a connection of its own, with what progress
    (step, done) holds by then: the body tells by changing it, and never beats itself. Raises
    Cancelled or Superseded after the body."""
    over, ended = threading.Event(), []

    def beat():
        try:
            while not over.wait(BEAT):
                try:
                    hold.beat(**progress)
                except (Cancelled, Superseded) as error:
                    ended.append(error)
                    return
                except DatabaseError as error:
                    log.warning("no sign of life could be given: %s", error)
        finally:
            connection.close()

    teller = threading.Thread(target=beat, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
    if ended:
        raise ended[0]


def to_take() -> Q:
    """Jobs that wait, or whose worker has been silent for too long."""
    return Q(state=Job.State.WAITING) | left_behind()


def left_behind() -> Q:
    return Q(state=Job.State.RUNNING, beat_at__lt=timezone.now() - SILENT)


def take(candidates, kind: str) -> tuple[Job, bool] | None:
    """Take the oldest of the candidates (a queryset of jobs), if no other of its kind runs.

    One at a time, so that long work never fills the worker pool. Returns the job, and whether a
    dead worker had left it.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"job {kind}"])
            if not cursor.fetchone()[0]:
                return None
        alive = Job.objects.filter(kind=kind, state=Job.State.RUNNING).exclude(left_behind())
        if alive.exists():
            return None
        job = candidates.filter(to_take(), kind=kind).order_by("pk").first()
        if job is None:
            return None
        was_left = job.state == Job.State.RUNNING
        job.state, job.beat_at = Job.State.RUNNING, timezone.now()
        job.save(update_fields=["state", "beat_at"])
    return job, was_left


def cancel(job: Job) -> bool:
    """Stop a job: at once where nobody works on it, else at the worker's next sign of life."""
    now = timezone.now()
    if Job.objects.filter(to_take(), pk=job.pk).update(
        state=Job.State.STOPPED, cancel_asked_at=now, finished_at=now
    ):
        return True
    return bool(Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(cancel_asked_at=now))
