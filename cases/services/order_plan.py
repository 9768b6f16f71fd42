"""How an order runs: its start, its stages, and what pauses it. A sweep finds what is due."""

import random
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from cases.errors import CaseError
from cases.kinds import WANTED
from cases.models import Appeal, Case, Enforcement, EnforcementItem, TimelineEvent
from cases.services.lease import OPEN
from cases.services.nudge import after_commit
from cases.services.order_create import locked
from cases.services.order_hash import hash_of
from cases.services.timeline import append_event

Kind, State = Enforcement.Kind, Enforcement.State
Item = EnforcementItem.State
FEWEST_FAILED = 3  # before a stage is over, fewer failures are no rate


def start(order: Enforcement, case: Case) -> int:
    """Make the first stage due, at a random moment of the window. Returns how many targets run.

    Keeps what stood before it: the case's chain as of now, and the states of the targets.
    """
    now = timezone.now()
    wait = random.uniform(0, order.window_minutes * 60) if order.window_minutes else 0.0
    order.begins_at = now + timedelta(seconds=wait)
    last = case.events.order_by("-seq").values("seq", "hash").first() or {}
    order.blast_radius = order.blast_radius | {
        "snapshot": {"at": now.isoformat(), "event": last.get("seq"), "hash": last.get("hash")}
    }
    order.stage, order.stage_opened_at = 0, order.begins_at
    order.save(update_fields=["begins_at", "blast_radius", "stage", "stage_opened_at"])
    waiting = order.items.filter(state=Item.WAITING)
    if order.kind == Kind.CONTACT:
        return waiting.count()  # a person writes to them and says so
    waiting.filter(stage=0).update(due_at=order.begins_at)
    return waiting.count()


@transaction.atomic
def pause_enforcement(order: Enforcement, *, actor: User | None, reason: str) -> Enforcement:
    """Send nothing new; what is on its way is read back. actor None: a rule does it."""
    case = locked(order)
    if not reason.strip():
        raise CaseError("Say why it is paused.")
    paused = Enforcement.objects.filter(pk=order.pk, state=State.RUNNING, paused_at=None).update(
        paused_at=timezone.now(), paused_by=actor, pause_reason=reason[:300]
    )
    order.refresh_from_db()
    if not paused:
        said = "paused" if order.paused_at else order.get_state_display()
        raise CaseError(f"{order.ref} is {said} already. Reload to see it.")
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_PAUSED,
        actor=actor,
        content={"order": order.ref, "kind": order.kind, "reason": reason},
    )
    return order


@transaction.atomic
def resume_enforcement(order: Enforcement, *, actor: User, reason: str) -> Enforcement:
    """Go on, a person answers for it. What paused it counts from here anew."""
    case = locked(order)
    if not reason.strip():
        raise CaseError("Say why it may go on.")
    if case.verdict == Case.Verdict.BENIGN and order.kind != Kind.REINSTATE:
        raise CaseError(f"{case.ref} was found benign: cancel {order.ref} instead.")
    if order.content_hash != hash_of(order):
        raise CaseError(f"{order.ref} is not what was approved: cancel it and ask anew.")
    counted = figures_of(order)
    resumed = (
        Enforcement.objects.filter(pk=order.pk, state=State.RUNNING)
        .exclude(paused_at=None)
        .update(
            paused_at=None,
            paused_by=None,
            pause_reason="",
            resumed_from={
                "failed": counted["failed"],
                "finished": counted["finished"],
                "overturned": counted["overturned"],
                "p": case.p_abuse,
            },
        )
    )
    order.refresh_from_db()
    if not resumed:
        raise CaseError(f"{order.ref} is not paused. Reload to see it.")
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_RESUMED,
        actor=actor,
        content={"order": order.ref, "kind": order.kind, "reason": reason},
    )
    after_commit("deliver_due_items")
    return order


@transaction.atomic
def open_next_stage(order: Enforcement, *, actor: User | None) -> Enforcement:
    """Send the next stage. actor None: its time has come. A person need not wait for the time."""
    case = locked(order)
    if order.state != State.RUNNING or order.paused_at:
        said = "paused" if order.paused_at else order.get_state_display()
        raise CaseError(f"{order.ref} is {said}: no stage is opened.")
    following = order.stage + 1
    if not order.staged or following >= len(order.stages):
        raise CaseError(f"{order.ref} has no further stage.")
    if order.items.filter(OPEN, stage__lte=order.stage).exists():
        raise CaseError(f"Stage {order.stage + 1} of {order.ref} is not over yet.")
    if order.content_hash != hash_of(order):
        raise CaseError(f"{order.ref} is not what was approved: cancel it and ask anew.")
    now = timezone.now()
    moved = Enforcement.objects.filter(
        pk=order.pk, state=State.RUNNING, paused_at=None, stage=order.stage
    ).update(stage=following, stage_opened_at=now, resumed_from={})
    if not moved:
        raise CaseError(f"{order.ref} was moved by somebody else. Reload to see it.")
    due = order.items.filter(state=Item.WAITING, stage=following).update(due_at=now)
    order.refresh_from_db()
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_STAGED,
        actor=actor,
        content={
            "order": order.ref, "kind": order.kind, "stage": following + 1,
            "of": len(order.stages), "accounts": due,
        },
    )  # fmt: skip
    after_commit("deliver_due_items")
    return order


def figures_of(order: Enforcement) -> dict:
    """What the rules look at: the open stage's ends, appeals overturned, P then and now."""
    counts = order.items.filter(stage=order.stage).aggregate(
        finished=Count("pk", filter=Q(state__in=[Item.DONE, Item.FAILED])),
        failed=Count("pk", filter=Q(state=Item.FAILED)),
        left=Count("pk", filter=OPEN),
    )
    overturned = Appeal.objects.filter(order=order, outcome=Appeal.Outcome.GRANTED).count()
    return counts | {"overturned": overturned}


def rules_of(order: Enforcement, case: Case) -> list[dict]:
    """The rules that stop an order, with their limit and where it stands.

    [{rule, limit, now, detail, trips}]; counted from the last resumption on.
    """
    found, since = figures_of(order), order.resumed_from
    failed = max(found["failed"] - since.get("failed", 0), 0)
    finished = max(found["finished"] - since.get("finished", 0), 0)
    share = failed / finished if finished else 0.0
    enough = failed >= FEWEST_FAILED or (failed > 0 and not found["left"])
    overturned = max(found["overturned"] - since.get("overturned", 0), 0)
    before = since.get("p", order.p_at_request)
    drop = 0.0 if before is None else max(before - case.p_abuse, 0.0)
    reverses = order.kind == Kind.REINSTATE  # a falling probability is what it waits for
    rules = [
        {
            "rule": "Failures in a stage" if order.staged else "Failures",
            "limit": f"{settings.STOP_ERRORS:.0%}",
            "now": f"{share:.1%}",
            "detail": f"{failed:,} of {finished:,}",
            "trips": enough and share > settings.STOP_ERRORS,
        }
    ]
    if not reverses and order.kind in WANTED:
        rules += [
            {
                "rule": "Appeals overturned",
                "limit": f"{settings.STOP_OVERTURNED:,}",
                "now": f"{overturned:,}",
                "detail": "",
                "trips": overturned >= settings.STOP_OVERTURNED,
            },
            {
                "rule": "P(abuse) of the case falls by",
                "limit": f"{settings.STOP_DROP:.2f}",
                "now": f"{drop:.2f}",
                "detail": "" if before is None else f"{before:.2f} → {case.p_abuse:.2f}",
                "trips": drop >= settings.STOP_DROP,
            },
            {
                "rule": "The case is found benign",
                "limit": "",
                "now": "yes" if case.verdict == Case.Verdict.BENIGN else "no",
                "detail": "",
                "trips": case.verdict == Case.Verdict.BENIGN,
            },
        ]
    return rules


def tend_running() -> int:
    """The sweep: pause what a rule stops, open stages whose time has come. Returns how many.

    Appeals that were only filed stop nothing: an attacker files thousands.
    """
    changed = 0
    running = Enforcement.objects.filter(state=State.RUNNING, paused_at=None)
    for order in running.select_related("case").order_by("pk"):
        try:
            changed += _tend(order)
        except CaseError:
            continue  # a person was first; the next sweep looks again
    return changed


def _tend(order: Enforcement) -> int:
    tripped = [rule for rule in rules_of(order, order.case) if rule["trips"]]
    if tripped:
        rule = tripped[0]
        limit = f", the limit is {rule['limit']}" if rule["limit"] else ""
        detail = f" ({rule['detail']})" if rule["detail"] else ""
        reason = f"{rule['rule']}: {rule['now']}{detail}{limit}"
        pause_enforcement(order, actor=None, reason=reason)
        return 1
    if not order.staged or order.stage + 1 >= len(order.stages):
        return 0
    wait = timedelta(minutes=order.stage_minutes)
    if order.stage_opened_at + wait > timezone.now():
        return 0
    if order.items.filter(OPEN, stage__lte=order.stage).exists():
        return 0
    open_next_stage(order, actor=None)
    return 1


def watch_due() -> int:
    """Carry out what the desk does itself: accounts to be watched are watched from their time."""
    now = timezone.now()
    return EnforcementItem.objects.filter(
        state=Item.WAITING, due_at__lte=now, enforcement__kind=Kind.WATCH,
        enforcement__state=State.RUNNING, enforcement__paused_at=None,
    ).update(state=Item.DONE, due_at=None, finished_at=now, last_error="")  # fmt: skip
