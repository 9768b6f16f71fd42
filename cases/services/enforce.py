"""Orders: asked for by one person, approved by another. services/deliver.py carries them out."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.kinds import clean_parameters, clean_stages
from cases.models import (
    Case,
    Connector,
    Enforcement,
    EnforcementItem,
    Member,
    NoticeVersion,
    TimelineEvent,
)
from cases.services.blast_radius import preview
from cases.services.nudge import after_commit
from cases.services.order_create import create_order, locked, move, skip_waiting
from cases.services.order_fit import (
    approved_notice,
    needs_second_person,
    refuse_by_verdict,
    refuse_equal,
    refuse_switched_off,
    refuse_unfit,
)
from cases.services.order_hash import hash_of
from cases.services.order_plan import start
from cases.services.sample_gate import refuse_unsampled
from cases.services.targets import (
    Choice,
    chosen_members,
    is_protected,
    refuse_unfit_choice,
    reinstated_by_others,
    rows_of,
)
from cases.services.timeline import append_event

Kind, State = Enforcement.Kind, Enforcement.State
Item = EnforcementItem.State
DEFAULT_TIERS = (Member.Tier.CORE.value,)


@transaction.atomic
def request_enforcement(
    case: Case,
    *,
    actor: User,
    kind: str,
    connector: Connector | None = None,
    tiers: list[str] | None = None,
    choice: Choice | None = None,
    parameters: Mapping | None = None,
    reason: str,
    notice: str = "",
    notice_version: NoticeVersion | None = None,
    expires_at: datetime | None = None,
    stages: list[int] | None = None,
    stage_minutes: int = 0,
    window_minutes: int = 0,
) -> Enforcement:
    """Ask for an order. Above ORDER_ALONE a second person approves it; below, it runs at once.

    choice: whom; core accounts unless told. notice_version: an approved letter of the library,
    instead of the text of a notice. expires_at: a watch, verification or limit ends then, a
    suspension asks for renewal. stages: percents of the targets, surest first; none: all at once.
    Raises CaseError with what stands against it.
    """
    choice = choice or Choice(tiers=tuple(tiers or DEFAULT_TIERS))
    case = Case.objects.select_for_update().get(pk=case.pk)
    notice = approved_notice(notice_version, kind) or notice
    refuse_unfit(
        case, kind, connector, reason=reason, notice=notice, expires_at=expires_at,
        window_minutes=window_minutes, stage_minutes=stage_minutes,
    )  # fmt: skip
    refuse_unfit_choice(case, kind, choice)
    try:
        parameters = clean_parameters(kind, parameters or {})
        stages = clean_stages(stages) if stages else []
    except ValueError as error:
        raise CaseError(str(error)) from None
    same = {"kind": kind, "connector": connector, "target_kind": choice.target_kind}
    if not choice.named:  # who names single accounts knows what is on its way
        refuse_equal(case, **same, selection__by=choice.by)
    radius = preview(case, kind=kind, choice=choice)
    if not radius["targets"]:
        raise CaseError("This would reach no account: choose another tier, or see who is left out.")
    members = chosen_members(case, kind, choice)
    refuse_unsampled(case, kind, members)
    second = needs_second_person(case, kind, radius["targets"])
    if not second and notice and notice_version is None:
        raise CaseError("Without a second person only a notice of the library may be sent.")
    order = create_order(
        case, rows_of(members, choice), radius,
        actor=actor, kind=kind, connector=connector, target_kind=choice.target_kind,
        tiers=[] if choice.named else list(choice.tiers), selection=choice.stored(),
        parameters=parameters, reason=reason, notice=notice, notice_version=notice_version,
        expires_at=expires_at, second_person=second,
        plan=Enforcement.Plan.STAGES if stages else Enforcement.Plan.AT_ONCE, stages=stages,
        stage_minutes=stage_minutes, window_minutes=window_minutes,
    )  # fmt: skip
    if not second:
        _run(case, order, actor=None)
    return order


@transaction.atomic
def approve_enforcement(
    order: Enforcement, *, actor: User, note: str = "", seen: str = ""
) -> Enforcement:
    """A second person lets the order run. Members judged out since it was asked are skipped.

    seen: the order's content_hash as it was shown; an order that changed since is not approved.
    """
    case = locked(order)
    if order.requested_by_id == actor.pk:
        raise NotAllowed(f"You asked for {order.ref}: another person approves it.")
    if order.state == State.REQUESTED:
        refuse_by_verdict(case, order.kind)
        refuse_switched_off(order.connector)
        if order.expires_at and order.expires_at <= timezone.now():
            raise CaseError(f"The end of {order.ref} has passed: refuse it and ask anew.")
        if order.approve_by and order.approve_by <= timezone.now():
            raise CaseError(f"{order.ref} was not approved in time: ask for it anew.")
        _refuse_changed(order, seen)
    return _run(case, order, actor=actor, note=note)


@transaction.atomic
def change_enforcement(
    order: Enforcement,
    *,
    actor: User,
    reason: str | None = None,
    expires_at: datetime | None = None,
    parameters: Mapping | None = None,
) -> Enforcement:
    """Change an order that waits. Whoever has opened it must look again before approving it."""
    case = locked(order)
    if order.requested_by_id != actor.pk:
        raise NotAllowed(f"Only who asked for {order.ref} changes it.")
    if order.state != State.REQUESTED:
        raise CaseError(f"{order.ref} is {order.get_state_display()}: it is not changed any more.")
    try:
        fields = {
            "reason": order.reason if reason is None else reason,
            "expires_at": expires_at,
            "parameters": clean_parameters(
                order.kind, order.parameters if parameters is None else parameters
            ),
        }
    except ValueError as error:
        raise CaseError(str(error)) from None
    refuse_unfit(
        case, order.kind, order.connector,
        reason=fields["reason"], notice=order.notice, expires_at=expires_at,
    )  # fmt: skip
    for name, value in fields.items():
        setattr(order, name, value)
    order.content_hash = hash_of(order)
    Enforcement.objects.filter(pk=order.pk, state=State.REQUESTED).update(
        **fields, content_hash=order.content_hash
    )
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_CHANGED,
        actor=actor,
        content={"order": order.ref, "kind": order.kind, "hash": order.content_hash},
    )
    return order


@transaction.atomic
def refuse_enforcement(order: Enforcement, *, actor: User, note: str) -> Enforcement:
    """A second person stops the order before it runs, with a reason."""
    case = locked(order)
    if order.requested_by_id == actor.pk:
        raise NotAllowed(f"You asked for {order.ref}: cancel it instead.")
    if not note.strip():
        raise CaseError("Say why the order is refused.")
    move(order, [State.REQUESTED], State.REFUSED, actor, note, finished=True)
    skip_waiting(order, "the order was refused")
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_REFUSED,
        actor=actor,
        content={"order": order.ref, "kind": order.kind, "note": note},
    )
    return order


@transaction.atomic
def cancel_enforcement(order: Enforcement, *, actor: User) -> Enforcement:
    """Stop an order, before or while it runs. What was sent already is read back, not undone."""
    case = locked(order)
    move(order, [State.REQUESTED, State.RUNNING], State.CANCELLED)
    skipped = skip_waiting(order, "the order was cancelled")
    in_flight = order.items.filter(
        Q(state=Item.SENDING) | Q(state=Item.UNKNOWN, due_at__isnull=False)
    ).count()
    if not in_flight:
        order.finished_at = timezone.now()
        order.save(update_fields=["finished_at"])
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_CANCELLED,
        actor=actor,
        content={
            "order": order.ref, "kind": order.kind, "skipped": skipped, "in_flight": in_flight,
        },
    )  # fmt: skip
    return order


def _run(case: Case, order: Enforcement, *, actor: User | None, note: str = "") -> Enforcement:
    """Let it run: approved by a person, or small enough for the one who asked."""
    move(order, [State.REQUESTED], State.RUNNING, actor, note, approved_hash=order.content_hash)
    skipped = _skip_outdated(case, order) if order.kind != Kind.REINSTATE else 0
    refuse_unsampled(case, order.kind, order.items.filter(state=Item.WAITING))
    due = start(order, case)
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_APPROVED,
        actor=actor or order.requested_by,
        content={
            "order": order.ref, "kind": order.kind, "accounts": due, "skipped": skipped,
            "note": note, "hash": order.content_hash, "alone": actor is None,
        },
    )  # fmt: skip
    after_commit("deliver_due_items")
    return order


def _skip_outdated(case: Case, order: Enforcement) -> int:
    """Leave out whom it would not reach, were it asked for now."""
    named = order.selection.get("by") == "selection"
    verdicts = ["out"] if named else ["out", "unsure"]
    judged = Member.objects.filter(case=case, account=OuterRef("account"), verdict__in=verdicts)
    rules = [("judged since the order was asked for", Q(Exists(judged)))]
    if not named:
        rules[0] = (rules[0][0], rules[0][1] | Q(account__is_aggregate=True))
    if order.connector_id:
        rules.append(("on the protected list since", is_protected("account")))
        since = Q(account__state_at__gt=order.requested_at)
        rules.append(("reinstated by others since", since & reinstated_by_others("account")))
    return sum(
        skip_waiting(order, why, order.items.filter(rule, state=Item.WAITING))
        for why, rule in rules
    )


def _refuse_changed(order: Enforcement, seen: str) -> None:
    if seen and seen != order.content_hash:
        raise CaseError(f"{order.ref} changed since you opened it: look again, then approve.")
    if order.content_hash and hash_of(order) != order.content_hash:
        raise CaseError(f"{order.ref} is not what was asked for any more: refuse it and ask anew.")
