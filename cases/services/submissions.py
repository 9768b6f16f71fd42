"""What partners send: kept at once, in quarantine until each object was checked."""

import logging
from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from cases.models import Collection, Submission, SubmissionItem
from cases.services.collections import keep_objects
from cases.services.nudge import after_commit
from cases.services.partner import record_exchange
from cases.sharing.stixcheck import NotStix, check_object, read_head

log = logging.getLogger(__name__)

State = SubmissionItem.State
PIECE = 250  # objects in one transaction, some 0.7 s


@transaction.atomic
def take_in(
    collection: Collection, bodies: Sequence[bytes], *, door: Submission.Door
) -> Submission:
    """Keep what came, unchecked. What says nothing of itself is refused at once, with the reason.

    After commit it is durable: a lost nudge costs the seconds to the next sweep.
    """
    submission = Submission.objects.create(collection=collection, door=door, total=len(bodies))
    items, refused = [], 0
    for place, raw in enumerate(bodies):
        item = SubmissionItem(submission=submission, place=place, body=raw)
        try:
            head = read_head(raw)
            item.stix_id = head.stix_id
            item.version = head.parsed.get("modified") or head.parsed.get("created") or ""
        except NotStix as error:
            item.state, item.reason, item.body = State.REFUSED, str(error)[:1000], raw[:65536]
            refused += 1
        items.append(item)
    SubmissionItem.objects.bulk_create(items, batch_size=2000)
    submission.refused = refused
    submission.save(update_fields=["refused"])
    record_exchange(
        collection.partner, "in", f"objects_{door}", actor=None, objects=len(bodies),
        detail={"submission": str(submission.pk)},
    )  # fmt: skip
    after_commit("check_submission", str(submission.pk))
    return submission


def check_waiting() -> None:
    """Every submission that has not been gone through, oldest first."""
    for pk in (
        Submission.objects.filter(finished_at=None)
        .order_by("received_at")
        .values_list("pk", flat=True)[:100]
    ):
        try:
            check_submission(pk)
        except Exception:  # one that cannot be gone through must not keep the others waiting
            log.exception("submission %s", pk)


def check_submission(pk) -> None:
    """Go through one to its end, a piece in each transaction. Another worker's is left alone."""
    while _check_piece(pk):
        pass


@transaction.atomic
def _check_piece(pk) -> bool:
    """Check the next objects and store what holds. False: nothing left, or another does it."""
    submission = (
        Submission.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("collection")
        .filter(pk=pk, finished_at=None)
        .first()
    )
    if submission is None:
        return False
    items = list(submission.items.filter(state=State.WAITING).order_by("place")[:PIECE])
    if not items:
        submission.finished_at = timezone.now()
        submission.save(update_fields=["finished_at"])
        return False
    held, checked = [], []
    for item in items:
        try:
            checked.append(check_object(bytes(item.body)))
            held.append(item)
        except NotStix as error:
            item.state, item.reason = State.REFUSED, str(error)[:1000]
    for item, outcome in zip(held, keep_objects(submission.collection, checked), strict=True):
        if outcome in (State.STORED, State.REPEATED):
            item.state, item.body = outcome, b""
        else:
            item.state, item.reason = State.REFUSED, outcome
    SubmissionItem.objects.bulk_update(items, ["state", "reason", "body"])
    refused = sum(item.state == State.REFUSED for item in items)
    Submission.objects.filter(pk=pk).update(
        stored=F("stored") + len(items) - refused, refused=F("refused") + refused
    )
    return True


def outcomes(submission: Submission) -> Iterator[SubmissionItem]:
    """Each object of it, in the order of the envelope, without its body."""
    return submission.items.order_by("place").defer("body").iterator(chunk_size=2000)
