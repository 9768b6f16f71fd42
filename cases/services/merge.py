"""Two cases are one campaign: one absorbs the other. Nothing is deleted, the old ref leads on."""

from django.contrib.auth.models import User
from django.db import transaction

from cases.errors import CaseError
from cases.models import (
    Case,
    Constraint,
    Member,
    MergeProposal,
    Reshaping,
    TimelineEvent,
)
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
from cases.services.growth import wake_grown
from cases.services.propose import accounts_of, answer_proposal
from cases.services.timeline import append_event

NARROWEST_FIRST = [value for value, _ in Case.TLP.choices]
KEYS = {name: f"{name}_id" for name in ("operator", "predecessor", "after_order")}


def preview_merge(case: Case, other: Case) -> dict:
    """What case would take in if it absorbed other, and what becomes of both. Changes nothing.

    members (that come), both (in either already), marked (new since case's verdict), hold, tlp,
    restricted, losing (people who would see neither), orders, shares, packets and decisions of
    other, which stay under its ref; refusal: why it cannot be done, or "".
    """
    theirs = Member.objects.current().filter(case=other)
    mine = Member.objects.current().filter(case=case).values("account")
    total, both = theirs.count(), theirs.filter(account__in=mine).count()
    answer = {
        "members": total - both,
        "both": both,
        "after": Member.objects.current().filter(case=case).count() + total - both,
        "marked": _marks(case, other),
        "orders": list(other.enforcements.order_by("number")),
        "shares": other.shares.count(),
        "packets": other.packets.count(),
        "decisions": other.decisions.count(),
        **_joint(case, other),
        "losing": _losing(case, other),
    }
    try:
        _refuse_unfit(case, other)
        answer["refusal"] = ""
    except CaseError as error:
        answer["refusal"] = str(error)
    return answer


@transaction.atomic
def merge_cases(
    case: Case,
    other: Case,
    *,
    actor: User,
    reason: str,
    proposal: MergeProposal | None = None,
) -> Case:
    """Let case absorb other, and keep their accounts together from now on. Returns case.

    case keeps ref, status and verdict; where it has one that other lacks, the accounts that come
    are marked as new since the decision. other keeps its row, its history and what hangs on it, and
    its ref leads to case. The stricter of label, hold and list of readers holds for both. Raises
    CaseError with what stands against it.
    """
    hold_grouping()
    if case.pk == other.pk:
        raise CaseError(f"{case.ref} cannot be merged with itself. Name another case.")
    case, other = lock_cases(case, other, actor=actor)
    if not reason.strip():
        raise CaseError("Say why the two are one campaign.")
    _refuse_unfit(case, other)
    act = Reshaping.objects.create(
        kind=Reshaping.Kind.MERGED,
        case=case,
        other=other,
        reason=reason[:500],
        before={"was": _fields(case)},
        done_by=actor,
    )
    left, right = accounts_of(case), accounts_of(other)
    moving = list(Member.objects.current().filter(case=other).values_list("pk", flat=True))
    carry_members(act, other, case, moving, fresh=_marks(case, other))
    bind(
        Constraint.Kind.TOGETHER, case, other,
        left_accounts=left - right, right_accounts=right, reshaping=act,
    )  # fmt: skip
    _become(case, other)
    act.before["became"] = _fields(case)
    act.save(update_fields=["before"])
    recount(case, other)
    if proposal:
        answer_proposal(proposal, MergeProposal.State.ACCEPTED, act)
    else:
        pair = {"left_id": min(case.pk, other.pk), "right_id": max(case.pk, other.pk)}
        for one in MergeProposal.objects.filter(state=MergeProposal.State.OPEN, **pair):
            answer_proposal(one, MergeProposal.State.ACCEPTED, act)
    told = {"act": act.pk, "accounts": len(moving), "reason": reason}
    kind = TimelineEvent.Kind.CASES_MERGED
    append_event(case, kind, actor=actor, content=told | {"other": other.ref})
    append_event(other, kind, actor=actor, content=told | {"other": case.ref, "part": "absorbed"})
    wake_grown()
    case.refresh_from_db()
    return case


@transaction.atomic
def undo_merge(act: Reshaping, *, actor: User) -> Case:
    """Give the absorbed case its ref, its status and its members back. Returns it.

    Accounts that joined since the merge stay where they are. Raises CaseError when it was undone
    already, or when the merged case was decided, acted on, shared, sealed or reshaped since.
    """
    hold_grouping()
    act = Reshaping.objects.select_for_update().get(pk=act.pk)
    if reason := why_no_undo(act):
        raise CaseError(reason)
    case, other = _locked_pair(act, actor)
    _refuse_since(case, act)
    mark_undone(act, actor=actor)
    came = Member.objects.filter(case=case, reshaped__reshaping=act, reshaped__created=True)
    revived = Member.objects.filter(
        case=case, reshaped__reshaping=act, reshaped__left_before__isnull=False
    )
    going = list((came | revived).distinct().values_list("pk", flat=True))
    move_links(case, other, going)
    restore_members(act)
    _put_back(case, act)
    Case.objects.filter(pk=other.pk).update(merged_into=None)
    recount(case, other)
    told = {"act": act.pk, "accounts": len(going)}
    kind = TimelineEvent.Kind.MERGE_UNDONE
    append_event(case, kind, actor=actor, content=told | {"other": other.ref})
    append_event(other, kind, actor=actor, content=told | {"other": case.ref})
    other.refresh_from_db()
    return other


def _refuse_unfit(case: Case, other: Case) -> None:
    undecided = Case.Verdict.UNDECIDED
    if undecided not in (case.verdict, other.verdict) and case.verdict != other.verdict:
        raise CaseError(
            f"{case.ref} was decided {case.get_verdict_display()} and {other.ref} "
            f"{other.get_verdict_display()}: reopen the one that was wrong first."
        )
    if case.verdict == undecided and other.verdict != undecided:
        raise CaseError(
            f"{other.ref} has a verdict ({other.get_verdict_display()}) and {case.ref} has none: "
            f"merge {case.ref} into {other.ref}, so that the verdict stands."
        )
    refuse_pending(other)


def _marks(case: Case, other: Case) -> bool:
    """Whether what comes is new to the verdict that case has."""
    return case.verdict != Case.Verdict.UNDECIDED and other.verdict == Case.Verdict.UNDECIDED


def _joint(case: Case, other: Case) -> dict:
    return {
        "tlp": min(case.tlp, other.tlp, key=NARROWEST_FIRST.index),
        "legal_hold": case.legal_hold or other.legal_hold,
        "restricted": case.restricted or other.restricted,
    }


def _readers(case: Case, other: Case) -> set[int]:
    """Who may see what comes of both: whoever might see each."""
    lists = [set(c.readers.values_list("pk", flat=True)) for c in (case, other) if c.restricted]
    return set.intersection(*lists) if lists else set()


def _losing(case: Case, other: Case) -> int:
    """People on one list who would lose sight; those whom no list named are not counted."""
    lists = [set(c.readers.values_list("pk", flat=True)) for c in (case, other) if c.restricted]
    return len(set.union(*lists) - _readers(case, other)) if lists else 0


def _fields(case: Case) -> dict:
    return {
        "tlp": case.tlp,
        "legal_hold": case.legal_hold,
        "restricted": case.restricted,
        "readers": sorted(case.readers.values_list("pk", flat=True)),
        "operator": case.operator_id,
        "wave": case.wave,
        "predecessor": case.predecessor_id,
        "after_order": case.after_order_id,
    }


def _become(case: Case, other: Case) -> None:
    readers = _readers(case, other)
    for name, value in _joint(case, other).items():
        setattr(case, name, value)
    if case.operator_id is None:
        case.operator_id, case.wave = other.operator_id, other.wave
        if other.predecessor_id != case.pk:
            case.predecessor_id, case.after_order_id = other.predecessor_id, other.after_order_id
    case.save(
        update_fields=[
            "tlp", "legal_hold", "restricted", "operator", "wave", "predecessor", "after_order",
        ]
    )  # fmt: skip
    if case.restricted:
        case.readers.set(readers)
    other.merged_into = case
    other.save(update_fields=["merged_into"])


def _put_back(case: Case, act: Reshaping) -> None:
    """The fields of case as they were before the merge, where nobody changed them since."""
    was, became, now = act.before["was"], act.before["became"], _fields(case)
    mine = [name for name in was if now[name] == became[name]]
    if "readers" in mine:
        mine.remove("readers")
        case.readers.set(was["readers"])
    for name in mine:
        setattr(case, KEYS.get(name, name), was[name])
    case.save(update_fields=mine)


def _locked_pair(act: Reshaping, actor: User) -> tuple[Case, Case]:
    """Both cases of a merge, locked in key order; the absorbed one is not open to lock_cases."""
    pks = sorted([act.case_id, act.other_id])
    found = {c.pk: c for c in Case.objects.select_for_update().filter(pk__in=pks).order_by("pk")}
    (case,) = lock_cases(found[act.case_id], actor=actor)
    other = found[act.other_id]
    if other.merged_into_id != case.pk:
        raise CaseError(f"{other.ref} is not part of {case.ref} any more.")
    return case, other


def _refuse_since(case: Case, act: Reshaping) -> None:
    since = act.done_at
    for things, noun in (
        (case.decisions.filter(decided_at__gt=since), "decided"),
        (case.enforcements.filter(requested_at__gt=since), "acted on"),
        (case.shares.filter(prepared_at__gt=since), "shared"),
        (case.packets.filter(requested_at__gt=since), "sealed"),
    ):
        if things.exists():
            raise CaseError(
                f"{case.ref} was {noun} after the merge, for all of its accounts. Split the "
                f"accounts of {act.other.ref} off instead."
            )
