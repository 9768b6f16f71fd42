"""Starts Celery with short patience, so that a test need not wait as long as a platform would:
python -m tests.faults.hurried worker …   HURRIED=seconds of a request,seconds of a lease
"""

import os
import sys
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")


def hurry(seconds: float, lease_seconds: float) -> None:
    from cases.services import lease
    from ingest import outbound

    outbound.SECONDS = seconds
    lease.LEASE = timedelta(seconds=lease_seconds)


def main() -> None:
    from celery.bin.celery import main as celery

    from analyst.celery import app

    app.loader.import_default_modules()
    hurry(*map(float, os.environ["HURRIED"].split(",")))
    sys.argv = ["celery", "-A", "analyst", *sys.argv[1:]]
    celery()


if __name__ == "__main__":
    main()
