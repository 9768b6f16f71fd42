import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter

import msgspec
from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from ingest.models import Batch, Detector, Rejection
from ingest.services.staging import (
    INSERT_SIGNALS,
    MERGE_ACCOUNTS,
    MERGE_ATTRIBUTES,
    MERGE_HOURS,
    MERGE_USES,
    TAKE_OUT_KNOWN,
    copy_rows,
    seconds,
    staging,
)
from ingest.wire import Accepted, Observation, Rejected, check

KEPT_BYTES = 64 * 1024  # of a rejected record
TRIES = 5
WORTH_ANOTHER_TRY = {"40001", "40P01"}  # serialization failure, deadlock
CONFLICT = (
    "this reference is stored with another body: send a changed observation under a new reference"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a record was not stored."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery, after commit."""

    batch: Batch
    stored: int
    repeated: int
    rejected: list[Problem]


@dataclass(slots=True)
class Outcome:
    """What became of the records that were held against the tables."""

    stored: list[Accepted] = field(default_factory=list)
    repeated: list[Accepted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def record_signals(
    observations: Iterable[Observation | Accepted | Rejected],
    *,
    detector: Detector,
    door: Batch.Door,
    source: str = "",
) -> Receipt:
    """Store a delivery in one transaction: all of what holds, and none of it twice.

    Takes what decode_delivery yields, or observations made in Python, which are checked by the
    same rules. A reference that is stored already is repeated when its body is the same and
    rejected when it is not. What is rejected is kept as Rejection rows. An attribute without times
    counts for the signal's window. Deadlocks are tried again; other database errors are raised.
    """
    records = [
        record if isinstance(record, Accepted | Rejected) else check(record, line)
        for line, record in enumerate(observations, start=1)
    ]
    return retried(lambda: _record(records, detector, door, source))


@transaction.atomic
def _record(
    records: Sequence[Accepted | Rejected], detector: Detector, door: Batch.Door, source: str
) -> Receipt:
    batch = Batch.objects.create(detector=detector, door=door, source=source[:300])
    outcome = store_accepted([r for r in records if isinstance(r, Accepted)], detector, batch)
    rejected = [r for r in records if isinstance(r, Rejected)] + outcome.rejected
    rejected.sort(key=attrgetter("line"))
    Rejection.objects.bulk_create(
        (
            Rejection(
                batch=batch, line=r.line, field=r.field, reason=r.reason, body=r.body[:KEPT_BYTES]
            )
            for r in rejected
        ),
        batch_size=1000,
    )
    batch.stored, batch.repeated = len(outcome.stored), len(outcome.repeated)
    batch.rejected = len(rejected)
    batch.save(update_fields=["stored", "repeated", "rejected"])
    heard_from(detector)
    problems = [Problem(r.line, r.field, r.reason) for r in rejected]
    return Receipt(batch, batch.stored, batch.repeated, problems)


def store_accepted(records: Sequence[Accepted], detector: Detector, batch: Batch) -> Outcome:
    """Store what is new under the batch. Runs inside the caller's transaction, writes no counts."""
    outcome = Outcome()
    left: dict[int, Accepted] = {}
    seen = set()
    for record in records:
        key = (record.observation.ref, record.digest)
        if key in seen:
            outcome.repeated.append(record)
        else:
            seen.add(key)
            left[record.line] = record
    if not left:
        return outcome
    ids = {"detector": detector.pk, "batch": batch.pk}

    def take_out_known(cursor):
        cursor.execute(TAKE_OUT_KNOWN, ids)
        for line, same in cursor.fetchall():
            record = left.pop(line)
            if same:
                outcome.repeated.append(record)
            else:
                outcome.rejected.append(Rejected(line, "ref", CONFLICT, record.body))

    with staging("stage_signal", "stage_attribute", "stage_use", "stage_hour") as cursor:
        rows = sorted(left.values(), key=lambda record: record.observation.ref)
        copy_rows(cursor, "stage_signal", (_signal_row(r, detector.version) for r in rows))
        take_out_known(cursor)
        if later := _contradicting(left.values()):
            cursor.execute("DELETE FROM stage_signal WHERE line = ANY(%s)", [list(later)])
            for line, first in later.items():
                reason = f"line {first} of this delivery has this reference with another body"
                outcome.rejected.append(Rejected(line, "ref", reason, left.pop(line).body))
        if left:
            cursor.execute(MERGE_ACCOUNTS.format(source="stage_signal"))
            cursor.execute(INSERT_SIGNALS, ids)
            if cursor.rowcount < len(left):  # another delivery was faster
                take_out_known(cursor)
        # Only now is it known whose attributes and hours count.
        _store_parts(cursor, [record.observation for record in left.values()])
    outcome.stored = list(left.values())
    return outcome


def _contradicting(records: Iterable[Accepted]) -> dict[int, int]:
    """Lines whose reference an earlier line has too (and another body), with that line."""
    first: dict[str, int] = {}
    later = {}
    for record in records:
        line = first.setdefault(record.observation.ref, record.line)
        if line != record.line:
            later[record.line] = line
    return later


def _store_parts(cursor, observations: Sequence[Observation]) -> None:
    attributes: dict[tuple[str, str], tuple] = {}
    for observation in observations:
        for a in observation.attributes:
            key = (a.kind, a.value)
            if key not in attributes or a.label or a.prevalence:
                attributes[key] = _merged(attributes.get(key), a.label, a.prevalence)
    if attributes:
        copy_rows(cursor, "stage_attribute", ((*key, *row, "") for key, row in attributes.items()))
        cursor.execute(MERGE_ATTRIBUTES)
        copy_rows(
            cursor,
            "stage_use",
            (
                (
                    o.account.id,
                    a.kind,
                    a.value,
                    seconds(a.first_at or min(o.window_start, a.last_at or o.window_start)),
                    seconds(a.last_at or max(o.window_end, a.first_at or o.window_end)),
                    a.count,
                )
                for o in observations
                for a in o.attributes
            ),
        )
        cursor.execute(MERGE_USES.format(source="stage_use"))
    if copy_rows(
        cursor, "stage_hour", (hour_row(o.account.id, h) for o in observations for h in o.activity)
    ):
        cursor.execute(MERGE_HOURS)


def _merged(known: tuple | None, label: str, prevalence) -> tuple:
    """Label and prevalence of an attribute that several records name: the commonest stays."""
    old_label, accounts, organisations, population = known or ("", None, None, None)
    if prevalence and (
        population is None
        or (prevalence.accounts / prevalence.population, prevalence.population)
        > (accounts / population, population)
    ):
        accounts, organisations = prevalence.accounts, prevalence.organisations
        population = prevalence.population
    return (old_label or label, accounts, organisations, population)


def _signal_row(record: Accepted, version: str) -> tuple:
    o = record.observation
    account = o.account
    first, last = _seen(o)
    return (
        record.line,
        o.ref,
        record.digest,
        account.id,
        account.organisation,
        account.plan,
        seconds(account.created_at),
        account.is_aggregate,
        seconds(first),
        seconds(last),
        seconds(o.window_start),
        seconds(o.window_end),
        o.score,
        o.p_value,
        o.accounts_tested,
        o.base_rate,
        o.summary,
        msgspec.json.encode(o.evidence).decode(),
        msgspec.json.encode(o.samples).decode(),
        o.group_key,
        o.detector_version or version,
    )


def _seen(o: Observation) -> tuple:
    """First and last trace of the account: by its attributes and hours, else by the window."""
    moments = [hour.hour for hour in o.activity]
    for attribute in o.attributes:
        if attribute.first_at:
            moments.append(attribute.first_at)
        if attribute.last_at:
            moments.append(attribute.last_at)
    if moments:
        return min(moments), max(moments)
    born = o.account.created_at or o.window_start
    return min(max(born, o.window_start), o.window_end), o.window_end


def hour_row(external_id: str, h) -> tuple:
    """An ActivityHour as a row of stage_hour."""
    return (
        external_id,
        seconds(h.hour),
        h.model,
        h.requests,
        h.input_tokens,
        h.cached_tokens,
        h.output_tokens,
        h.reasoning_tokens,
        h.refusals,
        h.templates,
        h.extraction_requests,
    )


def heard_from(detector: Detector) -> None:
    """Note the time. Concurrent deliveries of a detector do not wait for each other here."""
    now = timezone.now()
    stale = Detector.objects.filter(
        Q(last_heard_at=None) | Q(last_heard_at__lt=now - timedelta(seconds=1)),
        pk=detector.pk,
    ).select_for_update(skip_locked=True, no_key=True)
    Detector.objects.filter(pk__in=stale.values("pk")).update(last_heard_at=now)


def retried(work):
    """Run a transaction; again, a few times, when the database gave it up for another's sake."""
    for attempt in range(1, TRIES + 1):
        try:
            return work()
        except OperationalError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if (
                state not in WORTH_ANOTHER_TRY
                or attempt == TRIES
                or connection.in_atomic_block  # the caller's transaction is lost with ours
            ):
                raise
            time.sleep(random.uniform(0, 0.05 * 2**attempt))
