"""What people say of single members. Grouping never overrides it, and each word can be undone."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Case, Member, Reshaping, TimelineEvent
from cases.services.carry import mark_undone, recount, remember, restore_members, why_no_undo
from cases.services.timeline import append_event


@transaction.atomic
def judge_members(
    case: Case, *, actor: User, members: Sequence[int], verdict: str, reason: str = ""
) -> int:
    """Say of members whether they belong: in, out, unsure, or "" to take it back.

    Grouping never overrides it. One event and one act for the whole selection, which
    undo_judgement takes back. A word on a single member is a review of that account, from which
    detectors are calibrated; one on several is not. Returns how many changed.
    """
    _refuse_unless_open(case)
    alone = len(set(members)) == 1 and bool(verdict)
    said = {"verdict": verdict, "verdict_alone": True} if alone else {"verdict": verdict}
    chosen = list(
        Member.objects.current()
        .filter(case=case, pk__in=members)
        .exclude(**said)
        .select_for_update(of=("self",))
        .order_by("pk")
        .values_list("pk", "verdict", "account__external_id")
    )
    if not chosen:
        return 0
    act = Reshaping.objects.create(
        kind=Reshaping.Kind.JUDGED, case=case, verdict=verdict, reason=reason, done_by=actor
    )
    changed = [pk for pk, _, _ in chosen]
    remember(act, changed)
    Member.objects.filter(pk__in=changed).update(
        verdict=verdict,
        verdict_by=actor if verdict else None,
        verdict_at=timezone.now() if verdict else None,
        verdict_alone=alone,
    )
    append_event(
        case,
        TimelineEvent.Kind.MEMBER_JUDGED,
        actor=actor,
        content={
            "act": act.pk,
            "verdict": verdict,
            "accounts": [name for _, _, name in chosen],
            "before": [before for _, before, _ in chosen],
        },
    )
    return len(chosen)


@transaction.atomic
def undo_judgement(act: Reshaping, *, actor: User) -> int:
    """Give the members of one judgement back the word that stood before it. Returns how many.

    Raises CaseError when it was undone already, or when some were judged or moved since.
    """
    case = Case.objects.select_for_update().get(pk=act.case_id)
    act.refresh_from_db()
    if reason := why_no_undo(act):
        raise CaseError(reason)
    _refuse_unless_open(case)
    mark_undone(act, actor=actor)
    restore_members(act)
    recount(case)
    names = list(
        act.members.order_by("member").values_list("member__account__external_id", flat=True)
    )
    append_event(
        case,
        TimelineEvent.Kind.VERDICT_UNDONE,
        actor=actor,
        content={"act": act.pk, "accounts": len(names), "names": names, "verdict": act.verdict},
    )
    return len(names)


def _refuse_unless_open(case: Case) -> None:
    if not case.is_open:
        raise CaseError(f"{case.ref} is {case.get_status_display()}. Reopen it to judge members.")
    if case.merged_into_id:
        raise CaseError(f"{case.ref} was merged into {case.merged_into.ref}. Judge there.")


def correct_label(case: Case, account: int, *, actor: User, reason: str) -> bool:
    """Say "out" of one account after a granted appeal, on a decided case too.

    Inside the caller's transaction. False when it stands so already, or is no member.
    """
    member = (
        Member.objects.filter(case=case, account=account)
        .exclude(verdict=Member.Verdict.OUT, verdict_alone=True)
        .select_related("account")
        .select_for_update(of=("self",))
        .first()
    )
    if member is None:
        return False
    act = Reshaping.objects.create(
        kind=Reshaping.Kind.JUDGED, case=case, verdict=Member.Verdict.OUT, reason=reason,
        done_by=actor,
    )  # fmt: skip
    remember(act, [member.pk])
    before = member.verdict
    Member.objects.filter(pk=member.pk).update(
        verdict=Member.Verdict.OUT, verdict_by=actor, verdict_at=timezone.now(), verdict_alone=True
    )
    append_event(
        case,
        TimelineEvent.Kind.MEMBER_JUDGED,
        actor=actor,
        content={
            "act": act.pk, "verdict": Member.Verdict.OUT.value,
            "accounts": [member.account.external_id], "before": [before], "reason": reason,
        },
    )  # fmt: skip
    return True
