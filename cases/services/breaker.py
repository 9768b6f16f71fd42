"""The circuit breaker of a connector: its row, so that every worker and every person sees it."""

import logging
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from cases.models import Connector
from cases.services.lease import BREAKER
from cases.services.outcome import Verdict

log = logging.getLogger(__name__)

FIRST_REST, LONGEST_REST = 30.0, 900.0


def tell(connector: Connector, verdicts: list[Verdict]) -> None:
    """Take in what a round of tries said of a connector, in the order in which they ended.

    Failures count in a row: one success forgets those before it.
    """
    rows = Connector.objects.filter(pk=connector.pk)
    said = [verdict.connector for verdict in verdicts]
    waits = [verdict.wait for verdict in verdicts if verdict.wait is not None]
    wait = max(waits, default=0.0)
    if "gone" in said:
        rows.update(
            enabled=False,
            off_because="it answered 410 Gone",
            switched_by=None,
            switched_at=timezone.now(),
        )
        log.error("connector %s answered 410 Gone and is switched off", connector.slug)
    heard = [one for one in said if one in ("well", "ill")]
    if heard and heard[-1] == "well":
        if connector.failures:
            rows.update(failures=0, open_until=None)
    elif heard:
        last = next((n for n, one in enumerate(reversed(heard)) if one == "well"), None)
        rows.update(failures=F("failures") + len(heard) if last is None else last)
        over = rows.values_list("failures", flat=True).get() - BREAKER
        if over >= 0:
            _rest(rows, max(min(FIRST_REST * 2 ** min(over, 5), LONGEST_REST), wait))
    if "slow" in said:
        _rest(rows, wait)


def _rest(rows, seconds: float) -> None:
    rows.update(open_until=timezone.now() + timedelta(seconds=seconds))
