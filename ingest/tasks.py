"""An id in, one service out. Run twice they change nothing more; lost, the next sweep does it."""

from celery import shared_task

from ingest.services import suspect_run


@shared_task(acks_late=True, reject_on_worker_lost=True)
def run_suspect_tests():
    suspect_run.run_waiting()
