"""Hints to the workers. The rows are the work: a lost hint costs the seconds to the next sweep."""

import logging
import time

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import KombuError

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds that a request may lose to a broker that does not answer
REST = 10.0  # then nobody asks it again for so long

_rest_until = 0.0


def after_commit(task: str, *args) -> None:
    """Ask for cases.tasks.<task> once the transaction has committed. Never fails the caller."""
    transaction.on_commit(lambda: _publish(task, args), robust=True)


def _publish(task: str, args: tuple) -> None:
    global _rest_until
    if time.monotonic() < _rest_until:
        return
    url = settings.CELERY_BROKER_URL
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS | {"max_retries": 0}
    if url.startswith("redis"):
        options = options | {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
    try:
        with current_app.connection_for_write(
            url, connect_timeout=PATIENCE, transport_options=options
        ) as connection:
            current_app.send_task(
                f"cases.tasks.{task}", args=args, connection=connection, retry=False, expires=30
            )
    except (OSError, KombuError) as error:
        _rest_until = time.monotonic() + REST
        log.warning("the broker is away, the sweep will find the work: %s", error)
