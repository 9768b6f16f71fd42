"""Orders: asked for by one person, approved by another. services/deliver.py carries them out."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from cases.connectors.webhook import COMMANDS
from cases.errors import CaseError, NotAllowed
from cases.models import Case, Connector, Enforcement, EnforcementItem, Member, TimelineEvent
from cases.services.blast_radius import chosen_members, preview
from cases.services.nudge import after_commit
from cases.services.sample_gate import refuse_unsampled
from cases.services.timeline import append_event

Kind, State = Enforcement.Kind, Enforcement.State
Item = EnforcementItem.State
DEFAULT_TIERS = (Member.Tier.CORE,)
TEXT_BYTES = 12_000  # reason and notice together; a webhook's body stays under 20 kB


@transaction.atomic
def request_enforcement(
    case: Case,
    *,
    actor: User,
    kind: str,
    connector: Connector,
    tiers: list[str] | None = None,
    reason: str,
    notice: str = "",
    expires_at: datetime | None = None,
) -> Enforcement:
    """Ask for an order; a second person approves it. Raises CaseError with what stands against it.

    tiers: core alone unless told. expires_at: only a limit ends by itself.
    """
    tiers = list(tiers or DEFAULT_TIERS)
    case = Case.objects.select_for_update().get(pk=case.pk)
    _refuse_unfit(case, kind, connector, tiers, reason, notice, expires_at)
    blast_radius = preview(case, kind=kind, tiers=tiers)
    if not blast_radius["accounts"]:
        raise CaseError("This would reach no account: choose another tier, or see who is left out.")
    chosen = chosen_members(case, kind, tiers).values("account_id")
    refuse_unsampled(case, kind, chosen)
    return _create(
        case, chosen, blast_radius,
        actor=actor, kind=kind, connector=connector, tiers=tiers, reason=reason, notice=notice,
        expires_at=expires_at,
    )  # fmt: skip


@transaction.atomic
def request_reversal(
    order: Enforcement, *, actor: User, reason: str, notice: str = ""
) -> Enforcement:
    """Ask to put each account of a finished order back as it was before it.

    An account whose state somebody changed since stays as it is; the item says so.
    """
    case = _locked(order)
    if order.kind == Kind.REINSTATE:
        raise CaseError(f"{order.ref} reinstates: order a limit or a suspension instead.")
    if order.finished_at is None or order.state not in (State.DONE, State.CANCELLED):
        raise CaseError(f"{order.ref} is {order.get_state_display()}: let it end, or cancel it.")
    reached = order.items.filter(Q(state=Item.DONE) | Q(state=Item.UNKNOWN)).exclude(
        state_before=""
    )
    if not reached.exists():
        raise CaseError(f"{order.ref} changed no account: there is nothing to put back.")
    _refuse_unfit(case, Kind.REINSTATE, order.connector, list(order.tiers), reason, notice, None)
    blast_radius = {
        "kind": Kind.REINSTATE.value,
        "reverses": order.number,
        "accounts": reached.count(),
        "states": dict(reached.values_list("state_before").annotate(n=Count("pk")).order_by()),
    }
    return _create(
        case, reached.values("account_id"), blast_radius,
        actor=actor, kind=Kind.REINSTATE, connector=order.connector, tiers=list(order.tiers),
        reason=reason, notice=notice, expires_at=None,
    )  # fmt: skip


@transaction.atomic
def approve_enforcement(order: Enforcement, *, actor: User, note: str = "") -> Enforcement:
    """A second person lets the order run. Members judged out since it was asked are skipped."""
    case = _locked(order)
    if order.requested_by_id == actor.pk:
        raise NotAllowed(f"You asked for {order.ref}: another person approves it.")
    _refuse_by_verdict(case, order.kind)
    _refuse_switched_off(order.connector)
    if order.expires_at and order.expires_at <= timezone.now():
        raise CaseError(f"The end of {order.ref} has passed: refuse it and ask anew.")
    _move(order, [State.REQUESTED], State.RUNNING, actor, note)
    skipped = 0
    if order.kind != Kind.REINSTATE:
        judged = Member.objects.filter(
            case=case, account=OuterRef("account"), verdict__in=["out", "unsure"]
        )
        skipped = order.items.filter(Exists(judged) | Q(account__is_aggregate=True)).update(
            state=Item.SKIPPED,
            last_error="judged since the order was asked for",
            finished_at=timezone.now(),
        )
    waiting = order.items.filter(state=Item.WAITING)
    refuse_unsampled(case, order.kind, waiting)
    due = waiting.update(due_at=timezone.now())
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_APPROVED,
        actor=actor,
        content={
            "order": order.ref, "kind": order.kind, "accounts": due, "skipped": skipped,
            "note": note,
        },
    )  # fmt: skip
    after_commit("deliver_due_items")
    return order


@transaction.atomic
def refuse_enforcement(order: Enforcement, *, actor: User, note: str) -> Enforcement:
    """A second person stops the order before it runs, with a reason."""
    case = _locked(order)
    if order.requested_by_id == actor.pk:
        raise NotAllowed(f"You asked for {order.ref}: cancel it instead.")
    if not note.strip():
        raise CaseError("Say why the order is refused.")
    _move(order, [State.REQUESTED], State.REFUSED, actor, note, finished=True)
    _skip_waiting(order, "the order was refused")
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
    case = _locked(order)
    _move(order, [State.REQUESTED, State.RUNNING], State.CANCELLED)
    skipped = _skip_waiting(order, "the order was cancelled")
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


def _locked(order: Enforcement) -> Case:
    """The order's case, locked, and the order as it is now. Case first, then order: everywhere."""
    case = Case.objects.select_for_update().get(pk=order.case_id)
    order.refresh_from_db()
    return case


def _refuse_unfit(case, kind, connector, tiers, reason, notice, expires_at) -> None:
    if kind not in COMMANDS:
        known = ", ".join(Kind(name).label for name in COMMANDS)
        raise CaseError(f"{connector} can carry out and read back only: {known}.")
    if not set(tiers) <= set(Member.Tier.values):
        raise CaseError("The tiers are core, likely and possible.")
    if not reason.strip():
        raise CaseError("Say why: the reason goes with the order.")
    if len(reason.encode()) + len(notice.encode()) > TEXT_BYTES:
        raise CaseError("Reason and notice are too long for the connector: shorten them.")
    _refuse_switched_off(connector)
    _refuse_by_verdict(case, kind)
    if expires_at and kind != Kind.LIMIT:
        raise CaseError("Only a limit ends by itself: leave the end out.")
    if expires_at and expires_at <= timezone.now():
        raise CaseError("The end must lie ahead.")
    equal = case.enforcements.filter(
        kind=kind, connector=connector, state__in=[State.REQUESTED, State.RUNNING]
    ).first()
    if equal:
        raise CaseError(f"{equal.ref} is the same order and {equal.get_state_display()}.")


def _refuse_switched_off(connector: Connector) -> None:
    if not connector.enabled:
        raise CaseError(f"{connector} is switched off: choose another, or have it switched on.")


def _refuse_by_verdict(case: Case, kind: str) -> None:
    if kind == Kind.REINSTATE:
        return
    if kind in (Kind.SUSPEND, Kind.REVOKE) and case.verdict != Case.Verdict.CONFIRMED:
        raise CaseError(
            f"{case.ref} has no confirmed verdict ({case.get_verdict_display()}): "
            "decide it before suspending anybody."
        )
    if case.verdict == Case.Verdict.BENIGN:
        raise CaseError(f"{case.ref} was found benign: reopen it before acting on it.")


def _create(case: Case, accounts, blast_radius: dict, *, actor: User, **fields) -> Enforcement:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('cases_enforcement_number')")
        number = cursor.fetchone()[0]
        order = Enforcement.objects.create(
            number=number, case=case, requested_by=actor, blast_radius=blast_radius, **fields
        )
        chosen, parameters = accounts.query.sql_with_params()
        cursor.execute(
            "INSERT INTO cases_enforcementitem (enforcement_id, account_id, key, state, attempts,"
            " last_error, state_before, state_after)"
            f" SELECT %s, account_id, gen_random_uuid(), %s, 0, '', '', '' FROM ({chosen}) chosen",
            [order.pk, Item.WAITING.value, *parameters],
        )
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_REQUESTED,
        actor=actor,
        content={
            "order": order.ref, "kind": order.kind, "tiers": order.tiers,
            "accounts": blast_radius["accounts"], "reason": order.reason,
            "connector": order.connector.slug,
        },
    )  # fmt: skip
    return order


def _move(order, from_states, to_state, actor=None, note="", *, finished=False) -> None:
    now = timezone.now()
    fields = {"state": to_state}
    if actor:
        fields |= {"reviewed_by": actor, "reviewed_at": now, "review_note": note}
    if finished:
        fields["finished_at"] = now
    moved = Enforcement.objects.filter(pk=order.pk, state__in=from_states).update(**fields)
    order.refresh_from_db()
    if not moved:
        raise CaseError(f"{order.ref} is {order.get_state_display()} already. Reload to see it.")


def _skip_waiting(order: Enforcement, why: str) -> int:
    return order.items.filter(state=Item.WAITING).update(
        state=Item.SKIPPED, due_at=None, last_error=why, finished_at=timezone.now()
    )
