"""append_event alone writes the timeline."""

import hashlib
import json
import secrets
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from cases.hooked import HOOKED, hook_body
from cases.models import Case, EventContent, TimelineEvent


def append_event(
    case: Case, kind: TimelineEvent.Kind, *, actor: User | None, content: dict
) -> TimelineEvent:
    """Append one event to the case's chain. Must run inside the transaction of the change itself.

    Locks the case's row, so that events of one case line up; who touches several cases does so in
    key order. content must be JSON; actor None is the desk itself.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("append_event outside of a transaction")
    Case.objects.select_for_update().only("pk").get(pk=case.pk)
    last = (
        TimelineEvent.objects.filter(case_id=case.pk).order_by("-seq").values("seq", "hash").first()
    )
    salt = secrets.token_bytes(32)
    event = TimelineEvent(
        case_id=case.pk,
        seq=last["seq"] + 1 if last else 1,
        kind=kind,
        at=timezone.now(),
        actor=actor,
        content_digest=content_digest(salt, content),
        previous_hash=last["hash"] if last else "",
    )
    event.hash = chain_hash(
        event.previous_hash, event.seq, kind, event.at, event.actor_id, event.content_digest
    )
    event.save(force_insert=True)
    EventContent.objects.create(event=event, salt=salt, body=content)
    if kind in HOOKED:
        _queue_for_hooks(case, event, content)
    return event


# in the event's own transaction: what is told happened, and what happened is told
QUEUE = """
INSERT INTO cases_hookdelivery (hook_id, event_id, key, body, state, attempts, last_error, due_at)
SELECT id, %s, gen_random_uuid(), %s::jsonb, 'waiting', 0, '', now()
FROM cases_eventhook WHERE enabled AND %s = ANY(events)
"""


def _queue_for_hooks(case: Case, event: TimelineEvent, content: dict) -> None:
    body = hook_body(event.kind, event.at, "" if case.restricted else case.ref, content)
    with connection.cursor() as cursor:
        cursor.execute(QUEUE, [event.pk, json.dumps(body), event.kind])


def content_digest(salt: bytes, content: dict) -> str:
    """SHA-256(salt ‖ canonical content): keys sorted, no spaces, UTF-8."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(salt + canonical.encode()).hexdigest()


def chain_hash(
    previous: str, seq: int, kind: str, at: datetime, actor_id: int | None, digest: str
) -> str:
    """SHA-256 over one line: previous|seq|kind|at|actor|content digest."""
    line = "|".join([previous, str(seq), str(kind), at.isoformat(), str(actor_id or ""), digest])
    return hashlib.sha256(line.encode()).hexdigest()


def broken_links(case: Case) -> list[str]:
    """What does not hold in the case's chain, in words; empty when all of it does."""
    problems, previous = [], ""
    events = case.events.select_related("content").order_by("seq")
    for place, event in enumerate(events.iterator(chunk_size=2000), start=1):
        where = f"{case.ref} event {event.seq}"
        if event.seq != place:
            problems.append(f"{where}: event {place} is missing")
            break
        if event.previous_hash != previous:
            problems.append(f"{where}: does not follow the event before it")
        expected = chain_hash(
            event.previous_hash, event.seq, event.kind, event.at, event.actor_id,
            event.content_digest,
        )  # fmt: skip
        if event.hash != expected:
            problems.append(f"{where}: was changed")
        content = getattr(event, "content", None)
        if content and content_digest(bytes(content.salt), content.body) != event.content_digest:
            problems.append(f"{where}: its content was changed")
        previous = event.hash
    return problems
