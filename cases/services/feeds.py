"""Our side of partners' TAXII servers: what they offer is fetched, what was approved is sent.

Rows are the work: a cursor on each feed, a state on each push. A request is made outside of any
transaction by whoever moved `due_at` first, and what it brought is kept with the cursor in one.
"""

import logging
import random
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from cases.connectors.taxii import Fault, Server
from cases.crypto import CannotOpen
from cases.models import Collection, Feed, Partner, Push, Submission
from cases.services.partner import login_header, record_exchange
from cases.services.submissions import take_in
from cases.sharing.stixcheck import written

log = logging.getLogger(__name__)

State = Push.State
LEASE = timedelta(minutes=5)  # longer than any one request; then another worker may try
PAGES = 20  # of one feed in one turn
LOOK = timedelta(seconds=5)  # until a status is asked for again
FIRST_REST, LONGEST_REST = 30, 3600  # seconds


def exchange_with_partners() -> None:
    """The sweep: send what waits, then fetch what is due."""
    waiting = Push.objects.filter(
        state__in=[State.WAITING, State.SENT],
        due_at__lte=timezone.now(),
        partner__enabled=True,
    )
    for pk in waiting.order_by("due_at").values_list("pk", flat=True)[:100]:
        _guarded(push_one, pk)
    for partner in Partner.objects.filter(enabled=True).exclude(taxii_url="").order_by("pk"):
        if not partner.feeds.exists():
            _guarded(find_collections, partner)
    served = Feed.objects.filter(partner__enabled=True).exclude(partner__taxii_url="")
    due = served.filter(due_at__lte=timezone.now(), can_read=True)
    for pk in due.order_by("due_at").values_list("pk", flat=True)[:100]:
        _guarded(read_feed, pk)


def server_of(partner: Partner) -> Server:
    try:
        login = login_header(partner)
    except CannotOpen as error:
        raise Fault(f"our login cannot be opened: {error}", again=True) from None
    return Server(partner.taxii_url, login, tuple(partner.allowed_private_hosts))


def find_collections(partner: Partner) -> None:
    """Look at what the server offers; what we read already keeps its cursor."""
    offered = server_of(partner).collections()
    Feed.objects.bulk_create(
        [
            Feed(
                partner=partner,
                remote_id=one.id[:100],
                title=one.title[:200],
                can_read=one.can_read,
                can_write=one.can_write,
            )
            for one in offered
        ],
        update_conflicts=True,
        unique_fields=["partner", "remote_id"],
        update_fields=["title", "can_read", "can_write"],
    )


def read_feed(pk: int) -> int:
    """Fetch the next pages of a feed and keep them with its cursor. How many objects."""
    feed = _leased(Feed, pk)
    if feed is None:
        return 0
    kept = 0
    try:
        server = server_of(feed.partner)
        for _ in range(PAGES):
            page = server.objects(feed.remote_id, after=feed.read_until, following=feed.following)
            kept += _keep(feed, page)
            if not feed.following:
                break
        rest = settings.TAXII_POLL_SECONDS if not feed.following else 0
        feed.due_at = timezone.now() + timedelta(seconds=rest)
        feed.save(update_fields=["due_at"])
    except Fault as fault:
        if fault.status == 400 and feed.following:  # the server forgot where we were
            feed.following = ""
        _rest(feed, fault, "following")
        if fault.status in (403, 404):  # what it offers may have changed
            _guarded(find_collections, feed.partner)
    return kept


@transaction.atomic
def _keep(feed: Feed, page) -> int:
    if page.objects:
        inbox = Collection.objects.get(partner=feed.partner, way=Collection.Way.IN)
        take_in(inbox, page.objects, door=Submission.Door.POLLED)
    feed.following = page.following[:500]
    if not page.following and page.last is not None:
        feed.read_until = written(page.last)
    feed.read_at, feed.failures, feed.problem = timezone.now(), 0, ""
    feed.save(update_fields=["following", "read_until", "read_at", "failures", "problem"])
    return len(page.objects)


def push_one(pk: int) -> None:
    """Send a push, or ask what became of one that was taken."""
    push = _leased(Push, pk)
    if push is None or push.state not in (State.WAITING, State.SENT):
        return
    try:
        server = server_of(push.partner)
        if push.state == State.SENT:
            told = server.status(push.remote_status)
        else:
            Push.objects.filter(pk=push.pk).update(attempts=F("attempts") + 1)
            told = server.add(_writable(push.partner), push.body.encode())
    except Fault as fault:
        if push.state == State.SENT and fault.status == 404:
            push.state = State.WAITING  # it forgot: what it has of it, it stores once
        elif push.state == State.WAITING and not fault.again:
            _settle(push, State.FAILED, problem=str(fault))
            return
        _rest(push, fault, "state")
        return
    push.accepted, push.refused = max(0, told.success_count), max(0, told.failure_count)
    push.remote_status = told.id[:100]
    if told.status == "complete":
        words = "; ".join(str(one.get("message", ""))[:100] for one in told.failures[:3])
        _settle(push, State.DONE, problem=words)
    else:
        push.state, push.due_at, push.failures = State.SENT, timezone.now() + LOOK, 0
        push.save(
            update_fields=[
                "state", "due_at", "remote_status", "accepted", "refused", "failures",
            ]
        )  # fmt: skip


@transaction.atomic
def _settle(push: Push, state: str, *, problem: str) -> None:
    push.state, push.problem, push.finished_at = state, problem[:300], timezone.now()
    push.save(
        update_fields=[
            "state", "problem", "finished_at", "accepted", "refused", "remote_status",
        ]
    )  # fmt: skip
    record_exchange(
        push.partner, "out", "objects_pushed" if state == State.DONE else "push_refused",
        actor=None, objects=push.objects_count,
        detail={"push": push.pk, "accepted": push.accepted, "refused": push.refused,
                "problem": problem[:300]},
    )  # fmt: skip


def _writable(partner: Partner) -> str:
    """The collection on its server that we may write to."""
    find = partner.feeds.filter(can_write=True).order_by("remote_id")
    if not find.exists():
        find_collections(partner)
    found = find.values_list("remote_id", flat=True).first()
    if found is None:
        raise Fault("its server has no collection that we may write to", again=True)
    return found


def _leased(model, pk: int):
    """The row, when we are the first to move its due_at."""
    now = timezone.now()
    moved = model.objects.filter(pk=pk, due_at__lte=now).update(due_at=now + LEASE)
    return model.objects.select_related("partner").get(pk=pk) if moved else None


def _rest(row: Feed | Push, fault: Fault, *fields: str) -> None:
    """Try again later: twice as long each time, with jitter, or as long as the server asks."""
    row.failures += 1
    row.problem = str(fault)[:300]
    seconds = min(LONGEST_REST, FIRST_REST * 2 ** min(row.failures - 1, 10))
    seconds = max(seconds * random.uniform(0.75, 1.25), fault.seconds or 0)
    row.due_at = timezone.now() + timedelta(seconds=seconds)
    row.save(update_fields=["failures", "problem", "due_at", *fields])


def _guarded(act, what) -> None:
    try:
        act(what)
    except Fault as fault:
        log.warning("%s: %s", what, fault)
    except Exception:  # one partner must not keep the others waiting
        log.exception("%s of %s", act.__name__, what)
