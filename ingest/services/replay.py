from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ingest.models import Batch, Detector, Rejection
from ingest.services.signals import KEPT_BYTES, Problem, heard_from, retried, store_accepted
from ingest.wire import Accepted, Rejected, decode_record

AT_ONCE = 1000
CUT = "only the first 64 KiB of the record were kept: send it again"


@dataclass(slots=True)
class Replay:
    """What became of rejections that were tried again; problems by the rejection's key."""

    stored: int = 0
    repeated: int = 0
    problems: dict[int, Problem] = field(default_factory=dict)


def waiting_rejections(
    *, detector: str | None = None, batch: int | None = None
) -> QuerySet[Rejection]:
    """Rejections that have not gone through yet, of a detector's slug or of one delivery."""
    waiting = Rejection.objects.filter(replayed_at=None)
    if detector:
        waiting = waiting.filter(batch__detector__slug=detector)
    if batch:
        waiting = waiting.filter(batch=batch)
    return waiting


def replay_rejections(
    waiting: QuerySet[Rejection], *, on_progress: Callable[[int], object] = lambda count: None
) -> Replay:
    """Send waiting rejections the way of a delivery once more, a thousand a transaction.

    What goes through is marked replayed and belongs to a batch of its own; what does not waits on,
    with its newest field and reason. Two replays at once do not take the same rows.
    """
    replay = Replay()
    last = 0
    while True:
        rows = list(
            waiting.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
        )
        if not rows:
            return replay
        part = retried(partial(_replay, rows))
        replay.stored += part.stored
        replay.repeated += part.repeated
        replay.problems |= part.problems
        last = rows[-1]
        on_progress(len(rows))


@transaction.atomic
def _replay(keys: list[int]) -> Replay:
    replay = Replay()
    rows = (
        Rejection.objects.filter(pk__in=keys, replayed_at=None)
        .select_related("batch__detector")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("batch__detector", "pk")
    )
    for detector, group in groupby(rows, key=lambda row: row.batch.detector):
        _replay_for(detector, {row.pk: row for row in group}, replay)
    return replay


def _replay_for(detector: Detector, rows: dict[int, Rejection], replay: Replay) -> None:
    # a rejection's key stands for its line, so that the outcome finds its row again
    records = [_decode(row) for row in rows.values()]
    rejected = [record for record in records if isinstance(record, Rejected)]
    accepted = [record for record in records if isinstance(record, Accepted)]
    if accepted:
        batch = Batch.objects.create(
            detector=detector, door=next(iter(rows.values())).batch.door, source="replay"
        )
        outcome = store_accepted(accepted, detector, batch)
        rejected += outcome.rejected
        through = [record.line for record in outcome.stored + outcome.repeated]
        Rejection.objects.filter(pk__in=through).update(replayed_at=timezone.now())
        batch.stored, batch.repeated = len(outcome.stored), len(outcome.repeated)
        batch.save(update_fields=["stored", "repeated"])
        heard_from(detector)
        replay.stored += batch.stored
        replay.repeated += batch.repeated
    for record in rejected:
        row = rows[record.line]
        row.field, row.reason = record.field, record.reason
        replay.problems[row.pk] = Problem(row.line, record.field, record.reason)
    Rejection.objects.bulk_update([rows[r.line] for r in rejected], ["field", "reason"])


def _decode(row: Rejection) -> Accepted | Rejected:
    body = bytes(row.body)
    if len(body) >= KEPT_BYTES:
        return Rejected(row.pk, row.field, CUT, body)
    return decode_record(body, row.pk)
