"""From what a platform said to what that means for an item and for its connector. Pure.

Retried are 408, 425, 429 and 5xx, and silence; whatever may have taken effect is unknown first.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from cases.connectors.protocol import Command, Reading
from ingest.outbound import Answer

TRIES = 12  # about an hour of its own; a connector that rests uses up none
LONGEST_REST = 1800.0
SLOW = 5.0  # seconds, where a platform asks to slow down and does not say for how long


@dataclass(frozen=True)
class Verdict:
    """What one try came to.

    item: done, failed, skipped, again (nothing can have taken effect), unknown (something may
    have) or person (something may have, and no machine can tell).
    connector: well, ill, slow (it asks to wait), gone, or "" when nothing was learnt about it.
    wait: seconds that the platform asks for.
    """

    item: str
    connector: str
    says: str = ""
    status: int | None = None
    wait: float | None = None
    state: str = ""


def after_failure(error: Exception, now: datetime, *, sent: bool) -> Verdict:
    """No answer, or none that tells. sent: an order may have arrived before it."""
    answer = getattr(error, "answer", None)
    wait = answer.retry_after(now) if answer else None
    if answer and answer.status in (425, 429):
        wait = SLOW if wait is None else wait
        return Verdict("unknown" if sent else "again", "slow", str(error), wait=wait)
    return Verdict("unknown" if sent else "again", "ill", str(error), wait=wait)


def after_answer(answer: Answer, now: datetime) -> Verdict | None:
    """What the answer to an order means; None for 2xx, which only reading back can settle."""
    status, says = answer.status, f"answered {answer.status}"
    wait = answer.retry_after(now)
    if 200 <= status < 300:
        return None
    if status in (425, 429):
        return Verdict("again", "slow", says, status, SLOW if wait is None else wait)
    if status == 408 or status >= 500:  # it may have taken effect before it broke
        return Verdict("unknown", "ill", says, status, wait)
    if status == 410:
        return Verdict("again", "gone", f"{says}: the connector is switched off", status)
    return Verdict("failed", "well", says, status)


def after_read_back(
    answer: Answer, reading: Reading | Exception, command: Command, holds: bool, now: datetime
) -> Verdict:
    """An accepted order is done when the platform itself says so."""
    if isinstance(reading, Exception):
        failed = after_failure(reading, now, sent=True)
        return Verdict("unknown", failed.connector, failed.says, answer.status, failed.wait)
    if holds:
        return Verdict("done", "well", status=answer.status, state=command.state)
    says = f"accepted, but reads {reading.state}"
    return Verdict("unknown", "well", says, answer.status, answer.retry_after(now))


def rest_of(attempts: int, wait: float | None) -> float:
    """Seconds until the next try: twice as long each time, with jitter, never less than asked."""
    return max(min(2.0**attempts, LONGEST_REST) * random.uniform(0.5, 1.0), wait or 0.0)
