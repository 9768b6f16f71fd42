"""An id in, one service out. Run twice they change nothing more; lost, the next sweep does it."""

from celery import shared_task

from ingest.services import detect, suspect_run


@shared_task(acks_late=True, reject_on_worker_lost=True)
def run_suspect_tests():
    suspect_run.run_waiting()


# acknowledged at once: a run may take longer than the broker waits, the lock keeps a second one
# out, and the next beat goes on with a window that was begun
@shared_task(acks_late=False, time_limit=6 * 3600)
def detect_due_windows():
    detect.detect_configured()
