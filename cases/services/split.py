"""Part of a case becomes a case of its own. The two stay apart until a person says otherwise."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, F, Q, Sum

from cases.errors import CaseError
from cases.models import Case, Constraint, EnforcementItem, Member, Reshaping, TimelineEvent
from cases.names import case_name
from cases.services.carry import (
    carry_members,
    mark_undone,
    move_links,
    recount,
    refuse_pending,
    restore_members,
    why_no_undo,
)
from cases.services.constrain import bind, hold_grouping, lock_cases
from cases.services.timeline import append_event


def preview_split(case: Case, members: Sequence[int]) -> dict:
    """What a split would move, and what hangs on it. Changes nothing.

    members, staying, tiers {tier: n}, expected, judged; orders [(order, accounts it named)],
    shares and packets of the case, which stay with it; refusal: why it cannot be done, or "".
    """
    moving = Member.objects.current().filter(case=case, pk__in=members)
    figures = moving.aggregate(
        members=Count("pk"),
        organisations=Count("account__organisation", distinct=True),
        expected=Sum("probability"),
        judged=Count("pk", filter=~Q(verdict="")),
        aggregates=Count("pk", filter=Q(account__is_aggregate=True)),
    )
    total = Member.objects.current().filter(case=case).count()
    named = EnforcementItem.objects.filter(
        enforcement__case=case, account__in=moving.values("account")
    )
    orders = list(
        case.enforcements.filter(items__in=named)
        .annotate(named=Count("items", filter=Q(items__in=named)))
        .order_by("number")
    )
    answer = figures | {
        "staying": total - figures["members"],
        "tiers": dict(moving.values_list("tier").annotate(n=Count("pk")).order_by()),
        "orders": orders,
        "shares": case.shares.count(),
        "packets": case.packets.count(),
    }
    try:
        _refuse_unfit(case, members, figures["members"], answer["staying"])
        answer["refusal"] = ""
    except CaseError as error:
        answer["refusal"] = str(error)
    return answer


@transaction.atomic
def split_case(case: Case, *, actor: User, members: Sequence[int], reason: str) -> Case:
    """Move members (by key) of an open case into a new one, which is returned.

    What people said of them goes along. The new case inherits the label, the hold and the list of
    readers; orders, shares and packets stay where they are. Accounts of the two cases stay apart
    in every later grouping run. Raises CaseError with what stands against it.
    """
    hold_grouping()
    (case,) = lock_cases(case, actor=actor)
    members = sorted(set(members))
    if not reason.strip():
        raise CaseError("Say why these accounts are split off.")
    there = Member.objects.current().filter(case=case)
    moving = list(there.filter(pk__in=members).values_list("pk", "account_id", "probability"))
    staying = set(there.exclude(pk__in=members).values_list("account_id", flat=True))
    _refuse_unfit(case, members, len(moving), len(staying))
    new = _open(case, actor, reason, sum(p for _, _, p in moving) / (case.expected_members or 1))
    act = Reshaping.objects.create(
        kind=Reshaping.Kind.SPLIT, case=case, other=new, reason=reason[:500], done_by=actor
    )
    carry_members(act, case, new, [pk for pk, _, _ in moving], fresh=False)
    recount(case, new)
    bind(
        Constraint.Kind.APART, case, new,
        left_accounts=staying, right_accounts=[a for _, a, _ in moving], reshaping=act,
    )  # fmt: skip
    told = {"act": act.pk, "accounts": len(moving), "reason": reason}
    kind = TimelineEvent.Kind
    append_event(case, kind.CASE_SPLIT, actor=actor, content=told | {"other": new.ref})
    append_event(
        new, kind.CASE_OPENED, actor=actor, content={"members": len(moving), "reason": new.reason}
    )
    append_event(
        new, kind.CASE_SPLIT, actor=actor, content=told | {"other": case.ref, "part": "new"}
    )
    new.refresh_from_db()
    return new


@transaction.atomic
def undo_split(act: Reshaping, *, actor: User) -> Case:
    """Bring what was split off back; its ref leads to the case from then on. Returns the case.

    Accounts that joined the new case since come along. Raises CaseError when it was undone
    already, or when something was decided, ordered, shared, sealed or reshaped there since.
    """
    hold_grouping()
    act = Reshaping.objects.select_for_update().get(pk=act.pk)
    if reason := why_no_undo(act):
        raise CaseError(reason)
    case, new = lock_cases(act.case, act.other, actor=actor)
    for one in (case, new):
        if not one.is_open:
            raise CaseError(f"{one.ref} is {one.get_status_display()}. Reopen it first.")
    _refuse_hanging(new)
    mark_undone(act, actor=actor)
    back = list(Member.objects.current().filter(case=new).values_list("pk", flat=True))
    move_links(new, case, back)
    restore_members(act)
    joined = Member.objects.current().filter(case=new).values_list("pk", flat=True)
    carry_members(None, new, case, list(joined), fresh=False)
    new.merged_into = case
    new.save(update_fields=["merged_into"])
    Case.objects.filter(pk=case.pk).update(
        priority=F("priority") + new.priority, harm_per_day=F("harm_per_day") + new.harm_per_day
    )
    recount(case, new)
    told = {"act": act.pk, "accounts": len(back)}
    kind = TimelineEvent.Kind.SPLIT_UNDONE
    append_event(case, kind, actor=actor, content=told | {"other": new.ref})
    append_event(new, kind, actor=actor, content=told | {"other": case.ref})
    case.refresh_from_db()
    return case


def _refuse_unfit(case: Case, members: Sequence[int], moving: int, staying: int) -> None:
    if not case.is_open:
        raise CaseError(f"{case.ref} is {case.get_status_display()}. Reopen it to split it.")
    if not moving:
        raise CaseError(f"None of these accounts is a member of {case.ref} now. Choose again.")
    if moving < len(set(members)):
        gone = len(set(members)) - moving
        raise CaseError(
            f"{gone} of these accounts {'has' if gone == 1 else 'have'} left {case.ref} since you "
            "chose. Look again and choose anew."
        )
    if not staying:
        raise CaseError(f"These are all members of {case.ref}: nothing would stay.")
    refuse_pending(case, members)


def _refuse_hanging(case: Case) -> None:
    """What concerns the new case alone would be lost from sight with it."""
    for things, noun in (
        (case.decisions, "a decision"),
        (case.enforcements, "an action"),
        (case.shares, "a share"),
        (case.packets, "a packet"),
    ):
        if things.exists():
            raise CaseError(f"{case.ref} has {noun} of its own since: merge the cases instead.")


def _open(case: Case, actor: User, reason: str, part: float) -> Case:
    """The new case. Its figures are the part of the old ones that its accounts are expected to be,
    until grouping runs next."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('cases_case_number')")
        number = cursor.fetchone()[0]
    part = min(part, 1.0)
    new = Case.objects.create(
        number=number,
        name=case_name(number),
        reason=f"Split off from {case.ref}: {reason}"[:300],
        opened_by=actor,
        due_at=case.due_at,
        tlp=case.tlp,
        legal_hold=case.legal_hold,
        restricted=case.restricted,
        p_abuse=case.p_abuse,
        priority=case.priority * part,
        harm_per_day=case.harm_per_day * part,
        first_activity_at=case.first_activity_at,
        last_activity_at=case.last_activity_at,
        explanation={
            "summary": [
                f"Split off from {case.ref}. Until grouping runs next, priority and harm are "
                f"{part:.0%} of that case's, by expected members."
            ]
        },
    )
    new.search_text = "\n".join([new.ref, new.name, new.reason])
    new.save(update_fields=["search_text"])
    new.readers.set(case.readers.all())
    Case.objects.filter(pk=case.pk).update(
        priority=F("priority") * (1 - part), harm_per_day=F("harm_per_day") * (1 - part)
    )
    return new
